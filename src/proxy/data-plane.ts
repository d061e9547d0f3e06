// Puts the executor together: from a configuration that changes and listening sockets to connections that obey it.
import type { Server } from 'node:net'
import {
  type Address,
  type Cidr,
  type Clock,
  createDeadlines,
  type Deadlines,
  type SallyportError,
  systemClock,
  type Watchable,
} from '../base/index.ts'
import type { FlowSource } from '../flow/index.ts'
import type { SecretsByName } from '../identity/index.ts'
import { decide, decideRequest, type NameSource, type Runtime } from '../runtime/index.ts'
import { ArrivalGate, type Probe } from './arrival-gate.ts'
import type { Context, Judge } from './context.ts'
import { type FlowCounters, FlowRecorder, type FlowSink } from './flow-recorder.ts'
import { GatewayListeners, type ListenerStatus } from './gateway-listeners.ts'
import type { UpstreamConnection } from './http/upstream-connection.ts'
import { UpstreamPool } from './http/upstream-pool.ts'
import { SessionPool } from './http2/session-pool.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { LiveConnections } from './live-connections.ts'
import type { DestinationOf } from './original-dst.ts'
import { Overload } from './overload.ts'
import { createPortableTransport } from './portable-transport.ts'
import { SecureContexts } from './secure-contexts.ts'
import type { Transport } from './transport.ts'
import { ClusterStates, type UpstreamLoad } from './upstream/cluster-state.ts'
import { TlsSettings } from './upstream/tls-settings.ts'

export interface DataPlaneOptions {
  readonly role: 'sidecar' | 'gateway'
  /** Undefined while no configuration has been loaded: everything is refused. */
  readonly runtime: Watchable<Runtime | undefined>
  readonly names: NameSource
  /** Whose flows these are (sidecar); a gateway's own name. */
  readonly source: Pick<FlowSource, 'namespace' | 'workload' | 'labels'>
  /** What DNS gave an address out for: virtual and refusal addresses. */
  readonly virtualNames?: (ip: Address['ip']) => string | undefined
  readonly probe?: Probe
  /** What a secret service gives, by name; absent: nobody gives any. */
  readonly secret?: SecretsByName
  /** Gateway: who may connect; absent = everybody. */
  readonly peers?: readonly Cidr[] | undefined
  /** Told in words, with the remedy, when a gateway's listener cannot be bound; it is tried again. */
  readonly onProblem?: (text: string) => void
  readonly limits?: Partial<Limits>
  readonly clock?: Clock
  readonly deadlines?: Deadlines
  /** For tests without capture rules. */
  readonly destinationOf?: DestinationOf
  readonly judge?: Judge
  /** Is told of flows in the place of the channels. */
  readonly flows?: FlowSink
  /** Memory that is used of that which may be, from 0 to 1; for tests. */
  readonly pressure?: () => number
  readonly transport?: Transport
}

export interface DataPlane {
  /** Takes over a listening server inside the workload's network namespace; the server stays its owner's. */
  adoptSidecarServer(server: Server, family: 4 | 6): void
  /** As `adoptSidecarServer`, for clients that speak to a proxy; `addressOf` is what the workload's DNS answers for a name. */
  adoptDoor(server: Server, addressOf: (name: string) => Address['ip']): void
  /** The gateway's listeners and whether they are bound. */
  listeners(): readonly ListenerStatus[]
  /** Resolves when every listener of the present configuration is bound. */
  whenBound(): Promise<void>
  /** `NAME (why)` of each that is not. */
  unboundListeners(): readonly string[]
  readonly counters: Readonly<FlowCounters>
  /** What is under way to each host of each cluster. */
  loads(): Iterable<UpstreamLoad>
  /** Takes no new work, lets what is under way end, and cuts what has not ended after `ms`. */
  drain(ms: number): Promise<void>
  /** Cuts everything now. */
  close(): void
}

export function createDataPlane(options: DataPlaneOptions): DataPlane {
  return new ComposedDataPlane(options)
}

class ComposedDataPlane implements DataPlane {
  readonly counters: Readonly<FlowCounters>
  readonly #context: Context
  readonly #gate: ArrivalGate
  readonly #listeners: GatewayListeners
  readonly #unwatch: () => void
  #isDraining = false
  #waiting: (() => void)[] = []

  constructor(options: DataPlaneOptions) {
    this.#context = this.#compose(options)
    this.counters = this.#context.recorder.counters
    this.#gate = new ArrivalGate(this.#context, {
      virtualNames: options.virtualNames,
      probe: options.probe,
      peers: options.peers,
      destinationOf: options.destinationOf,
    })
    this.#listeners = new GatewayListeners({
      context: this.#context,
      gate: this.#gate,
      onProblem: (problem) => report(problem, options.onProblem),
      onChange: () => this.#onListenersChanged(),
    })
    this.#unwatch = options.runtime.watch((runtime) => this.#onRuntime(options.role, runtime))
  }

  adoptSidecarServer(server: Server, family: 4 | 6): void {
    this.#gate.adoptSidecarServer(server, family)
  }

  adoptDoor(server: Server, addressOf: (name: string) => Address['ip']): void {
    this.#gate.adoptDoor(server, addressOf)
  }

  listeners(): readonly ListenerStatus[] {
    return this.#listeners.status()
  }

  whenBound(): Promise<void> {
    if (this.unboundListeners().length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  unboundListeners(): readonly string[] {
    return this.#listeners
      .status()
      .filter(({ isListening }) => !isListening)
      .map(({ name, problem }) => (problem === undefined ? name : `${name} (${problem})`))
  }

  loads(): Iterable<UpstreamLoad> {
    return this.#context.clusters.loads()
  }

  async drain(ms: number): Promise<void> {
    const { live, deadlines } = this.#context
    this.#isDraining = true
    this.#unwatch()
    this.#listeners.close()
    live.drain()
    const deadline = deadlines.arm(ms, () => live.cut('drained'))
    await live.empty()
    deadline.cancel()
    this.close()
  }

  close(): void {
    this.#isDraining = true
    this.#unwatch()
    this.#listeners.close()
    this.#context.live.cut('closed')
    this.#context.pool.closeAll()
    this.#context.sessions.closeAll()
  }

  #compose(options: DataPlaneOptions): Context {
    const clock = options.clock ?? systemClock
    const deadlines = options.deadlines ?? createDeadlines(clock)
    const limits: Limits = { ...defaultLimits, ...options.limits }
    const { runtime } = options
    const contexts = new SecureContexts(clock, options.secret ?? (() => undefined))
    return {
      role: options.role,
      transport: options.transport ?? createPortableTransport(),
      recorder: new FlowRecorder({
        role: options.role,
        clock,
        placed: (ref) => runtime.value?.placed(ref) ?? ref,
        ...(options.flows && { sink: options.flows }),
      }),
      deadlines,
      clock,
      limits,
      names: options.names,
      knownNames: (name) => options.names.known(name),
      judge: options.judge ?? { decide, decideRequest },
      clusters: new ClusterStates(clock),
      contexts,
      tls: new TlsSettings(contexts),
      pool: new UpstreamPool<UpstreamConnection>({ limits, clock, deadlines }),
      sessions: new SessionPool(),
      live: new LiveConnections(),
      overload: new Overload({ limits, clock, ...(options.pressure && { pressure: options.pressure }) }),
      source: options.source,
      runtime: () => runtime.value,
      isDraining: () => this.#isDraining,
    }
  }

  #onRuntime(role: DataPlaneOptions['role'], runtime: Runtime | undefined): void {
    if (role === 'gateway') this.#listeners.follow(runtime)
    if (runtime) this.#context.live.judgeAgain(runtime)
  }

  #onListenersChanged(): void {
    if (this.#waiting.length === 0 || this.unboundListeners().length > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function report(problem: SallyportError, onProblem: DataPlaneOptions['onProblem']): void {
  if (onProblem) onProblem(problem.fix === undefined ? problem.message : `${problem.message}; ${problem.fix}`)
  else process.emitWarning(problem)
}
