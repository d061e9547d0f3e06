// Starts `sallyport run --join` as a process of its own: a sealed command that is a Pod of a server.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Joined {
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

export interface JoinedPlaces {
  /** The folder of the server, with its kubeconfig. */
  readonly data: string
  readonly state: string
}

/** In a session of its own, so that what the terminal of these tests says is not for it. */
export function runJoined({ data, state }: JoinedPlaces, options: readonly string[], command: readonly string[]): Joined {
  const fixed = ['--join', '--kubeconfig', join(data, 'kubeconfig'), '--state-dir', state, '--node-name', 'here']
  const args = ['dist/bin.js', 'run', ...fixed, ...options, '--', ...command]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => void (said.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (said.err += chunk.toString()))
  return {
    out: () => said.out,
    err: () => said.err,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    kill: (signal) => void child.kill(signal),
  }
}
