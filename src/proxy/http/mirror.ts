// Sends a copy of a request to another destination and throws away what comes back; the request itself never waits for it.
import type { Forward, MirrorPlan, Passthrough, Runtime, Target } from '../../runtime/index.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import { HeldBytes } from '../held-bytes.ts'
import type { LiveConnection } from '../live-connections.ts'
import type { Wire } from '../transport.ts'
import { type DialFailure, formatTarget } from '../upstream/dial.ts'
import { isRedialled, proxyHeader } from '../upstream/hop.ts'
import { poolKeySuffix } from '../upstream/pool-key.ts'
import { WaitLimit } from '../wait-limit.ts'
import type { ClientSide } from './client-side.ts'
import { describeDialFailure, describeUpstreamFailure } from './failures.ts'
import type { ResponseHead } from './response-head.ts'
import type { Pieces } from './chunk-decoder.ts'
import type { ResponseSink, UpstreamFailure } from './upstream-connection.ts'
import { UpstreamRequest } from './upstream-request.ts'

export interface MirrorOptions {
  readonly context: Context
  readonly client: Pick<ClientSide, 'arrival' | 'id' | 'speaksHttp2'>
  readonly decision: Forward | Passthrough
  readonly plan: MirrorPlan
  readonly method: string
  /** Of the request as it is sent. */
  readonly authority: string
  /** The head as the mirror gets it, and as much of the body as had come with it. */
  readonly staged: Buffer
  readonly attemptAt: number
  readonly isWhole: boolean
  readonly flow: Flow
  /** Whether a new configuration still has this mirror. */
  readonly isWanted: (runtime: Runtime) => boolean
}

const once = { count: 1, isExhausted: false }

export class Mirror implements ResponseSink, LiveConnection {
  readonly method: string
  readonly upgrade = undefined
  readonly #options: MirrorOptions
  readonly #request: UpstreamRequest
  readonly #limit: WaitLimit
  readonly #held = new HeldBytes()
  #isWhole: boolean
  #isOver = false

  constructor(options: MirrorOptions) {
    const { context, client, decision, plan, flow } = options
    this.#options = options
    this.method = options.method
    this.#isWhole = options.isWhole
    this.#limit = new WaitLimit(context.deadlines, context.clock, () => this.#fail('UT', 'response_timeout'))
    const { authority } = options
    const header = plan.cluster.proxyProtocol
    this.#request = new UpstreamRequest({
      context,
      decision: { ...decision, cluster: plan.cluster, targets: plan.targets, timeouts: { ...decision.timeouts, connect: plan.connect } },
      tried: undefined,
      message: { bytes: options.staged, length: options.staged.length },
      attemptAt: options.attemptAt,
      attempts: 1,
      // A connection that is introduced by the client's address serves this one request only.
      keySuffix: poolKeySuffix(plan.cluster, authority, flow.id),
      authority,
      preamble: header ? () => proxyHeader(header, context, client.arrival, flow) : undefined,
      source: client.arrival.source?.ip,
      speaksHttp2: client.speaksHttp2,
      sink: this,
      onConnected: (wire, target) => this.#onConnected(wire, target),
      onDialFailed: (failure) => this.#onDialFailed(failure),
    })
  }

  start(): void {
    const { context, decision } = this.#options
    context.live.add(this)
    this.#limit.start(decision.timeouts.request || context.limits.mirrorMs)
    this.#request.start()
  }

  /** A piece of the request's body; what cannot be sent nor kept ends the mirror. */
  sendBody(bytes: Buffer, from: number, to: number): void {
    if (this.#isOver) return
    const { wire } = this.#request
    const { mirrorBytes } = this.#options.context.limits
    if ((wire?.pending ?? this.#held.length) + to - from > mirrorBytes) return this.#fail('UO', 'mirror_overflow')
    if (wire) wire.send(bytes, from, to)
    else this.#held.append(bytes, from, to)
  }

  onRequestWhole(): void {
    this.#isWhole = true
  }

  /** The request has ended; a copy of which a part is missing is worth nothing. */
  onRequestOver(): void {
    if (!this.#isWhole) this.#fail('DC', 'the request that is mirrored ended early')
  }

  judgeAgain(runtime: Runtime): void {
    if (!this.#options.isWanted(runtime)) this.cut('policy_changed')
  }

  drain(): void {
    // It ends soon by itself.
  }

  cut(details: string): void {
    this.#fail('-', details)
  }

  onInformational(): void {
    // For nobody.
  }

  onHead(head: ResponseHead): void {
    const { draft } = this.#options.flow
    this.#request.report(head.status)
    draft.status = head.status
    draft.details = 'via_upstream'
  }

  onBody(_bytes: Buffer, pieces: Pieces): void {
    this.#options.flow.draft.bytesReceived += pieces.total
  }

  onSwitched(): void {
    this.#fail('UPE', 'a switch of protocols that nobody asked for')
  }

  onFlush(): void {
    // Nothing is passed on.
  }

  onComplete(isReusable: boolean): void {
    this.#request.release(isReusable && this.#isWhole && !this.#options.plan.cluster.proxyProtocol)
    this.#finish()
  }

  onFailed(failure: UpstreamFailure): void {
    const { flag, details } = describeUpstreamFailure(failure, this.#options.flow.draft.status !== undefined, once)
    this.#fail(flag, details)
  }

  onUpstreamDrain(): void {
    // Who sends does not wait.
  }

  #onConnected(wire: Wire, target: Target): void {
    this.#describeTarget(target)
    if (wire.localText !== undefined) this.#options.flow.draft.upstreamLocal = wire.localText
    wire.send(this.#held.bytes, this.#held.start, this.#held.end)
    this.#held.clear()
  }

  #onDialFailed(failure: DialFailure): void {
    if (failure.target) this.#describeTarget(failure.target)
    const { flag, details } = describeDialFailure(failure, once)
    this.#fail(flag, details)
  }

  #describeTarget(target: Target): void {
    const { flow, client } = this.#options
    flow.draft.upstream = formatTarget(target)
    flow.draft.redialled = isRedialled(target, client.arrival.destination)
  }

  #fail(flag: Flow['draft']['flag'], details: string): void {
    if (this.#isOver) return
    const { draft } = this.#options.flow
    draft.flag = flag
    draft.details = details
    this.#request.abandon()
    this.#finish()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#limit.stop()
    this.#held.clear()
    this.#options.context.live.remove(this)
    this.#options.flow.close()
  }
}
