// Opens a seal: from the caller's options to sockets that listen inside, a command that waits, and the word that lets it go.
import dgram from 'node:dgram'
import net from 'node:net'
import os from 'node:os'
import {
  deferred,
  type Deferred,
  fail,
  formatAddress,
  messageOf,
  parseIp,
  type Result,
  SallyportError,
  withTimeout,
} from '../base/index.ts'
import { probeHosts } from '../intercept/index.ts'
import type { ExecFailure, ExecProcess, ExecRequest, Seal, SealOptions, SelfTestReport } from './contract.ts'
import { explainFailure } from './doctor.ts'
import { ExecOutside } from './exec-outside.ts'
import { findNewHostSockets, findNewSocketsEverywhere, identityOf } from './host-sockets.ts'
import { launch, type Launch } from './launch.ts'
import { type DoorName, doorNames, isFromInit, type FromInit, type SocketName, socketNames, type ToInit } from './messages.ts'
import { openPublished, type Published } from './publish.ts'
import { describeReport } from './self-test.ts'
import { stageOf } from './stages.ts'
import { Terminal } from './terminal.ts'

const readyLimit = 30_000
const testLimit = 15_000
const dialLimit = 15_000
const closeLimit = 10_000
const doorLimit = 10_000
/** Looks so often whether something outside was opened, and less often where looking would take more than a hundredth of the time. */
const watchInterval = 500
const watchShare = 0.01
/** The same for what processes in other namespaces open: all processes are looked at, by each seal of the machine. */
const wholeInterval = 2000
const wholeShare = 0.003
/** Paths of one message. */
const mostAtOnce = 64

/** Everything up to the point where the data plane can take the sockets; `start` tests the seal and lets the command go. */
export async function openSeal(options: SealOptions): Promise<Seal> {
  const launched = launch(options)
  const seal = new OpenSeal(options, launched)
  try {
    await seal.open()
    return seal
  } catch (error) {
    await seal.close()
    throw error
  }
}

class OpenSeal implements Seal {
  readonly tcp4 = captureServer()
  readonly tcp6 = captureServer()
  readonly #dnsTcp: net.Server[] = []
  readonly #dnsUdp: dgram.Socket[] = []
  readonly #doors: net.Server[] = []
  readonly probeAddresses: readonly string[]
  readonly networkNamespace: string
  readonly exited: Promise<{ readonly code: number }>

  readonly #options: SealOptions
  readonly #launch: Launch
  readonly #ready = deferred<void>()
  readonly #started = deferred<void>()
  #opening: { readonly servers: net.Server[]; readonly done: Deferred<void> } | undefined
  readonly #exit = deferred<{ readonly code: number }>()
  readonly #gone = deferred<void>()
  readonly #reports = new Map<number, Deferred<SelfTestReport>>()
  readonly #dials = new Map<number, Deferred<net.Socket>>()
  readonly #execs = new ExecOutside((order) => this.#say(order))
  readonly #terminal: Terminal
  readonly #wasOurs: boolean
  readonly #known: Map<string, string>
  #isReady = false
  #hasEnded = false
  #isLent: boolean
  #code: number | undefined
  #failure: SallyportError | undefined
  #published: Published | undefined
  #watcher: NodeJS.Timeout | undefined
  #wholeWatcher: NodeJS.Timeout | undefined
  #nextId = 1
  #lastNote = ''

  constructor(options: SealOptions, launched: Launch) {
    this.#options = options
    this.#launch = launched
    this.#terminal = new Terminal(launched.terminal)
    this.#wasOurs = this.#terminal.isOurs()
    this.#isLent = launched.setup.terminal?.lent ?? false
    this.#known = new Map(launched.setup.hostSockets.map((path) => [path, identityOf(path)]))
    this.exited = this.#exit.promise
    this.networkNamespace = `/proc/${launched.child.pid ?? 0}/ns/net`
    this.probeAddresses = Object.values(probeHosts).flatMap((host) => {
      const ip = parseIp(host)
      return ip === undefined ? [] : [formatAddress({ ip, port: launched.probePort })]
    })
    // Whoever waits for one of these hears of a failure; nobody has to wait for all of them.
    for (const waiting of [this.#ready, this.#started]) waiting.promise.catch(() => undefined)
  }

  get dns(): Seal['dns'] {
    return { udp: this.#dnsUdp, tcp: this.#dnsTcp }
  }

  async open(): Promise<void> {
    const { child, setup, notes } = this.#launch
    child.on('message', (message, handle) => {
      if (isFromInit(message)) this.#hear(message, handle)
    })
    child.on('error', (error) => this.#end(new SallyportError('SLP2001', `${child.spawnfile}: ${messageOf(error)}`, { cause: error })))
    child.on('close', () => this.#end())
    child.on('disconnect', () => this.#gone.resolve())
    process.on('SIGCONT', this.#continue)
    for (const note of notes) this.#options.onNote(note)
    this.#say(setup)
    await withTimeout(this.#ready.promise, readyLimit, 'the seal was not ready in time')
    this.#say({ kind: 'taken' })
    this.#published = await openPublished(this.#options.publish, (port) => this.dialInside(port))
  }

  async openDoor(port: number): Promise<readonly net.Server[]> {
    const opening = { servers: [], done: deferred<void>() }
    this.#opening = opening
    this.#say({ kind: 'door', port })
    try {
      await withTimeout(opening.done.promise, doorLimit, `port ${port} inside was not opened in time`)
      return opening.servers
    } finally {
      this.#opening = undefined
    }
  }

  async selfTest(): Promise<SelfTestReport> {
    const id = this.#nextId++
    const waiting = deferred<SelfTestReport>()
    this.#reports.set(id, waiting)
    this.#say({ kind: 'test', id })
    try {
      return await withTimeout(waiting.promise, testLimit, 'the self-test did not end')
    } finally {
      this.#reports.delete(id)
    }
  }

  async start(): Promise<void> {
    // What was opened since the masks were made: to make a seal takes a moment, and what the caller waits for before this may take long.
    await this.#hideFreshEverywhere()
    if (this.#options.withoutLayer === undefined) {
      const report = await this.selfTest()
      if (!report.ok) {
        const fix = stageOf('self-test')?.fix ?? ''
        this.#failure = new SallyportError('SLP2004', `the seal failed its own test: ${describeReport(report)}`, { fix })
        await this.close()
        throw this.#failure
      }
    }
    this.#say({ kind: 'start' })
    await this.#started.promise
    this.#watchHost()
    this.#watchEverywhere(0)
  }

  async exec(request: ExecRequest): Promise<Result<ExecProcess, ExecFailure>> {
    if (this.#hasEnded) return fail({ exitCode: 137, message: 'the workload has ended' })
    return this.#execs.exec(request)
  }

  signal(name: NodeJS.Signals): void {
    this.#say({ kind: 'signal', name })
  }

  async dialInside(port: number, host?: string): Promise<net.Socket> {
    if (host !== undefined) return this.#dial(port, host)
    // A server listens at one of the two, and people do not know at which.
    return this.#dial(port, '127.0.0.1').catch(() => this.#dial(port, '::1'))
  }

  async #dial(port: number, host: string): Promise<net.Socket> {
    const id = this.#nextId++
    const waiting = deferred<net.Socket>()
    this.#dials.set(id, waiting)
    this.#say({ kind: 'dial', id, host, port })
    try {
      return await withTimeout(waiting.promise, dialLimit, `port ${port} inside did not answer`)
    } finally {
      this.#dials.delete(id)
    }
  }

  async close(): Promise<void> {
    const { child } = this.#launch
    await this.#published?.close()
    // Its end ends the init, and with the init the kernel ends everything inside.
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    const gone = Promise.all([this.#exit.promise, this.#gone.promise])
    await withTimeout(gone, closeLimit, 'the sealed processes did not end').catch((error: unknown) =>
      this.#options.onNote(messageOf(error)),
    )
    for (const server of [this.tcp4, this.tcp6, ...this.#dnsTcp, ...this.#doors]) if (server.listening) server.close()
    for (const socket of this.#dnsUdp.splice(0)) socket.close()
  }

  #say(message: ToInit): void {
    const { child } = this.#launch
    // A channel that is closed already: 'exit' tells everybody who waits.
    if (child.connected) child.send(message, () => undefined)
  }

  #hear(message: FromInit, handle: unknown): void {
    switch (message.kind) {
      case 'socket':
        return this.#take(message.name, handle)
      case 'ready':
        this.#isReady = true
        return this.#ready.resolve()
      case 'opened':
        return this.#opening?.done.resolve()
      case 'unopened':
        return this.#opening?.done.reject(
          new SallyportError('SLP2005', `the proxy's port cannot be opened inside: ${message.message}`, { fix: 'choose another port' }),
        )
      case 'failed':
        this.#failure = stageFailure(message.stage, message.message, message.fix)
        // Nobody waits any more: it would end without a word.
        if (this.#isReady) this.#options.onNote(this.#failure.message)
        return this.#ready.reject(this.#failure)
      case 'report':
        return this.#reports.get(message.id)?.resolve(message.report)
      case 'started':
        return this.#started.resolve()
      case 'stopped':
        return this.#stopped(message.signal)
      case 'unstartable':
        this.#code = message.code
        this.#failure = new SallyportError('SLP0007', message.message, { fix: 'check the command’s name, its mode and PATH' })
        return
      case 'refused':
        return this.#options.onRefused(message.refusals)
      case 'dialed':
        return this.#arrive(message.id, handle)
      case 'undialed':
        return this.#dials.get(message.id)?.reject(new SallyportError('SLP2007', message.message))
      case 'stream':
      case 'executing':
      case 'unexecuted':
      case 'ended':
        return this.#execs.hear(message, handle)
      case 'note':
        // What goes on going wrong is said once.
        if (message.text !== this.#lastNote) this.#options.onNote(message.text)
        this.#lastNote = message.text
        return
      case 'broken':
        this.#code = 125
        return this.#options.onNote(`the seal is broken, the command was stopped: ${describeReport(message.report)}`)
      case 'exited':
        this.#code = message.code
    }
  }

  /** It asked for the terminal, which only the foreground job can lend; else the user, or it itself, wants it stopped, and us with it. */
  #stopped(signal: number): void {
    if (!this.#terminal.exists) return
    const { SIGTTIN, SIGTTOU } = os.constants.signals
    const asks = signal === SIGTTIN || signal === SIGTTOU
    if (asks) this.#isLent = true
    if (asks && this.#terminal.isOurs()) return this.#continue()
    if (!asks) this.#terminal.takeBack()
    // The whole job, its pipeline included, as the terminal itself would.
    process.kill(0, 'SIGTSTP')
    // Without a shell that minds its jobs the signal has no effect, and nobody would ever continue the command.
    setTimeout(this.#continue, 100)
  }

  /** After a stop of our own too: who continues this process means the command. */
  readonly #continue = (): void => {
    this.#say({ kind: 'continue', lend: this.#isLent && this.#terminal.isOurs() })
  }

  #arrive(id: number, handle: unknown): void {
    const waiting = this.#dials.get(id)
    if (!(handle instanceof net.Socket))
      return waiting?.reject(new SallyportError('SLP2005', 'a dialled connection came without its socket'))
    // Nobody waits any more: the connection must not stay open for ever.
    if (!waiting) return void handle.destroy()
    handle.allowHalfOpen = true
    waiting.resolve(handle)
  }

  #take(name: SocketName | DoorName, handle: unknown): void {
    if (![...socketNames, ...doorNames].includes(name)) return
    if (handle instanceof dgram.Socket) {
      this.#dnsUdp.push(handle)
      return
    }
    if (!(handle instanceof net.Server)) return this.#ready.reject(new SallyportError('SLP2005', `socket ${name} came without its handle`))
    const server = name === 'tcp4' ? this.tcp4 : name === 'tcp6' ? this.tcp6 : net.createServer()
    // Our own object on the same handle: it has the options that the data plane needs.
    server.listen(handle)
    const isDoor = name === 'door4' || name === 'door6'
    if (isDoor) this.#doors.push(server)
    if (isDoor) this.#opening?.servers.push(server)
    else if (server !== this.tcp4 && server !== this.tcp6) this.#dnsTcp.push(server)
  }

  #watchHost(): void {
    if (this.#hasEnded) return
    const began = performance.now()
    this.#hide(findNewHostSockets(this.#known))
    const took = performance.now() - began
    this.#watcher = setTimeout(() => this.#watchHost(), Math.max(watchInterval, took / watchShare)).unref()
  }

  #watchEverywhere(took: number): void {
    if (this.#hasEnded) return
    const look = async (): Promise<void> => this.#watchEverywhere(await this.#hideFreshEverywhere())
    this.#wholeWatcher = setTimeout(() => void look(), Math.max(wholeInterval, took / wholeShare)).unref()
  }

  /** Returns what it took, in milliseconds. */
  async #hideFreshEverywhere(): Promise<number> {
    const { paths, took } = await findNewSocketsEverywhere(this.#known, this.#launch.child.pid)
    this.#hide(paths)
    return took
  }

  /** Further sockets that something outside opened at a path: the init covers them, or it is at least said. */
  #hide(fresh: readonly string[]): void {
    for (const path of fresh) this.#known.set(path, identityOf(path))
    for (let from = 0; from < fresh.length; from += mostAtOnce) this.#say({ kind: 'hide', paths: fresh.slice(from, from + mostAtOnce) })
  }

  #end(cause?: SallyportError): void {
    this.#hasEnded = true
    clearTimeout(this.#watcher)
    clearTimeout(this.#wholeWatcher)
    this.#execs.end()
    process.off('SIGCONT', this.#continue)
    if (this.#wasOurs) this.#terminal.takeBack()
    const failure = cause ?? this.#failure
    const ended = failure ?? new SallyportError('SLP2002', 'the sealed processes have ended')
    // Without a word, before it was ready: the machine lacks something, which takes a moment to find out.
    if (this.#isReady || failure) this.#ready.reject(ended)
    else void explainFailure().then(this.#ready.reject, this.#ready.reject)
    this.#started.reject(ended)
    this.#opening?.done.reject(ended)
    for (const waiting of [...this.#reports.values(), ...this.#dials.values()]) waiting.reject(ended)
    if (cause) this.#gone.resolve()
    void this.#launch.flush().then(() => this.#exit.resolve({ code: this.#code ?? 125 }))
  }
}

function captureServer(): net.Server {
  return net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
}

function stageFailure(name: string, message: string, fix?: string): SallyportError {
  const stage = stageOf(name)
  const code =
    name === 'seccomp' ? 'SLP2006' : name === 'capture' || name === 'links' ? 'SLP2003' : name === 'namespaces' ? 'SLP2001' : 'SLP2002'
  const purpose = stage ? ` (${stage.purpose})` : ''
  return new SallyportError(code, `the seal cannot be made, step "${name}"${purpose}: ${message}`, {
    fix: fix ?? stage?.fix ?? 'run `sallyport doctor`',
  })
}
