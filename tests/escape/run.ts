// Runs the attacker, sealed or not, over sets of attempts, and gathers what was seen outside meanwhile.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fillIn } from './attempt.ts'
import type { Orders } from './attacker.ts'
import { waitFor } from './attacker/network.ts'
import { inspect, processesOf } from './judge/inspect.ts'
import type { Evidence, Ledger, Trial } from './judge/ledger.ts'
import type { Traces } from './judge/traces.ts'
import { type PropKind, Props } from './world/props.ts'
import type { Terminal } from './world/terminal.ts'
import { asOrdinaryLogin } from './world/rights.ts'
import { homeDirectory, runtimeDirectory, type World } from './world/world.ts'

export interface Stage {
  readonly world: World
  readonly ledger: Ledger
  readonly traces: Traces
  readonly attacker: string
  readonly program: string
  /** What placeholders stand for, besides what the world says. */
  readonly facts: Readonly<Record<string, string>>
  /** For whoever looks for what takes long. */
  readonly log: (text: string) => void
}

export interface RunPlan {
  readonly name: string
  readonly trials: readonly Trial[]
  /** The command line that seals what follows it, and where it writes what it refused; empty: no seal. */
  readonly wrapper: (flows: string) => readonly string[]
  readonly props?: PropKind
  /** Between the attacker's last attempt and its end. */
  readonly meanwhile?: (run: { readonly pid: number }) => Promise<void>
  /** After the end of the command that was started. */
  readonly afterwards?: (run: { readonly mark: string }) => Promise<void>
}

export interface RunResult {
  readonly plan: RunPlan
  /** What the attacker said of each attempt, by its index. */
  readonly said: ReadonlyMap<number, string>
  /** Destinations and names that the sidecar wrote down as refused. */
  readonly refused: readonly string[]
}

export interface BatchResult {
  readonly runs: readonly RunResult[]
  readonly evidence: readonly Evidence[]
}

const readyMs = 45_000
const endMs = 10_000
/** What was sent last must have arrived before it is counted. */
const settleMs = 80
const slowMs = 1500

let count = 0

/** Side by side: what is seen outside says itself which attempt it came from. */
export async function runBatch(stage: Stage, plans: readonly RunPlan[], atOnce: number): Promise<BatchResult> {
  const props = new Map(plans.map((plan) => [plan, new Props(stage.world, plan.trials, plan.props)]))
  const waiting = [...plans]
  const runs: RunResult[] = []
  try {
    stage.world.capture.drain()
    stage.ledger.take()
    const work = async (): Promise<void> => {
      for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) runs.push(await runOnce(stage, plan, props.get(plan)!))
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    drain(stage)
    stage.traces.collect(plans.flatMap((plan) => plan.trials))
    const evidence = stage.ledger.take()
    stage.log(`${evidence.length} traces`)
    return { runs, evidence }
  } finally {
    for (const each of props.values()) each.end()
  }
}

async function runOnce(stage: Stage, plan: RunPlan, props: Props): Promise<RunResult> {
  const number = ++count
  const mark = `ESCAPE_RUN=${process.pid}-${number}-${plan.trials[0]?.places.token ?? ''}`
  const flows = `/tmp/escape/flows-${number}.jsonl`
  const orders = writeOrders(stage, plan, number, props)
  const child = start([...plan.wrapper(flows), process.execPath, stage.attacker, orders], mark, props)
  const log = (text: string): void => stage.log(`${plan.name}: ${text}`)
  const words = new Words(child, props.terminal, log)
  log('started')
  try {
    await words.until('ready', readyMs, plan)
    log('ready')
    await plan.meanwhile?.({ pid: child.pid ?? 0 })
    inspect(mark, stage.ledger)
    props.look(stage.ledger)
    child.stdin?.end()
    if (props.terminal === undefined) await waitFor(() => child.exitCode !== null || child.signalCode !== null, endMs)
    else await words.until('over', endMs, plan)
    log('over')
    await plan.afterwards?.({ mark })
    drain(stage)
    props.look(stage.ledger)
    return { plan, said: words.said, refused: readRefused(flows) }
  } finally {
    endAll(child, mark)
  }
}

function drain({ world }: Stage): void {
  world.capture.drain()
  for (const socket of world.datagrams) socket.drain()
}

function writeOrders(stage: Stage, plan: RunPlan, number: number, props: Props): string {
  const known = { ...stage.facts, ...stage.world.facts, ...stage.traces.facts, node: process.execPath, program: stage.program }
  const orders: Orders = {
    // On a terminal the attacker reads nothing: what is typed there is for others.
    stays: plan.props !== 'terminal',
    attempts: plan.trials.map((trial) => ({
      id: trial.places.index,
      token: trial.places.token,
      serial: trial.attempt.serial === true || plan.props === 'descriptors',
      attack: fillIn(trial.attempt.attack, trial.places, { ...known, ...props.factsOf(trial) }),
    })),
  }
  const path = `/tmp/escape/orders-${number}.json`
  writeFileSync(path, JSON.stringify(orders))
  return path
}

function start(command: readonly string[], mark: string, props: Props): ChildProcess {
  const [name = '', value = ''] = mark.split('=')
  const env = {
    PATH: process.env['PATH'],
    HOME: homeDirectory,
    XDG_RUNTIME_DIR: runtimeDirectory(),
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDirectory()}/bus`,
    SSH_AUTH_SOCK: '/tmp/ssh-escape/agent.1',
    DISPLAY: ':7',
    TMUX: `/tmp/tmux-${process.getuid?.()}/default,1,0`,
    [name]: value,
  }
  const [program = '', ...args] = [...props.launcher, ...asOrdinaryLogin(), ...command]
  return spawn(program, args, { stdio: [...props.stdio], env, detached: props.terminal === undefined })
}

/** What the attacker tells, line by line, by pipe or on a terminal. */
class Words {
  readonly said = new Map<number, string>()
  readonly #child: ChildProcess
  readonly #terminal: Terminal | undefined
  readonly #flags = new Set<string>()
  readonly #log: (text: string) => void
  #unread = ''
  #errors = ''

  constructor(child: ChildProcess, terminal: Terminal | undefined, log: (text: string) => void) {
    this.#child = child
    this.#log = log
    this.#terminal = terminal
    child.stdout?.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')))
    child.stderr?.on('data', (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-4000)))
    child.on('error', (error) => (this.#errors += error.message))
    child.stdin?.on('error', () => undefined)
  }

  async until(flag: 'ready' | 'over', ms: number, plan: RunPlan): Promise<void> {
    const hasEnded = (): boolean => this.#child.exitCode !== null || this.#child.signalCode !== null
    await waitFor(() => {
      this.#read(this.#terminal?.shown() ?? '')
      return this.#flags.has(flag) || hasEnded()
    }, ms)
    if (this.#flags.has(flag)) return
    const how = hasEnded() ? `it ended by ${this.#child.signalCode ?? this.#child.exitCode}` : `not within ${ms} ms`
    const missing = plan.trials.filter(({ places }) => !this.said.has(places.index)).map(({ attempt }) => attempt.name)
    throw new Error(
      `${plan.name}: the attacker was never ${flag}: ${how}; no word of: ${missing.join(', ') || 'none'}\n${this.#unread}${this.#errors}`,
    )
  }

  #read(text: string): void {
    const lines = (this.#unread + text).split('\n')
    this.#unread = lines.pop() ?? ''
    for (const line of lines) {
      const json = /\{.*\}/.exec(line)?.[0]
      if (json === undefined) this.#errors += `${line}\n`
      else this.#take(JSON.parse(json))
    }
  }

  #take(word: {
    readonly id?: number
    readonly said?: string
    readonly ms?: number
    readonly ready?: boolean
    readonly over?: boolean
  }): void {
    if (word.id !== undefined) this.said.set(word.id, word.said ?? '')
    if ((word.ms ?? 0) > slowMs) this.#log(`attempt ${word.id} took ${word.ms} ms: ${word.said}`)
    if (word.ready) this.#flags.add('ready')
    if (word.over) this.#flags.add('over')
  }
}

/** Flow records, one a line; the last may be half written by a sidecar that was killed. */
function readRefused(path: string): readonly string[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.flatMap((line) => {
    const record: unknown = JSON.parse(line)
    if (typeof record !== 'object' || record === null || !('verdict' in record) || !('destination' in record)) return []
    const host = 'host' in record ? [String(record.host)] : []
    return record.verdict === 'deny' ? [String(record.destination), ...host] : []
  })
}

function endAll(child: ChildProcess, mark: string): void {
  for (const pid of [-(child.pid ?? 0), ...processesOf(mark)]) {
    if (pid === 0) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
      continue
    }
  }
}
