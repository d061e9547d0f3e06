// The sidecar's side of processes that are started beside the command: what they are asked to be, their streams, and how they ended.
import net from 'node:net'
import { PassThrough } from 'node:stream'
import { deferred, type Deferred, fail, messageOf, ok, type Result, withTimeout } from '../base/index.ts'
import type { ExecFailure, ExecProcess, ExecRequest, TerminalSize } from './contract.ts'
import type { ExecNews, ExecOrder, StreamName } from './messages.ts'

/** At once, in one seal. */
const processLimit = 64
const startLimit = 10_000
/** What the kernel takes as arguments and variables is less on some machines; it would say so in words that nobody understands. */
const sizeLimit = 1 << 20
const cannotRun = 126
/** As of a process that is ended by SIGKILL, which the end of the workload is. */
const gone = 137

export class ExecOutside {
  readonly #say: (order: ExecOrder) => void
  readonly #processes = new Map<number, Process>()
  #nextId = 1

  constructor(say: (order: ExecOrder) => void) {
    this.#say = say
  }

  async exec(request: ExecRequest): Promise<Result<ExecProcess, ExecFailure>> {
    const why = whyRefused(request, this.#processes.size)
    if (why !== undefined) return fail({ exitCode: cannotRun, message: why })
    const id = this.#nextId++
    const process = new Process(id, this.#say)
    this.#processes.set(id, process)
    this.#say({ kind: 'exec', id, ...request })
    try {
      const started = await withTimeout(process.started, startLimit, `exec: ${JSON.stringify(request.argv[0])}: it did not start in time`)
      if (started.ok) void process.ended.then(() => this.#processes.delete(id))
      else this.#processes.delete(id)
      return started
    } catch (error) {
      this.#processes.delete(id)
      process.abandon()
      return fail({ exitCode: cannotRun, message: messageOf(error) })
    }
  }

  hear(news: ExecNews, handle: unknown): void {
    const process = this.#processes.get(news.id)
    if (news.kind === 'stream') {
      if (!(handle instanceof net.Socket)) return
      // Nobody waits for it any more.
      if (process) process.take(news.name, handle)
      else handle.destroy()
      return
    }
    process?.hear(news)
  }

  /** Everything inside has ended. */
  end(): void {
    for (const [id, process] of this.#processes) {
      process.hear({ kind: 'unexecuted', id, code: gone, message: 'the workload has ended' })
      process.hear({ kind: 'ended', id, code: gone })
    }
  }
}

function whyRefused({ argv, env }: ExecRequest, running: number): string | undefined {
  if (argv.length === 0) return 'exec: no command'
  if (running >= processLimit) return `exec: ${processLimit} processes that were started beside the command are running already`
  const texts = [...argv, ...Object.entries(env ?? {}).flat()]
  if (texts.some((text) => text.includes('\0'))) return 'exec: a NUL in the command or in a variable'
  if (texts.reduce((size, text) => size + text.length, 0) > sizeLimit) return 'exec: argument list too long'
  return undefined
}

class Process implements ExecProcess {
  readonly #id: number
  readonly #say: (order: ExecOrder) => void
  readonly #started = deferred<Result<ExecProcess, ExecFailure>>()
  readonly #ended = deferred<{ readonly exitCode: number }>()
  readonly #outputs = new Map<StreamName, Output>()
  #stdin: net.Socket | null = null

  constructor(id: number, say: (order: ExecOrder) => void) {
    this.#id = id
    this.#say = say
  }

  get started(): Promise<Result<ExecProcess, ExecFailure>> {
    return this.#started.promise
  }

  get ended(): Promise<{ readonly exitCode: number }> {
    return this.#ended.promise
  }

  get stdin(): net.Socket | null {
    return this.#stdin
  }

  get stdout(): PassThrough {
    return this.#output('stdout').stream
  }

  get stderr(): PassThrough | null {
    return this.#outputs.get('stderr')?.stream ?? null
  }

  resize(size: TerminalSize): void {
    this.#say({ kind: 'resize', id: this.#id, size })
  }

  kill(): void {
    this.#say({ kind: 'kill', id: this.#id })
  }

  take(name: StreamName, socket: net.Socket): void {
    socket.on('error', () => undefined)
    if (name !== 'stdin') return this.#output(name).take(socket)
    // A pipe has no half to shut down: its end is seen when it is closed.
    socket.on('finish', () => socket.destroy())
    this.#stdin = socket
  }

  hear(news: Exclude<ExecNews, { kind: 'stream' }>): void {
    switch (news.kind) {
      case 'executing':
        return this.#started.resolve(ok(this))
      case 'unexecuted':
        return this.#started.resolve(fail({ exitCode: news.code, message: news.message }))
      case 'ended':
        this.#stdin?.destroy()
        void this.#settle(news.code)
    }
  }

  abandon(): void {
    this.kill()
    this.#stdin?.destroy()
    for (const output of this.#outputs.values()) output.close()
  }

  async #settle(exitCode: number): Promise<void> {
    await Promise.all([...this.#outputs.values()].map((output) => output.settled()))
    this.#ended.resolve({ exitCode })
  }

  #output(name: StreamName): Output {
    const known = this.#outputs.get(name)
    if (known) return known
    const output = new Output()
    this.#outputs.set(name, output)
    return output
  }
}

const lookMs = 250
/** Of a reader that does not read on. */
const patienceMs = 30_000

/** What the process writes. Ends with the pipe, or soon after the process when something that it has left behind keeps the pipe open. */
class Output {
  readonly stream = new PassThrough()
  readonly #closed: Deferred<void> = deferred<void>()
  #socket: net.Socket | undefined

  take(socket: net.Socket): void {
    this.#socket = socket
    // Its other direction does not exist, so nothing can be ended there.
    socket.allowHalfOpen = true
    socket.pipe(this.stream)
    socket.on('close', () => this.close())
    socket.on('end', () => this.close())
    this.stream.on('close', () => socket.destroy())
  }

  close(): void {
    this.stream.end()
    this.#socket?.destroy()
    this.#closed.resolve()
  }

  /** Asks of the process that it has ended. */
  async settled(): Promise<void> {
    let before = -1
    let still = 0
    const timer = setInterval(() => {
      const buffered = this.stream.readableLength + this.stream.writableLength + (this.#socket?.readableLength ?? 0)
      const passed = (this.#socket?.bytesRead ?? 0) - buffered
      still = passed === before ? still + lookMs : 0
      before = passed
      if (still >= (buffered === 0 ? lookMs : patienceMs)) this.close()
    }, lookMs)
    await this.#closed.promise
    clearInterval(timer)
  }
}
