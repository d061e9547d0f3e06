// Says where the Envoy is that tests and the benchmark compare with: tools/setup.sh puts it there.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

// Sources stand two folders deep and bundled programs in dist/: both are started from the top of the repository.
const folder = resolve('.cache', 'envoy')
const binary = join(folder, 'envoy')
const stamp = join(folder, '.sallyport-version')

export interface EnvoyProgram {
  readonly path: string
  readonly version: string
}

/** Undefined where it is not installed: `noEnvoy` says what to do. */
export function findEnvoy(): EnvoyProgram | undefined {
  // The stamp is written last: without it an installation was interrupted.
  if (!existsSync(binary) || !existsSync(stamp)) return undefined
  return { path: binary, version: readFileSync(stamp, 'utf8').trim() }
}

export const noEnvoy = `there is no Envoy in ${folder}: run tools/setup.sh envoy`

/** Options of `run` and `gateway` for each engine that is there. */
export function engineOptions(): Readonly<Record<string, readonly string[]>> {
  const envoy = findEnvoy()
  const isWanted = envoy !== undefined || process.env['CI'] === 'true'
  return { 'our proxy': [], ...(isWanted && { 'stock Envoy': ['--engine', 'envoy', '--envoy-path', envoy?.path ?? ''] }) }
}
