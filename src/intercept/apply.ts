// Runs `ip` and `nft` inside the namespace that the calling process is in; it is the only file that changes a kernel's network state.
import { spawn } from 'node:child_process'
import { SallyportError } from '../base/index.ts'
import { table } from './ruleset.ts'

/** Absolute paths, found outside before anything was hidden. */
export interface NetworkTools {
  readonly ip: string
  readonly nft: string
}

const limit = 10_000
const outputLimit = 4 * 1024 * 1024

/** `ip -batch -`: all lines or an error that quotes what `ip` said. */
export async function configureLinks(tools: NetworkTools, batch: string): Promise<void> {
  await run([tools.ip, '-batch', '-'], batch)
}

/** One atomic transaction: all rules or none. */
export async function applyRuleset(tools: NetworkTools, ruleset: string): Promise<void> {
  await run([tools.nft, '-f', '-'], ruleset)
}

/** The table as `nft -j` prints it, for `readCapture`. */
export async function listRuleset(tools: NetworkTools): Promise<string> {
  return run([tools.nft, '-j', 'list', 'table', 'inet', table], '')
}

const running = new Set<number>()

/** Whether a child is one of this file's, for an init that reaps everybody else's. */
export function isToolProcess(pid: number): boolean {
  return running.has(pid)
}

function run(command: readonly [string, ...string[]], input: string): Promise<string> {
  const [program, ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: limit, killSignal: 'SIGKILL' })
    const pid = child.pid ?? 0
    running.add(pid)
    const output: Buffer[] = []
    const complaints: Buffer[] = []
    let size = 0
    const keep = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length
      if (size <= outputLimit) into.push(chunk)
    }
    child.stdout.on('data', keep(output))
    child.stderr.on('data', keep(complaints))
    // A program that ends without reading closes its input first; its exit says what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', (cause) => reject(failure(command, cause.message, cause)))
    child.on('exit', () => running.delete(pid))
    child.on('close', (code, signal) => {
      if (code === 0 && size <= outputLimit) return resolve(Buffer.concat(output).toString())
      const said = Buffer.concat(complaints).toString().trim().split('\n').slice(0, 3).join('; ')
      reject(failure(command, said || `it ended with ${signal ?? `exit code ${code}`}`))
    })
  })
}

function failure(command: readonly string[], said: string, cause?: unknown): SallyportError {
  return new SallyportError('SLP2003', `\`${command.join(' ')}\`: ${said}`, cause === undefined ? {} : { cause })
}
