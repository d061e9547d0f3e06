// Finds every kubectl of the machine, and runs one against a server, its home for itself.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Ran } from './served-api.ts'

export interface Kubectl {
  /** `1.33`; `dispatcher` for one that chooses another by the version of the server. */
  readonly name: string
  readonly path: string
}

/** On PATH and beside those; one of each version. */
export function findKubectls(): readonly Kubectl[] {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl'))
  const real = onPath.filter((path) => path !== 'kubectl' && existsSync(path)).map((path) => realpathSync(path))
  const beside = real.flatMap((path) => readdirSync(dirname(path)).map((file) => join(dirname(path), file)))
  const paths = [...real, ...beside.filter((path) => /\/kubectl\.\d+\.\d+$/.test(path)).toSorted()]
  const found = new Map<string, Kubectl>()
  for (const path of new Set(paths)) {
    const name = nameOf(path)
    if (name !== undefined && !found.has(name)) found.set(name, { name, path })
  }
  return Array.from(found.values())
}

function nameOf(path: string): string | undefined {
  const told = spawnSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8' }).stdout
  const [, version, dispatcher] = /"gitVersion": "v(\d+\.\d+)[^"]*?(-dispatcher)?"/.exec(told) ?? []
  return dispatcher === undefined ? version : 'dispatcher'
}

export interface KubectlRun {
  readonly kubectl: Kubectl
  readonly kubeconfig: string
  readonly home: string
}

export function runKubectl({ kubectl, kubeconfig, home }: KubectlRun, args: readonly string[], input = ''): Promise<Ran> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig }
  return new Promise((resolve) => {
    const child = execFile(kubectl.path, args, { env, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err })
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}
