// Runs Envoy as our child: starts it, starts it again when it ends or hangs, and ends it with us.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deferred, messageOf, SallyportError } from '../base/index.ts'
import { askAdmin, readStats } from './admin-client.ts'
import type { EnvoyBinary } from './binary.ts'
import { bootstrap, type BootstrapInit } from './bootstrap.ts'

export interface EnvoyOptions extends Omit<BootstrapInit, 'admin'> {
  readonly binary: EnvoyBinary
  /** Of this user alone, and not visible to the workload. */
  readonly folder: string
  readonly onNote: (text: string) => void
  /** Called when a process is gone, expected or not. */
  readonly onGone?: () => void
  readonly timing?: Partial<EnvoyTiming>
}

export interface Envoy {
  /** Unix socket of the admin interface. */
  readonly admin: string
  /** The process that runs now. */
  readonly pid: number | undefined
  /** Resolves when it serves, by its own word; rejects when it ends before, or not in time. */
  ready(): Promise<void>
  /** Resolves when no listener and no cluster waits for anything any more, or not in time, with what is waited for. */
  settled(): Promise<readonly string[]>
  /** Lets go of connections within `ms`, then ends it. */
  drain(ms: number): Promise<void>
  close(): Promise<void>
}

/** Milliseconds. */
export interface EnvoyTiming {
  readonly ready: number
  readonly settle: number
  /** How often it is asked whether it lives. */
  readonly watch: number
  /** For the end that it is asked for. */
  readonly ends: number
  readonly firstPause: number
  readonly longestPause: number
  /** Who has run for so long was no failed start. */
  readonly sound: number
}

const usualTiming: EnvoyTiming = {
  ready: 20_000,
  settle: 5000,
  watch: 2000,
  ends: 2000,
  firstPause: 100,
  longestPause: 10_000,
  sound: 30_000,
}
const pollMs = 10
/** So many times in a row without an answer is a hang. */
const mostSilent = 3
const mostLogLines = 40

export function startEnvoy(options: EnvoyOptions): Envoy {
  return new Supervisor(options)
}

class Supervisor implements Envoy {
  readonly admin: string
  readonly #options: EnvoyOptions
  #child: ChildProcess | undefined
  #started = 0
  readonly #timing: EnvoyTiming
  #pause: number
  #isEnding = false
  #restart: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #silent = 0
  /** What it said last: the reason, when it ends. */
  #said: string[] = []

  constructor(options: EnvoyOptions) {
    this.#options = options
    this.#timing = { ...usualTiming, ...options.timing }
    this.#pause = this.#timing.firstPause
    this.admin = join(options.folder, 'admin.sock')
    writeFileSync(this.#config, JSON.stringify(bootstrap({ ...options, admin: this.admin })), { mode: 0o600 })
    this.#start()
    this.#watch = setInterval(() => void this.#look(), this.#timing.watch)
    this.#watch.unref()
    // Whatever ends us ends it: a process that is killed cannot do more than leave it without its parent, which PDEATHSIG ends.
    process.once('exit', this.#onExit)
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get #config(): string {
    return join(this.#options.folder, 'bootstrap.json')
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + this.#timing.ready
    while (!(await this.#answers('/ready'))) {
      const isOver = performance.now() > deadline
      if (isOver || this.#child === undefined) {
        const why = isOver ? `did not serve within ${this.#timing.ready} ms` : 'ended before it served'
        throw new SallyportError('SLP5103', `Envoy ${why}: ${this.#said.join(' ') || 'it said nothing'}`)
      }
      await pause(pollMs)
    }
  }

  async settled(): Promise<readonly string[]> {
    const deadline = performance.now() + this.#timing.settle
    let waiting: readonly string[] = ['it does not say what it is waiting for']
    while (performance.now() < deadline) {
      const stats = await readStats(this.admin, 'warming').catch(() => new Map<string, number>())
      if (stats.size > 0) waiting = Array.from(stats, ([name, count]) => (count === 0 ? [] : [`${name}: ${count}`])).flat()
      if (waiting.length === 0) return []
      await pause(pollMs)
    }
    return waiting
  }

  async drain(ms: number): Promise<void> {
    this.#isEnding = true
    if (this.#child === undefined) return this.close()
    await askAdmin(this.admin, '/drain_listeners?graceful', 'POST').catch(() => undefined)
    const deadline = performance.now() + ms
    while (performance.now() < deadline && this.#child !== undefined) {
      const stats = await readStats(this.admin, '^server.total_connections$').catch(() => new Map<string, number>())
      if (stats.get('server.total_connections') === 0) break
      await pause(pollMs)
    }
    await this.close()
  }

  async close(): Promise<void> {
    this.#isEnding = true
    clearTimeout(this.#restart)
    clearInterval(this.#watch)
    process.off('exit', this.#onExit)
    const child = this.#child
    if (child === undefined) return
    const gone = deferred<void>()
    child.once('exit', () => gone.resolve())
    child.kill('SIGTERM')
    const limit = setTimeout(() => child.kill('SIGKILL'), this.#timing.ends)
    await gone.promise
    clearTimeout(limit)
  }

  readonly #onExit = (): void => {
    this.#child?.kill('SIGKILL')
  }

  #start(): void {
    const { binary, onNote } = this.#options
    // A socket of one that was killed would keep the next from listening.
    if (existsSync(this.admin)) rmSync(this.admin)
    this.#started = performance.now()
    this.#silent = 0
    this.#said = []
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', binary.path, ...this.#arguments()], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
    })
    this.#child = child
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => this.#hear(text))
    child.once('error', (error) => {
      onNote(`Envoy cannot be started: ${messageOf(error)}`)
      this.#onGone(child, 'could not be started')
    })
    child.once('exit', (code, signal) => this.#onGone(child, signal === null ? `ended with code ${code ?? 0}` : `was ended by ${signal}`))
  }

  #arguments(): readonly string[] {
    return [
      ['-c', this.#config],
      ['--log-level', 'warning'],
      ['--log-format', '%l: %v'],
      ['--concurrency', '1'],
      ['--drain-time-s', '1'],
      ['--drain-strategy', 'immediate'],
      ['--file-flush-interval-msec', '10'],
      ['--disable-hot-restart'],
    ].flat()
  }

  #hear(text: string): void {
    for (const line of text.split('\n').map((one) => one.trim())) {
      if (line === '') continue
      this.#said = [...this.#said, line].slice(-mostLogLines)
      if (!this.#isEnding && !usual.some((pattern) => pattern.test(line))) this.#options.onNote(`Envoy: ${line}`)
    }
  }

  #onGone(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#options.onGone?.()
    if (this.#isEnding) return
    if (performance.now() - this.#started > this.#timing.sound) this.#pause = this.#timing.firstPause
    this.#options.onNote(`Envoy ${how}; it is started again in ${this.#pause} ms, and until then nothing passes`)
    this.#restart = setTimeout(() => this.#start(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, this.#timing.longestPause)
  }

  /** One that does not answer its own admin interface does not serve either. */
  async #look(): Promise<void> {
    const child = this.#child
    if (child === undefined || this.#isEnding) return
    if (
      await askAdmin(this.admin, '/server_info', 'GET', this.#timing.watch).then(
        () => true,
        () => false,
      )
    ) {
      this.#silent = 0
      return
    }
    if (this.#child !== child || ++this.#silent < mostSilent) return
    this.#options.onNote('Envoy has stopped answering and is killed')
    child.kill('SIGKILL')
  }

  #answers(page: string): Promise<boolean> {
    return askAdmin(this.admin, page).then(
      ({ status }) => status === 200,
      () => false,
    )
  }
}

/** Said at every start or end. */
const usual: readonly RegExp[] = [/caught ENVOY_SIGTERM/]

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
