// Carries one allowed request to its upstream: by one try or as many as the route's retry plan allows, within their time limits.
import type { Timer } from '../../base/index.ts'
import type { Forward, Passthrough, RetryPlan, Target } from '../../runtime/index.ts'
import type { Context } from '../context.ts'
import { HeldBytes } from '../held-bytes.ts'
import { tellPrincipals } from '../peer-principal.ts'
import type { Wire } from '../transport.ts'
import { type DialFailure, formatTarget } from '../upstream/dial.ts'
import { isRedialled, proxyHeader } from '../upstream/hop.ts'
import { poolKeySuffix } from '../upstream/pool-key.ts'
import { WaitLimit } from '../wait-limit.ts'
import type { ClientSide } from './client-side.ts'
import { describeDialFailure, describeUpstreamFailure, type Failure, type Tries } from './failures.ts'
import { numberAttempt } from './head-writer.ts'
import type { HeadScanner } from './head-scanner.ts'
import type { Message } from './out-buffer.ts'
import type { RequestFlow } from './request-flow.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'
import type { ResponseRelay } from './response-relay.ts'
import { backOffMs, isRetriable, type TryEnd } from './retry-policy.ts'
import type { UpstreamFailure } from './upstream-connection.ts'
import { type UpstreamAsker, UpstreamRequest } from './upstream-request.ts'

/** The exchange whose request is carried. */
export interface ForwardingOwner {
  readonly context: Context
  readonly client: ClientSide
  readonly head: RequestHead
  readonly requestFlow: RequestFlow
  /** The head, and as much of the body as had come with it. */
  readonly out: Message
  /** Where the digit of the attempt stands in it. */
  readonly attemptAt: number
  onConnected(): void
  /** The request cannot be carried out, or its response not be completed. */
  onFailed(failure: Failure): void
}

/** Safe to send twice when the first sending may have got lost (RFC 9110 §9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PROPFIND', 'SEARCH', 'REPORT'])

const responseTimeout: Failure = { status: 504, body: 'upstream request timeout', flag: 'UT', details: 'response_timeout' }

export class Forwarding implements UpstreamAsker {
  readonly context: Context
  readonly decision: Forward | Passthrough
  readonly sink: ResponseRelay
  tried: Set<string> | undefined
  readonly #owner: ForwardingOwner
  /** Undefined: what Istio does by default, which is to connect again. */
  readonly #plan: RetryPlan | undefined
  #upstream: UpstreamRequest | undefined
  #isWhole: boolean
  #try = 1
  #pause: Timer | undefined
  #limit: WaitLimit | undefined
  #tryLimit: WaitLimit | undefined
  /** The body behind what `out` holds, for as long as it may have to be sent again. */
  #replay: HeldBytes | undefined
  #hasLostReplay = false
  /** This try counts among the cluster's retries. */
  #isRetry = false
  #isSentAfresh = false

  /** `isWhole`: the whole request is in `out`. */
  constructor(owner: ForwardingOwner, decision: Forward | Passthrough, relay: ResponseRelay, isWhole: boolean) {
    this.context = owner.context
    this.decision = decision
    this.sink = relay
    this.#owner = owner
    this.#plan = decision.http?.retry
    this.#isWhole = isWhole
    if (this.#plan && this.#plan.retries > 0 && !isWhole) this.#replay = new HeldBytes()
  }

  /** The wire to the upstream, once there is one. */
  get wire(): Wire | undefined {
    return this.#upstream?.wire
  }

  start(): void {
    if (this.#isWhole) this.#startLimit()
    this.#connect()
  }

  /** Sends a piece of the body; false: the client should pause. There must be a wire. */
  sendBody(bytes: Buffer, from: number, to: number, isOwn: boolean): boolean {
    if (this.#replay) this.#keep(this.#replay, bytes, from, to)
    const { wire } = this
    return (isOwn ? wire?.lend(bytes, from, to) : wire?.send(bytes, from, to)) ?? true
  }

  /** The last byte of the request has been given. */
  onRequestWhole(): void {
    this.#isWhole = true
    this.#startLimit()
    if (this.wire) this.#startTryLimit()
  }

  /** A response has come. False: it is not passed on, because the request is tried again. */
  takesResponse(head: ResponseHead, scanner: HeadScanner): boolean {
    this.#upstream?.report(head.status)
    this.#endRetry()
    this.#tryLimit?.stop()
    const plan = this.#plan
    if (!plan || plan.retries === 0) return true
    const end: TryEnd = { kind: 'response', status: head.status, grpcStatus: grpcStatusOf(scanner) }
    if (isRetriable(plan, end)) {
      if (this.#mayRetry(plan)) {
        this.#retry(plan)
        return false
      }
      if (this.#try > plan.retries) this.#owner.requestFlow.flow.draft.flag = 'URX'
    }
    this.#replay = undefined
    return true
  }

  onUpstreamFailed(failure: UpstreamFailure): void {
    const { head } = this.#owner
    const isRepeatable = head.body.kind === 'none' && idempotent.has(head.method)
    if (failure.isStale && !this.#isSentAfresh && isRepeatable) {
      this.#isSentAfresh = true
      this.#upstream?.dialAfresh()
      return
    }
    this.#upstream?.report('connect-failed')
    if (this.sink.hasStarted) return this.#owner.onFailed(describeUpstreamFailure(failure, true, { count: 1, isExhausted: false }))
    this.#endTry({ kind: 'reset' }, (tries) => describeUpstreamFailure(failure, false, tries))
  }

  /** The response is complete. */
  release(isReusable: boolean): void {
    this.#stop()
    this.#upstream?.release(isReusable)
  }

  abandon(): void {
    this.#stop()
    this.#upstream?.abandon()
    this.#upstream = undefined
  }

  /** The wire goes over to whoever asks. */
  detach(): Wire | undefined {
    this.#stop()
    return this.#upstream?.detach()
  }

  #stop(): void {
    this.#pause?.cancel()
    this.#limit?.stop()
    this.#tryLimit?.stop()
    this.#replay = undefined
    this.#endRetry()
  }

  #connect(): void {
    const { cluster, targets } = this.decision
    if (cluster.proxyProtocol) {
      const { client } = this.#owner
      for (const target of targets) client.privateKeys.add(this.context.clusters.of(cluster).poolKey(target) + this.keySuffix)
    }
    this.#upstream = new UpstreamRequest(this)
    this.#upstream.start()
  }

  /** What this try sends. */
  get message(): Message {
    const { out, attemptAt } = this.#owner
    if (this.#try === 1) return out
    const numbered = numberAttempt(out.bytes.subarray(0, out.length), attemptAt, this.#try)
    const replay = this.#replay
    const bytes = replay && replay.length > 0 ? Buffer.concat([numbered, replay.bytes.subarray(replay.start, replay.end)]) : numbered
    return { bytes, length: bytes.length }
  }

  get attemptAt(): number {
    return this.#plan ? -1 : this.#owner.attemptAt
  }

  /** A plan counts its tries itself; without one connecting is repeated, as by Istio's default, but not for a passthrough route. */
  get attempts(): number {
    return this.#plan || this.decision.verdict === 'passthrough' ? 1 : this.context.limits.connectAttempts
  }

  get keySuffix(): string {
    return poolKeySuffix(this.decision.cluster, this.authority, this.#owner.client.id)
  }

  get authority(): string {
    return this.decision.http?.authority ?? this.#owner.head.authority
  }

  get preamble(): (() => Buffer) | undefined {
    const kind = this.decision.cluster.proxyProtocol
    if (!kind) return undefined
    const { client, requestFlow } = this.#owner
    return () => proxyHeader(kind, this.context, client.arrival, requestFlow.flow)
  }

  get speaksHttp2(): boolean {
    return this.#owner.client.speaksHttp2
  }

  get source(): string | undefined {
    return this.#owner.client.arrival.source?.ip
  }

  onConnected(wire: Wire, target: Target): void {
    this.#describeTarget(target)
    if (wire.localText !== undefined) this.#owner.requestFlow.flow.draft.upstreamLocal = wire.localText
    if (wire.principal !== undefined) tellPrincipals(this.#owner.requestFlow.flow.draft, wire)
    if (this.#isWhole) this.#startTryLimit()
    this.#owner.onConnected()
  }

  onDialFailed(failure: DialFailure): void {
    const { target, isTimeout, words } = failure
    // Turned away by the cluster's own limits: trying again at once would only make it worse, and Envoy does not.
    if (!target) return this.#owner.onFailed(describeDialFailure(failure, { count: this.#try, isExhausted: false }))
    this.#describeTarget(target)
    this.#owner.requestFlow.transportFailure = isTimeout ? '-' : words
    this.#endTry({ kind: 'connect' }, (tries) => describeDialFailure(failure, tries))
  }

  #describeTarget(target: Target): void {
    const { requestFlow, client } = this.#owner
    const { draft } = requestFlow.flow
    draft.upstream = formatTarget(target)
    draft.redialled = isRedialled(target, client.arrival.destination)
    if (this.#plan) (this.tried ??= new Set()).add(draft.upstream)
  }

  #startLimit(): void {
    const { context, decision } = this
    const { request } = decision.timeouts
    if (request === 0 || this.#limit) return
    this.#limit = new WaitLimit(context.deadlines, context.clock, () => {
      this.#upstream?.report('timeout')
      this.#owner.onFailed(responseTimeout)
    })
    this.#limit.start(request)
  }

  #startTryLimit(): void {
    const perTry = this.#plan?.perTry ?? 0
    if (perTry === 0 || this.sink.hasStarted) return
    const { deadlines, clock } = this.context
    this.#tryLimit ??= new WaitLimit(deadlines, clock, () => this.#onTryTimeout())
    this.#tryLimit.start(perTry)
  }

  #onTryTimeout(): void {
    this.#upstream?.report('timeout')
    this.#upstream?.abandon()
    this.#endTry({ kind: 'per-try-timeout' }, ({ isExhausted }) => ({
      ...responseTimeout,
      flag: isExhausted ? 'URX,UT' : 'UT',
      details: 'upstream_per_try_timeout',
    }))
  }

  /** A try ended without a response. */
  #endTry(end: TryEnd, describe: (tries: Tries) => Failure): void {
    this.#endRetry()
    this.#tryLimit?.stop()
    const plan = this.#plan
    const isWanted = plan !== undefined && plan.retries > 0 && isRetriable(plan, end)
    if (isWanted && this.#mayRetry(plan)) return this.#retry(plan)
    this.#owner.onFailed(describe({ count: this.#try, isExhausted: isWanted && this.#try > plan.retries }))
  }

  #mayRetry(plan: RetryPlan): boolean {
    if (this.#try > plan.retries || this.#hasLostReplay || this.sink.hasStarted) return false
    const { context, decision } = this
    this.#isRetry = context.clusters.of(decision.cluster).beginRetry(decision.cluster.pool)
    if (!this.#isRetry) this.#owner.requestFlow.flow.draft.flag = 'UO'
    return this.#isRetry
  }

  #endRetry(): void {
    const { context, decision } = this
    if (this.#isRetry) context.clusters.of(decision.cluster).endRetry()
    this.#isRetry = false
  }

  #retry(plan: RetryPlan): void {
    this.#upstream?.abandon()
    this.#upstream = undefined
    const pause = backOffMs(plan, this.#try - 1, Math.random())
    this.#pause = this.context.clock.setTimer(pause, () => {
      this.#try++
      this.#connect()
    })
  }

  #keep(replay: HeldBytes, bytes: Buffer, from: number, to: number): void {
    if (replay.length + to - from <= this.context.limits.replayBytes) return replay.append(bytes, from, to)
    this.#replay = undefined
    this.#hasLostReplay = true
  }
}

function grpcStatusOf(scanner: HeadScanner): string | undefined {
  for (let line = 0; line < scanner.count; line++) {
    if (scanner.nameEnd(line) - scanner.nameStart(line) !== GRPC_STATUS.length) continue
    const name = scanner.bytes.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line))
    if (name.toLowerCase() === GRPC_STATUS) return scanner.value(line)
  }
  return undefined
}

const GRPC_STATUS = 'grpc-status'
