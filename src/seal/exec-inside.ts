// Starts further processes beside the command, for the init: with the command's own user, rights, environment and place, and streams whose other ends go to the sidecar.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fchownSync, readdirSync, readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import { messageOf } from '../base/index.ts'
import type { ExecRequest, TerminalSize } from './contract.ts'
import { sendOrder, startEntering } from './enter-root.ts'
import { makePipe } from './libc.ts'
import type { Owner } from './masks.ts'
import type { ExecNews, ExecOrder, Setup, StreamName } from './messages.ts'
import { startWithoutRights } from './privileges.ts'
import { openPty, type Pty } from './pty.ts'
import { privilegeCommand } from './stages.ts'
import { exitCodeOf, noPlace, type Unstartable, whyUnstartable } from './workload.ts'

export type TellNews = (news: ExecNews, stream?: net.Socket) => Promise<void>

export class ExecInside {
  readonly #setup: Setup
  readonly #tell: TellNews
  readonly #running = new Map<number, Running>()

  constructor(setup: Setup, tell: TellNews) {
    this.#setup = setup
    this.#tell = tell
  }

  /** Children that Node itself waits for. */
  owns(pid: number): boolean {
    return [...this.#running.values()].some(({ child }) => child.pid === pid)
  }

  obey(order: ExecOrder): void {
    switch (order.kind) {
      case 'exec':
        return this.#exec(order.id, order)
      case 'resize':
        return this.#resize(order.id, order.size)
      case 'kill':
        return this.#kill(order.id)
    }
  }

  #exec(id: number, request: ExecRequest): void {
    const refuse = (code: number, message: string) => void this.#tell({ kind: 'unexecuted', id, code, message })
    const env: Record<string, string> = { ...(request.tty ? { TERM: 'xterm' } : {}), ...this.#setup.env, ...request.env }
    const cwd = request.cwd ?? this.#setup.cwd
    const why = this.#setup.root ? undefined : whyNot(request.argv[0] ?? '', env['PATH'], cwd)
    if (why) return refuse(why.code, why.asRuntimes)
    const streams = new Streams(request, this.#setup.user)
    try {
      streams.open()
      const { child, refused } = this.#spawn(request, { env, cwd, stdio: streams.inner })
      this.#running.set(id, { child, pty: streams.pty })
      child.on('error', (error) => {
        this.#running.delete(id)
        streams.close()
        refuse(126, `exec: ${messageOf(error)}`)
      })
      streams.closeInner()
      // The end is not told before the streams: whoever hears of it looks whether they have ended too.
      const begun = child.pid === undefined ? Promise.resolve(false) : this.#begin(id, streams, refused)
      child.on('exit', (code, signal) => {
        this.#running.delete(id)
        void begun.then((hasRun) => (hasRun ? this.#tell({ kind: 'ended', id, code: exitCodeOf(code, signal) }) : undefined))
      })
    } catch (error) {
      streams.close()
      refuse(126, `exec: ${messageOf(error)}`)
    }
  }

  /** Whether it runs, or has run. */
  async #begin(id: number, streams: Streams, refused: Promise<Unstartable | undefined> | undefined): Promise<boolean> {
    const why = await refused
    if (why) {
      streams.close()
      await this.#tell({ kind: 'unexecuted', id, code: why.code, message: why.asRuntimes })
      return false
    }
    await this.#handOver(id, streams)
    return true
  }

  /**
   * `setpriv` gets none of the environment, which the request may name: what LD_PRELOAD loads must not run before the rights are gone. A session of its
   * own, so that neither its signals nor the command's reach the other.
   */
  #spawn({ argv, tty }: ExecRequest, { env, cwd, stdio }: { env: Record<string, string>; cwd: string; stdio: Stdio }): Spawned {
    const { tools, isRoot, user, root } = this.#setup
    const identity = { isRoot, ...(user ? { user } : {}) }
    if (root) {
      const entering = startWithoutRights(isRoot, () => startEntering(isRoot, stdio))
      const refused = sendOrder(entering, { argv, env, cwd, ...identity, session: tty ? 'terminal' : 'none' })
      return { child: entering, refused }
    }
    const [program, ...privileges] = privilegeCommand({ setpriv: tools.setpriv, ...identity })
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const session = [tools.setsid, ...(tty ? ['--ctty'] : []), '--', ...argv]
    const args = [...privileges, tools.env, '-i', ...variables, ...session]
    return { child: startWithoutRights(isRoot, () => spawn(program, args, { stdio: [...stdio], env: { LC_ALL: 'C' }, cwd })) }
  }

  async #handOver(id: number, streams: Streams): Promise<void> {
    for (const [name, socket] of streams.outer) await this.#tell({ kind: 'stream', id, name }, socket)
    await this.#tell({ kind: 'executing', id })
  }

  #resize(id: number, size: TerminalSize): void {
    this.#running.get(id)?.pty?.resize(size)
  }

  #kill(id: number): void {
    const running = this.#running.get(id)
    if (running?.child.pid === undefined) return
    // It leads a session as soon as its last program runs. Twice: somebody may have been starting somebody.
    for (const pid of [running.child.pid, ...sessionOf(running.child.pid), ...sessionOf(running.child.pid)]) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
        continue
      }
    }
    running.pty?.hangUp()
  }
}

interface Spawned {
  readonly child: ChildProcess
  /** Where that is told later: why it has not become what it was to be. */
  readonly refused?: Promise<Unstartable | undefined>
}

interface Running {
  readonly child: ChildProcess
  readonly pty: Pty | undefined
}

type Stdio = readonly (number | 'ignore')[]

/** Pipes, as programs expect them (`/dev/stdout` of a socket cannot be opened), and at a terminal two that lead to it. */
class Streams {
  readonly outer = new Map<StreamName, net.Socket>()
  readonly #request: ExecRequest
  readonly #owner: Owner | undefined
  readonly #innerFds = new Map<StreamName, number>()
  readonly #relayed: net.Socket[] = []
  #pty: Pty | undefined
  #isStarted = false

  constructor(request: ExecRequest, owner: Owner | undefined) {
    this.#request = request
    this.#owner = owner
  }

  get pty(): Pty | undefined {
    return this.#pty
  }

  get inner(): Stdio {
    if (this.#pty) return [this.#pty.terminal, this.#pty.terminal, this.#pty.terminal]
    return (['stdin', 'stdout', 'stderr'] as const).map((name) => this.#innerFds.get(name) ?? 'ignore')
  }

  open(): void {
    const { tty, stdin } = this.#request
    if (stdin) this.#pipe('stdin')
    this.#pipe('stdout')
    if (tty) this.#relay(tty)
    else this.#pipe('stderr')
  }

  closeInner(): void {
    for (const fd of this.#innerFds.values()) closeSync(fd)
    this.#innerFds.clear()
    if (this.#pty && !this.#isStarted) closeSync(this.#pty.terminal)
    this.#isStarted = true
  }

  close(): void {
    this.closeInner()
    for (const socket of [...this.outer.values(), ...this.#relayed]) socket.destroy()
    this.#pty?.hangUp()
  }

  #pipe(name: StreamName): void {
    const { read, write } = makePipe()
    const [inner, outer] = name === 'stdin' ? [read, write] : [write, read]
    this.#innerFds.set(name, inner)
    // Not to be read here: what is on its way belongs to the sidecar.
    this.outer.set(name, new net.Socket({ fd: outer, readable: false, writable: true }))
    // Root's own, it could not be opened by its name.
    if (this.#owner) fchownSync(inner, this.#owner.uid, this.#owner.gid)
  }

  #relay(size: TerminalSize): void {
    const pty = openPty(size, this.#owner)
    this.#pty = pty
    const [input, output] = [this.#innerFds.get('stdin'), this.#innerFds.get('stdout')]
    this.#innerFds.clear()
    if (output !== undefined) {
      const stdout = new net.Socket({ fd: output, readable: false, writable: true })
      this.#relayed.push(stdout)
      pty.output.pipe(stdout)
      // EIO: nobody is at the terminal any more.
      pty.output.on('error', () => stdout.end())
      // Nobody reads any more.
      stdout.on('error', () => pty.hangUp())
      stdout.on('close', () => pty.hangUp())
    }
    if (input !== undefined) {
      const stdin = new net.Socket({ fd: input, readable: true, writable: false })
      this.#relayed.push(stdin)
      stdin.on('error', () => undefined)
      pty.output.on('close', () => stdin.destroy())
      stdin.pipe(pty.input)
    }
  }
}

/** /proc/PID/stat: behind the name, which may contain anything: state, parent, group, session. */
function* sessionOf(session: number): Generator<number> {
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === session) yield Number(name)
    } catch {
      // It has ended meanwhile.
      continue
    }
  }
}

function whyNot(command: string, path: string | undefined, cwd: string): Unstartable | undefined {
  return isDirectory(cwd) ? whyUnstartable(command, path, cwd) : noPlace(cwd)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
