// Carries out an allow for a connection whose bytes are not looked into: dial, replay what was held, copy both ways.
import { type Deadline, formatAddress } from '../base/index.ts'
import type { Forward, Passthrough, Target } from '../runtime/index.ts'
import type { Arrival } from './arrival.ts'
import type { Context } from './context.ts'
import type { Flow } from './flow-recorder.ts'
import type { HeldBytes } from './held-bytes.ts'
import { tellPrincipals } from './peer-principal.ts'
import { closePolitely } from './refusal.ts'
import { Splice, type SpliceEnd } from './splice.ts'
import type { Dialling, Wire, WireHandler } from './transport.ts'
import { type DialFailure, dial, formatTarget } from './upstream/dial.ts'
import { isRedialled, proxyHeader } from './upstream/hop.ts'

export interface TcpForwardOptions {
  readonly context: Context
  readonly wire: Wire
  readonly arrival: Arrival
  readonly flow: Flow
  readonly held: HeldBytes
  readonly decision: Forward | Passthrough
  /** The first bytes of a client that was not waited for. */
  readonly onLateBytes: (bytes: Buffer, start: number, end: number) => void
  /** Called once, when both sides are gone and the flow is recorded. */
  readonly onDone: () => void
}

export class TcpForward implements WireHandler {
  readonly #options: TcpForwardOptions
  #dialling: Dialling | undefined
  #splice: Splice | undefined
  #cutBy: (() => void) | undefined
  #endUse: (() => void) | undefined
  #life: Deadline | undefined

  constructor(options: TcpForwardOptions) {
    this.#options = options
    const { context, wire, decision, flow } = options
    const { draft } = flow
    draft.verdict = 'allow'
    draft.reason = decision.reason
    draft.path = decision.path
    draft.cluster = decision.cluster.name
    flow.decided()
    wire.handler = this
    this.#pauseWhenFull()
    const { cluster } = decision
    const header = cluster.proxyProtocol
    const state = context.clusters.of(cluster)
    const key = cluster.hash?.by === 'source' ? options.arrival.source?.ip : undefined
    const targets = state.order(cluster, decision.targets, undefined, key)
    const refused = targets.length === 0 ? 'unhealthy' : state.isFull(cluster.pool) ? 'overflow' : undefined
    if (refused !== undefined) {
      this.#dialling = this.#refuse(refused)
      return
    }
    this.#dialling = dial(
      context,
      {
        cluster,
        targets,
        preamble: header ? () => proxyHeader(header, context, options.arrival, flow) : undefined,
        // Envoy's tcp_proxy makes one attempt at one host; several hosts are worth several.
        attempts: Math.min(context.limits.connectAttempts, targets.length),
        connectMs: decision.timeouts.connect || context.limits.connectMs,
      },
      { onConnect: (upstream, target) => this.#onConnect(upstream, target), onFail: (failure) => this.#onFail(failure) },
    )
  }

  /**
   * Whether the bytes go where `decision` would lead them, read by whom it lets read them. Addresses of one cluster may change without a word;
   * TLS and whom it trusts may not.
   */
  goesThere({ cluster, targets }: Forward | Passthrough): boolean {
    const { cluster: own } = this.#options.decision
    const { upstream } = this.#options.flow.draft
    if (own.tls !== cluster.tls && JSON.stringify(own.tls) !== JSON.stringify(cluster.tls)) return false
    return cluster.name === own.name || targets.some((target) => formatTarget(target) === upstream)
  }

  /** Ends both sides at once; `explain` fills in the record's last words. */
  cut(explain: () => void): void {
    this.#cutBy = explain
    if (this.#splice) return this.#splice.cut()
    this.#dialling?.cancel()
    this.#options.wire.reset()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#options.held.length === 0) this.#options.onLateBytes(bytes, start, end)
    this.#options.held.append(bytes, start, end)
    this.#pauseWhenFull()
  }

  onEnd(): void {
    // Half-closed before the upstream answers: the FIN is passed on after the held bytes.
  }

  onDrain(): void {
    // Nothing was sent to the client yet.
  }

  /** The client left while its upstream was being dialled. */
  onClose(): void {
    this.#dialling?.cancel()
    const { draft } = this.#options.flow
    draft.flag = 'DC'
    draft.details ??= 'the client left before the connection was made'
    this.#finish()
  }

  #pauseWhenFull(): void {
    if (this.#options.held.length >= this.#options.context.limits.firstBytes) this.#options.wire.pause()
  }

  /** Accepted and closed, as Envoy does; at once, but not before whoever made this knows of it. */
  #refuse(refused: 'overflow' | 'unhealthy'): Dialling {
    return this.#options.context.clock.setTimer(0, () => this.#onFail({ attempts: 0, words: refused, isTimeout: false, refused }))
  }

  #onConnect(upstream: Wire, target: Target): void {
    const { context, wire, arrival, flow, held, decision } = this.#options
    this.#dialling = undefined
    const { draft } = flow
    draft.upstream = formatTarget(target)
    if (upstream.local) draft.upstreamLocal = formatAddress(upstream.local)
    tellPrincipals(draft, upstream)
    draft.redialled = isRedialled(target, arrival.destination)
    const isTaken = upstream.send(held.bytes, held.start, held.end)
    this.#useTarget(target)
    const splice = new Splice({
      client: wire,
      upstream,
      idleMs: decision.timeouts.idle || context.limits.tcpIdleMs,
      clock: context.clock,
      deadlines: context.deadlines,
      onClientBytes: (bytes, start, end) => this.#options.onLateBytes(bytes, start, end),
      onEnd: (end, error) => this.#onSpliceEnd(splice, end, error),
    })
    this.#splice = splice
    splice.sent += held.length
    held.clear()
    if (isTaken) wire.resume()
    else wire.pause()
  }

  /** It counts for the balance of the cluster, and may have a longest life. */
  #useTarget(target: Target): void {
    const { context, decision, flow } = this.#options
    const state = context.clusters.of(decision.cluster)
    const load = state.beginUse(target)
    this.#endUse = () => state.endUse(load)
    const duration = decision.cluster.pool?.duration
    if (duration === undefined || duration === 0) return
    this.#life = context.deadlines.arm(duration, () => {
      flow.draft.flag = 'DT'
      flow.draft.details = 'max_connection_duration_reached'
      this.#splice?.end()
    })
  }

  #onFail(failure: DialFailure): void {
    const { context, wire, arrival, flow } = this.#options
    this.#dialling = undefined
    const { draft } = flow
    if (failure.target) {
      draft.upstream = formatTarget(failure.target)
      draft.redialled = isRedialled(failure.target, arrival.destination)
    }
    draft.flag = failure.refused === undefined ? 'UF,URX' : failure.refused === 'overflow' ? 'UO' : 'UH'
    draft.details = failure.words
    closePolitely(wire, context, () => this.#finish())
  }

  #onSpliceEnd(splice: Splice, end: SpliceEnd, error: Error | undefined): void {
    const { draft } = this.#options.flow
    draft.bytesSent = splice.sent
    draft.bytesReceived = splice.received
    if (end === 'client-reset') draft.flag = 'DC'
    if (end === 'upstream-reset') draft.flag = 'UR'
    if (end === 'idle') draft.details = 'idle_timeout'
    if (error) draft.details ??= error.message
    this.#finish()
  }

  #finish(): void {
    this.#life?.cancel()
    this.#endUse?.()
    this.#cutBy?.()
    this.#options.flow.close()
    this.#options.onDone()
  }
}
