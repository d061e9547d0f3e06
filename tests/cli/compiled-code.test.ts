// Starts the bundled programs with the code that V8 compiled at the build, with what is no such code, and without any.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { spawnProcess } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'

const dist = dirname(bundled('bin.js'))
// In the project, so that packages are found from there.
const cache = join(dist, '../.cache')
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, 'compiled-code-'))
const shipped = readdirSync(dist).filter((name) => /^(package\.json|(bin|parts|seal-entry)\b.*\.(js|map|cache))$/.test(name))
const codes = shipped.filter((name) => name.endsWith('.cache'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const name of shipped) copyFileSync(join(dist, name), join(folder, name))
})

const spoiled: Readonly<Record<string, { readonly spoil?: (path: string) => void; readonly node?: readonly string[] }>> = {
  'without code, as where a role could not be played at the build': { spoil: (path) => rmSync(path) },
  'with code that was cut short': { spoil: (path) => truncateSync(path, 5000) },
  'with the code of another source': { spoil: (path) => copyFileSync(join(dist, other(path)), path) },
  'with flags that the code was not made for': { node: ['--max-lazy'] },
  'where stacks are to name the sources': { node: ['--enable-source-maps'] },
}

test.each(Object.entries(spoiled))('a sealed command runs %s', async (_, { spoil, node = [] }) => {
  for (const name of codes) spoil?.(join(folder, name))
  const { code, stdout } = await start([...node, join(folder, 'bin.js'), 'run', '--', 'echo', 'ran'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' })
})

const roles = [
  ['--help'],
  ['explain', 'http://d2iq.com/'],
  ['run', '--', 'true'],
  ['gateway', '-l', 'istio=egressgateway', '-f', 'nowhere'],
  ['serve', '-f', 'nowhere'],
]

test.each(roles.map((args) => [args]))('V8 takes the code that was kept for %j', async (args) => {
  const told = `\nprocess.on('exit', () => console.error(JSON.stringify(scripts.map(({ script }) => script.cachedDataRejected))))\n`
  writeFileSync(join(folder, 'bin.js'), `${readFileSync(join(folder, 'bin.js'), 'utf8')}${told}`)
  const { stderr } = await start([join(folder, 'bin.js'), ...args])
  // The command line, and what the command needs beside it.
  expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toEqual(args[0] === '--help' ? [false] : [false, false])
})

test('stacks name the sources where Node is asked for that', async () => {
  const env = { SALLYPORT_DEBUG: '1' }
  const { stderr } = await start(['--enable-source-maps', join(folder, 'bin.js'), 'run', '--publish', 'x', '--', 'true'], env)
  expect(stderr).toContain('src/main/all-in-one.ts:')
})

const stays = ['--use-largepages=silent']
const asked: readonly (readonly [args: readonly string[], options: readonly string[]])[] = [
  [['run', '--', 'a b', ''], stays],
  [['gateway', '--name', 'run'], stays],
  [['serve'], stays],
  [['explain', 'gateway'], []],
  [[], []],
]

test.each(asked)('%j starts Node with %j', async (args, options) => {
  const path = join(folder, 'node')
  writeFileSync(path, '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 })
  const program = join(folder, 'bin.js')
  const running = spawnProcess([program, ...args], { env: { PATH: folder } })
  await running.ended
  expect(running.stdout()).toBe(`${[...options, program, ...args].join('\n')}\n`)
})

async function start(args: readonly string[], env = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = spawnProcess([process.execPath, ...args], { env })
  const limit = setTimeout(() => running.signal('SIGKILL'), 20_000)
  const { code } = await running.ended
  clearTimeout(limit)
  return { code, stdout: running.stdout(), stderr: running.stderr() }
}

function other(path: string): string {
  return codes.find((name) => !path.endsWith(name)) ?? ''
}
