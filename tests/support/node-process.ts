// Runs a program, keeps what it says within bounds, and reaches the process behind a program that only forks and waits (nsenter, unshare).
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

export interface ProcessOptions {
  /** Over the caller's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly stdio?: StdioOptions
  /** In a session of its own. */
  readonly detached?: boolean
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Output extends Ending {
  readonly stdout: string
  readonly stderr: string
}

export interface NodeProcess {
  /** The command line. */
  readonly name: string
  readonly stdin: ChildProcess['stdin']
  /** Its stdout as text, for whoever reads it as it comes. */
  readonly output: ChildProcess['stdout']
  readonly ended: Promise<Ending>
  readonly hasEnded: boolean
  /** What it wrote so far, the last million characters. */
  stdout(): string
  stderr(): string
  /** Resolves once its output, either stream, holds `text`; rejects when it ends before, or after the time limit. */
  says(text: string, timeoutMs?: number): Promise<void>
  /** Sends a signal to the program itself, not to what entered the node for it. */
  signal(name: NodeJS.Signals): void
  /** The program's process id as this process sees it. */
  innerPid(): number
}

const mostOutput = 1_000_000
const saysMs = 15_000
const lastOutputMs = 500

export function spawnProcess(argv: readonly string[], options: ProcessOptions): NodeProcess {
  const [command = '', ...args] = argv
  const child = spawn(command, args, {
    stdio: options.stdio ?? 'pipe',
    detached: options.detached ?? false,
    env: { ...process.env, ...options.env },
  })
  const said = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      said[stream] = (said[stream] + text).slice(-mostOutput)
      for (const listener of listeners) listener()
    })
  }
  let ending: Ending | undefined
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', (error) => {
      said.stderr += `${error.message}\n`
      resolve((ending = { code: 127, signal: null }))
    })
    // 'close' comes after the last output, which is never when something that it left behind has the pipe still open.
    child.once('exit', (code, signal) => setTimeout(() => resolve((ending ??= { code, signal })), lastOutputMs))
    child.once('close', (code, signal) => resolve((ending ??= { code, signal })))
  })

  function says(text: string, timeoutMs = saysMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (why?: string): void => {
        clearTimeout(limit)
        listeners.delete(check)
        if (why === undefined) resolve()
        else reject(new Error(`${argv.join(' ')}: ${why}\n${said.stdout}${said.stderr}`))
      }
      const check = (): void => {
        if (said.stdout.includes(text) || said.stderr.includes(text)) stop()
      }
      const limit = setTimeout(() => stop(`did not say "${text}" within ${timeoutMs} ms`), timeoutMs)
      listeners.add(check)
      check()
      void ended.then(({ code, signal }) => stop(`ended (${signal ?? `exit code ${code}`}) before it said "${text}"`))
    })
  }

  function signal(name: NodeJS.Signals): void {
    if (ending !== undefined || child.pid === undefined) return
    try {
      process.kill(innermost(child.pid), name)
    } catch (error) {
      // Gone in this very moment, as was wanted.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  return {
    name: argv.join(' '),
    stdin: child.stdin,
    output: child.stdout,
    ended,
    get hasEnded() {
      return ending !== undefined
    },
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    says,
    signal,
    innerPid: () => innermost(child.pid ?? 0),
  }
}

// They fork when they enter or make a namespace for processes; a signal to them would not reach whom it is meant for.
const wrappers = new Set(['nsenter', 'unshare', 'setpriv'])

function innermost(pid: number): number {
  const [child] = isWrapper(pid) ? childrenOf(pid) : []
  return child === undefined ? pid : innermost(child)
}

function isWrapper(pid: number): boolean {
  const path = `/proc/${pid}/comm`
  return existsSync(path) && wrappers.has(readFileSync(path, 'utf8').trim())
}

export function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number) : []
}
