// The first process inside (PID 1): builds the seal, hands its sockets out, starts the command, then reaps, relays signals, counts refusals and keeps testing.
import type { ChildProcess, SendHandle } from 'node:child_process'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { messageOf, SallyportError } from '../base/index.ts'
import { type CaptureState, compareCapture, isToolProcess, listRuleset, readCapture } from '../intercept/index.ts'
import type { SelfTestReport } from './contract.ts'
import { enterRoot, enterWord, sendOrder, startEntering } from './enter-root.ts'
import { ExecInside } from './exec-inside.ts'
import { leadOwnGroup, mountLater, setForegroundGroup, startThreads, takeStop } from './libc.ts'
import { planKept, planSocketMasks } from './masks.ts'
import { type FromInit, isToInit, type Setup, socketNames, type ToInit } from './messages.ts'
import { mountMasks, readMounts } from './mount-masks.ts'
import { reapOrphans } from './orphans.ts'
import { type Inside, openDoor, prepareInside, stage, StageError } from './prepare.ts'
import { allowReadingRules, shrinkPrivileges } from './privileges.ts'
import { icmpMark, RefusalLedger } from './refusals.ts'
import { ownRefusals, runSelfTest } from './self-test.ts'
import { privilegeCommand } from './stages.ts'
import { exitCodeOf, startWorkload, type Unstartable, whyUnstartable } from './workload.ts'

export interface InitOptions {
  /** The entry that ships passes nothing here, so that no message can take a layer off. */
  readonly allowWithout?: boolean
}

const inherited = ['inherit', 'inherit', 'inherit'] as const
const testInterval = 5000
const countInterval = 1000
/** How many self-tests in a row may go unanswered before it is said: a stopped sidecar answers late, and nothing leaks meanwhile. */
const quietLimit = 3
const mostMends = 3
const ownFailure = 125
const notRunning = 'exec: the workload is not running'

/** Runs until the command has ended; the process ends with its exit code. */
export async function runInit(options: InitOptions = {}): Promise<void> {
  if (process.argv[2] === enterWord) enterRoot()
  process.on('disconnect', () => process.exit(ownFailure))
  process.on(
    'uncaughtException',
    (error) => void tell({ kind: 'failed', stage: 'start', message: messageOf(error) }).then(() => process.exit(ownFailure)),
  )
  // Before anything else can send one: Node would answer SIGUSR1 with a debugger that the workload could use.
  process.on('SIGUSR1', () => undefined)
  try {
    const setup = await firstMessage()
    if (setup.withoutLayer !== undefined && !options.allowWithout) throw new SallyportError('SLP0001', 'this entry builds whole seals only')
    const inside = await prepareInside(setup, setup.withoutLayer)
    const init = new Init(setup, inside)
    await stage('hand over', () => init.handOver())
  } catch (error) {
    const name = error instanceof StageError ? error.stage : 'namespaces'
    const cause = error instanceof StageError ? error.cause : error
    const fix = cause instanceof SallyportError && cause.fix !== undefined ? { fix: cause.fix } : {}
    await tell({ kind: 'failed', stage: name, message: messageOf(error), ...fix })
    process.exit(ownFailure)
  }
}

function firstMessage(): Promise<Setup> {
  return new Promise((resolve, reject) => {
    process.once('message', (message) => {
      if (isToInit(message) && message.kind === 'setup') resolve(message)
      else reject(new SallyportError('SLP2005', 'the sidecar did not begin with its set-up'))
    })
  })
}

/** Resolves when the message, and a handle with it, is on its way; the sidecar's end ends this process anyway. */
function tell(message: FromInit, handle?: SendHandle): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve()
    process.send(message, handle, undefined, () => resolve())
  })
}

class Init {
  readonly #setup: Setup
  readonly #inside: Inside
  readonly #ledger = new RefusalLedger()
  readonly #covered: Set<string>
  readonly #execs: ExecInside
  #workload: ChildProcess | undefined
  #isPending = true
  #ended = false
  #baseline: string | undefined
  #mark = ''
  #unanswered = 0
  #testing: Promise<SelfTestReport> | undefined
  #hiding: Promise<void> = Promise.resolve()
  /** Since the last note. */
  readonly #hidden: string[] = []

  constructor(setup: Setup, inside: Inside) {
    this.#setup = setup
    this.#inside = inside
    this.#execs = new ExecInside(setup, tell)
    this.#covered = new Set(
      setup.withoutLayer === 'masks' ? setup.hostSockets : planSocketMasks(setup.hostSockets, inside.maskFacts).map((step) => step.at),
    )
  }

  async handOver(): Promise<void> {
    process.on('message', (message) => {
      if (isToInit(message)) this.#obey(message)
    })
    for (const name of socketNames) {
      const socket = this.#inside.sockets.get(name)
      if (socket) await tell({ kind: 'socket', name }, socket)
    }
    await tell({ kind: 'ready' })
  }

  #obey(message: ToInit): void {
    switch (message.kind) {
      case 'setup':
        return
      case 'taken':
        for (const socket of this.#inside.sockets.values()) socket.close()
        return
      case 'test':
        void this.#testMended().then((report) => tell({ kind: 'report', id: message.id, report }))
        return
      case 'start':
        void this.#start()
        return
      case 'signal':
        return this.#signal(message.name)
      case 'continue':
        return this.#continue(message.lend)
      case 'dial':
        return dial(message.id, message.host, message.port)
      case 'door':
        void this.#openDoor(message.port)
        return
      case 'hide':
        this.#hiding = this.#hiding.then(() => this.#hide(message.paths))
        return
      case 'exec':
        // Rights are not what they have to be before the command has started.
        if (this.#isPending || this.#ended) return void tell({ kind: 'unexecuted', id: message.id, code: 126, message: notRunning })
        return this.#execs.obey(message)
      case 'resize':
      case 'kill':
        return this.#execs.obey(message)
    }
  }

  async #openDoor(port: number): Promise<void> {
    try {
      const door = await openDoor(port, this.#inside.hasIpv6)
      for (const [name, server] of door) {
        await tell({ kind: 'socket', name }, server)
        // The sidecar has its own by now.
        server.close()
      }
      await tell({ kind: 'opened' })
    } catch (error) {
      await tell({ kind: 'unopened', message: messageOf(error) })
    }
  }

  /** Also when two ask at once: one test serves both. */
  #test(): Promise<SelfTestReport> {
    this.#testing ??= this.#runTest().finally(() => {
      this.#testing = undefined
    })
    return this.#testing
  }

  /** A server outside that was started again a moment ago took the mask of its socket away with it. What is no more than that can be mended, also for one that is started again and again. */
  async #testMended(): Promise<SelfTestReport> {
    await this.#hiding
    let report = await this.#test()
    for (let mended = 0; report.escaped && mended < mostMends && !this.#ended; mended++) {
      await this.#keepMasks()
      report = await this.#test()
    }
    return report
  }

  #runTest(): Promise<SelfTestReport> {
    const { hasIpv6, architecture } = this.#inside
    const { nonce, probePort } = this.#setup
    this.#ledger.expect(ownRefusals(hasIpv6))
    return runSelfTest({ nonce, probePort, hasIpv6, architecture, covered: [...this.#covered], checkRules: () => this.#checkRules() })
  }

  async #checkRules(): Promise<readonly string[]> {
    const state = await this.#count()
    const wrong = compareCapture(state, this.#inside.ports)
    if (wrong.length > 0) return wrong
    this.#baseline ??= state.fingerprint
    return state.fingerprint === this.#baseline ? [] : ['a rule is not what it was']
  }

  async #start(): Promise<void> {
    const { command, env, cwd, isRoot, user, tools, root } = this.#setup
    const [program = ''] = command
    const why = root ? undefined : whyUnstartable(program, env['PATH'], cwd)
    if (why) return this.#refuseToStart(why.code, why.message)
    let refused: Promise<Unstartable | undefined> | undefined
    try {
      // The command can signal its own process group: none of the caller's processes may be in it.
      leadOwnGroup()
      await startThreads()
      if (this.#setup.terminal?.lent) this.#lendTerminal()
      shrinkPrivileges(isRoot, root !== undefined)
      const identity = { isRoot, ...(user ? { user } : {}) }
      const privileges = privilegeCommand({ setpriv: tools.setpriv, ...identity })
      this.#workload = root ? startEntering(isRoot, inherited) : startWorkload([...privileges, ...command], env, cwd)
      if (root) refused = sendOrder(this.#workload, { argv: command, env, cwd, ...identity })
      this.#workload.on('error', (error) => void this.#refuseToStart(ownFailure, messageOf(error)))
      this.#workload.on('exit', (code, signal) => void this.#exited(exitCodeOf(code, signal), refused))
      allowReadingRules(isRoot)
    } catch (error) {
      return this.#refuseToStart(ownFailure, messageOf(error))
    }
    const failure = await refused
    if (failure) return this.#refuseToStart(failure.code, failure.message)
    this.#isPending = false
    this.#watch()
    await tell({ kind: 'started' })
  }

  /** Whoever has not become the command has said why. */
  async #exited(code: number, refused: Promise<Unstartable | undefined> | undefined): Promise<void> {
    if ((await refused) === undefined) await this.#finish(code)
  }

  async #refuseToStart(code: number, message: string): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await tell({ kind: 'unstartable', code, message })
    await this.#leave(code)
  }

  #watch(): void {
    process.on('SIGCHLD', () => this.#attend())
    setInterval(() => void this.#tick(), countInterval)
    setInterval(() => void this.#retest(), testInterval)
  }

  #attend(): void {
    const stop = takeStop(this.#workload?.pid ?? 0)
    if (stop !== 0) void tell({ kind: 'stopped', signal: stop })
    this.#reap()
  }

  /** As PID 1 this process ignores what it has no handler for, and every signal that cannot be handled. */
  #signal(name: NodeJS.Signals): void {
    if (name === 'SIGINT' || name === 'SIGQUIT') process.kill(0, name)
    else this.#workload?.kill(name)
  }

  #continue(lend: boolean): void {
    if (lend) this.#lendTerminal()
    process.kill(0, 'SIGCONT')
  }

  /** To the group of this process, which is the command's: the caller's side could not name it. */
  #lendTerminal(): void {
    try {
      if (this.#setup.terminal) setForegroundGroup(this.#setup.terminal.fd, process.pid)
    } catch (error) {
      void tell({ kind: 'note', text: `the terminal cannot be lent to the command: ${messageOf(error)}` })
    }
  }

  #reap(): void {
    reapOrphans((pid) => pid === this.#workload?.pid || isToolProcess(pid) || this.#execs.owns(pid))
  }

  /** Once a second, and cheap unless something was refused. */
  async #tick(): Promise<void> {
    this.#attend()
    await this.#keepMasks()
    await this.#countNews()
  }

  async #countNews(): Promise<void> {
    if (markNow() === this.#mark) return
    await this.#count().catch((error: unknown) => tell({ kind: 'note', text: `refusals cannot be counted: ${messageOf(error)}` }))
  }

  async #count(): Promise<CaptureState> {
    // Before the counts are read: what is refused in between is seen the next time.
    this.#mark = markNow()
    const state = readCapture(await listRuleset(this.#setup.tools))
    const refusals = this.#ledger.update(state.refused)
    if (refusals.length > 0) await tell({ kind: 'refused', refusals })
    return state
  }

  /** Some machines open many of them. */
  async #tellHidden(): Promise<void> {
    const hidden = this.#hidden.splice(0)
    if (hidden.length > 0) await tell({ kind: 'note', text: `hidden from the workload: ${hidden.join(', ')}` })
  }

  async #retest(): Promise<void> {
    await this.#tellHidden()
    if (this.#setup.withoutLayer !== undefined || this.#ended || this.#isPending) return
    const report = await this.#testMended()
    if (this.#ended) return
    if (report.escaped) {
      this.#ended = true
      await tell({ kind: 'broken', report })
      await this.#leave(ownFailure)
      return
    }
    this.#unanswered = report.ok ? 0 : this.#unanswered + 1
    if (this.#unanswered === quietLimit)
      await tell({ kind: 'note', text: 'the sidecar does not answer the self-test; nothing leaves meanwhile' })
  }

  async #hide(paths: readonly string[]): Promise<void> {
    const mounts = readMounts()
    const points = new Set(mounts.map((mount) => mount.point))
    const steps = planSocketMasks(paths, { ...this.#inside.maskFacts, mounts }).filter((step) => !points.has(step.at))
    if (steps.length === 0) return
    try {
      await mountMasks(steps, mountLater)
      for (const step of steps) this.#covered.add(step.at)
      // Nobody has seen what was covered before anything ran.
      if (!this.#isPending) this.#hidden.push(...steps.map((step) => step.at))
    } catch (error) {
      await tell({ kind: 'note', text: `could not be hidden from the workload: ${messageOf(error)}` })
    }
  }

  /** Whoever replaces a file outside, as editors do, takes away what was mounted on it inside; so does a server that is started again with its socket. */
  async #keepMasks(): Promise<void> {
    const points = new Set(readMounts().map((mount) => mount.point))
    const sockets = [...this.#covered].filter((at) => !points.has(at) && lstatSync(at, { throwIfNoEntry: false })?.isSocket() === true)
    const missing = [
      ...planKept(this.#inside.maskFacts).filter((step) => !points.has(step.at) && existsSync(step.at)),
      ...sockets.map((at) => ({ do: 'cover', at }) as const),
    ]
    if (missing.length === 0 || this.#setup.withoutLayer !== undefined) return
    await mountMasks(missing, mountLater).catch((error: unknown) =>
      tell({ kind: 'note', text: `could not be protected again: ${messageOf(error)}` }),
    )
  }

  async #finish(code: number): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await this.#countNews()
    await tell({ kind: 'exited', code })
    await this.#leave(code)
  }

  /** Whatever else still runs inside ends with its init. */
  async #leave(code: number): Promise<never> {
    process.removeAllListeners('disconnect')
    if (process.connected) process.disconnect()
    process.exit(code)
  }
}

function dial(id: number, host: string, port: number): void {
  const socket = net.connect({ host, port, allowHalfOpen: true })
  // A server that speaks first must be heard outside, not here.
  socket.pause()
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in 10 s')))
  socket.on('error', (error) => void tell({ kind: 'undialed', id, message: error.message }))
  socket.on('connect', () => {
    socket.setTimeout(0)
    void tell({ kind: 'dialed', id }, socket)
  })
}

function markNow(): string {
  return icmpMark(readOrNothing('/proc/net/snmp'), readOrNothing('/proc/net/snmp6'))
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
