// Puts a kubectl on PATH where there is none, or one that is too old: the one that the set-up has installed beside the project.
import { spawnSync } from 'node:child_process'
import { basename, delimiter, join, resolve } from 'node:path'

/** The first whose `exec` speaks WebSocket. */
const leastMinor = 30

const folder = join(resolve(import.meta.dirname, basename(import.meta.dirname) === 'dist' ? '..' : '../..'), '.cache/kubectl')

/** Whether one is there now, for this process and those that it starts. */
export function findKubectl(): boolean {
  if (isNewEnough('kubectl')) return true
  if (!isNewEnough(join(folder, 'kubectl'))) return false
  process.env['PATH'] = [folder, process.env['PATH'] ?? ''].join(delimiter)
  return true
}

function isNewEnough(path: string): boolean {
  const told = spawnSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8' }).stdout ?? ''
  const [, minor = '0'] = /"minor": "(\d+)/.exec(told) ?? []
  return Number(minor) >= leastMinor
}
