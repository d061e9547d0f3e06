// Starts the programs of a measurement, ends them all, and reads from /proc what their process trees have used.
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import type { Socket } from 'node:dgram'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'

export interface Program {
  readonly name: string
  readonly child: ChildProcess
  readonly pid: number
  /** What it has said on stderr, its last kilobytes. */
  said(): string
  stop(): Promise<void>
}

const running = new Set<Program>()
const KEPT = 8192

export interface StartOptions {
  readonly stdio?: SpawnOptions['stdio']
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

// A company's own certificates cost every Node more at its start than all of ours, and another's options change what is measured.
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...plainEnv } = process.env

export function start(name: string, command: readonly [string, ...string[]], options: StartOptions = {}): Program {
  const [file, ...args] = command
  const child = spawn(file, args, { stdio: options.stdio ?? ['ignore', 'ignore', 'pipe'], env: options.env ?? plainEnv, cwd: options.cwd })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-KEPT)
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const program: Program = {
    name,
    child,
    pid: child.pid ?? missing(name),
    said: () => text,
    async stop() {
      running.delete(program)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 3000)
      await gone
      clearTimeout(late)
    },
  }
  running.add(program)
  return program
}

function missing(name: string): never {
  throw new Error(`${name} could not be started`)
}

export async function stopAll(): Promise<void> {
  await Promise.all(Array.from(running, (program) => program.stop()))
}

/** Whatever ends this process ends what it has started. */
process.once('exit', () => {
  for (const { child } of running) child.kill('SIGKILL')
})

/** Takes what is logged over UDP; resolves with the port. */
export function openSyslog(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    socket.on('message', () => undefined)
    socket.bind(0, '127.0.0.1', () => resolve(socket.address().port))
  })
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : missing('a port')
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Resolves when the port takes connections. */
export async function listening(program: Program, port: number, limitMs = 30_000): Promise<void> {
  const until = performance.now() + limitMs
  while (!(await answers(port))) {
    if (program.child.exitCode !== null || performance.now() > until) {
      throw new Error(`${program.name} does not listen on port ${port}: ${program.said().trim() || 'it says nothing'}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The process and its descendants, without those (and theirs) whose command line holds the word. */
export function treeOf(pid: number, except?: string): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(readOrEmpty(`/proc/${name}/stat`).split(') ')[1]?.split(' ')[1])
    const list = children.get(parent) ?? []
    list.push(Number(name))
    children.set(parent, list)
  }
  const found: number[] = []
  const visit = (at: number): void => {
    if (
      except !== undefined &&
      at !== pid &&
      readOrEmpty(`/proc/${at}/cmdline`)
        .split('\0')
        .some((word) => word.endsWith(except))
    )
      return
    found.push(at)
    for (const child of children.get(at) ?? []) visit(child)
  }
  visit(pid)
  return found
}

/** Run time of all threads so far, in nanoseconds: the first field of schedstat. */
export function cpuOf(pids: readonly number[]): number {
  let total = 0
  for (const pid of pids) {
    for (const thread of listOrEmpty(`/proc/${pid}/task`))
      total += Number(readOrEmpty(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])
  }
  return total
}

/** Resident bytes. */
export function rssOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0) * 1024, 0)
}

/** A process may end while it is being looked at. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listOrEmpty(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
