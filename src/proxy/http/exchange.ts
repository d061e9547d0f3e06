// Leads one request from its decision to its record: has it forwarded and the response passed back, or answers itself.
import type { ConnectionFacts } from '../../flow/index.ts'
import type { Answer, CompiledHttpManager, Deny, Forward, HttpPlan, Passthrough, Runtime } from '../../runtime/index.ts'
import { type Deadline, messageOf } from '../../base/index.ts'
import { workloadName } from '../arrival.ts'
import { type Context, ownDeny } from '../context.ts'
import type { Wire } from '../transport.ts'
import { formatTarget } from '../upstream/dial.ts'
import type { ClientSide } from './client-side.ts'
import type { Failure } from './failures.ts'
import { Forwarding, type ForwardingOwner } from './forwarding.ts'
import { attemptPlace, finishRequest, type ResponseRules, type SwitchRules, type WrittenRequest } from './head-writer.ts'
import { wantedHeaders } from '../../telemetry/index.ts'
import type { HeadScanner } from './head-scanner.ts'
import { grpcReply, isGrpcType } from './grpc-reply.ts'
import { keepHeaders } from './kept-headers.ts'
import { changeHeaderList, changeRequestHead } from './header-changes.ts'
import { httpDate } from './http-date.ts'
import type { Mirror } from './mirror.ts'
import { startMirrors } from './mirrors.ts'
import { denyReply, type ReplyContent, sendReply } from './replies.ts'
import { OutBuffer, returnBuffer } from './out-buffer.ts'
import { BodyPace } from './body-pace.ts'
import { RequestBody } from './request-body.ts'
import { describeAnswer, describeDeny, describeForward, type RequestFlow } from './request-flow.ts'
import type { RequestHead } from './request-head.ts'
import { type JudgedRequest, RequestJudge } from './request-judge.ts'
import type { ResponseHead } from './response-head.ts'
import { type RelayOwner, ResponseRelay } from './response-relay.ts'
import { type Piece, Tunnel } from './tunnel.ts'
import type { UpstreamFailure } from './upstream-connection.ts'
import { acceptsKey } from './websocket.ts'

export interface ExchangeOptions {
  readonly context: Context
  readonly client: ClientSide
  readonly manager: CompiledHttpManager
  readonly runtime: Runtime | undefined
  readonly connection: ConnectionFacts
  readonly head: RequestHead
  readonly requestFlow: RequestFlow
  /** Holds the request's head as `writeRequest` left it; given back when the request is over. */
  readonly out: OutBuffer
  readonly written: WrittenRequest
  /** The connection itself was refused: every request of it is. */
  readonly deny: Deny | undefined
  /** The proxy is overloaded, and this request is one too many. */
  readonly shed: Deny | undefined
  /** What the client says of the request's history is not believed. */
  readonly isEdge: boolean
}

/** `waiting`: for a decision, or a delay. `open`: decided, nothing sent yet. `sent`: on its way. `over`: recorded. */
export type ExchangeState = 'waiting' | 'open' | 'sent' | 'switched' | 'over'

/** Bytes of a body after which a large read buffer pays. */
const BULK_BYTES = 65_536
const INTERIM_CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
const noMirrors: readonly Mirror[] = []

export class Exchange implements RelayOwner, ForwardingOwner, JudgedRequest {
  state: ExchangeState = 'waiting'
  attemptAt: number
  readonly #options: ExchangeOptions
  readonly #judge: RequestJudge
  readonly #body: RequestBody
  readonly #relay: ResponseRelay
  #out: OutBuffer
  #decision: Forward | Passthrough | undefined
  #forwarding: Forwarding | undefined
  #mirrors = noMirrors
  #pace: BodyPace | undefined
  #tunnel: Tunnel | undefined
  #delayed: Deadline | undefined
  /** Runs while the client has closed its side and its request is not on its way. */
  #patience: Deadline | undefined
  #sentAt = 0
  #closes = false
  #isDelayed = false
  #hasContinued = false
  /** The head in `out` has the lines of its decision. */
  #isFinished = false

  constructor(options: ExchangeOptions) {
    const { client, head } = options
    this.#options = options
    this.#out = options.out
    this.attemptAt = options.written.attemptAt
    this.#body = new RequestBody(head.body)
    this.#judge = new RequestJudge(this, options.runtime, options.manager)
    this.#judge.refusal = options.deny
    this.#relay = new ResponseRelay(this, client.wire, head)
  }

  get context(): Context {
    return this.#options.context
  }

  get client(): ClientSide {
    return this.#options.client
  }

  get head(): RequestHead {
    return this.#options.head
  }

  get requestFlow(): RequestFlow {
    return this.#options.requestFlow
  }

  get connection(): ConnectionFacts {
    return this.#options.connection
  }

  get isEdge(): boolean {
    return this.#options.isEdge
  }

  get out(): OutBuffer {
    return this.#out
  }

  /** The request's body has come to its end. */
  get hasWholeRequest(): boolean {
    return this.#body.isDone
  }

  /** The client's bytes can be used now; otherwise they have to be held. */
  get isTaking(): boolean {
    return this.state === 'open' || (this.state === 'sent' && !this.#body.isDone && this.#forwarding?.wire !== undefined)
  }

  decide(): void {
    const judge = this.#judge
    const decision = judge.refusal ?? this.#options.shed ?? judge.ask()
    if (decision.verdict === 'deny') return this.#deny(decision)
    if (decision.verdict === 'gather') {
      const { name } = decision
      if (decision.need !== 'addresses' || name === undefined || !judge.gathering.mayLearn(name)) {
        return this.#deny(ownDeny('internal-error', 'the decision asked for what a request cannot give', { status: 500 }))
      }
      // What is said if the client leaves meanwhile.
      this.#options.requestFlow.flow.draft.reason = {
        code: 'name-unresolved',
        text: `the request ended while "${name}" was being resolved`,
      }
      judge.gathering.learn(name, decision.until, () => this.#decideAgain())
      return
    }
    const delay = decision.verdict === 'answer' ? decision.delay : decision.http?.delay
    if (delay !== undefined && delay > 0 && !this.#isDelayed) return this.#delay(delay, decision)
    if (decision.verdict === 'answer') return this.#answer(decision)
    if (this.#options.head.method === 'CONNECT') {
      const explain = judge.runtime?.strict ?? false
      return this.#deny(ownDeny('protocol-not-supported', 'CONNECT is not carried out yet', { status: 501, explain }))
    }
    this.#decision = decision
    this.state = 'open'
  }

  /** Takes what the client sends on as this request's body. Returns how far it came. */
  takeBody(bytes: Buffer, start: number, end: number): number {
    const { client, head } = this.#options
    let at: number
    if (this.state === 'open') {
      if (!this.#finishHead()) return start
      at = this.#body.stage(bytes, start, end, this.#out)
    } else {
      const isOwn = head.body.kind === 'chunked' || client.wire.isPrivate
      at = this.#body.forward(bytes, start, end, (piece, from, to) => {
        for (const mirror of this.#mirrors) mirror.sendBody(piece, from, to)
        if (this.#forwarding?.sendBody(piece, from, to, isOwn) !== false) return
        client.pause('upstreamFull')
        this.#pace?.excuse()
      })
      if (this.#body.isDone) client.wire.demote()
      else if (this.#body.received > BULK_BYTES) client.wire.promote()
    }
    client.touch()
    if (this.#body.problem !== undefined) this.#refuseBody(this.#body.problem)
    else if (this.#body.isDone && this.state === 'sent') {
      this.#pace?.stop()
      for (const mirror of this.#mirrors) mirror.onRequestWhole()
      this.#forwarding?.onRequestWhole()
    }
    return at
  }

  /** Sends what is staged, once all that has come has been looked at: a request that is broken already never leaves. */
  dispatch(): void {
    const decision = this.#decision
    if (this.state !== 'open' || !decision) return
    if (!this.#finishHead()) return
    const { context, client, head, requestFlow, written } = this.#options
    this.state = 'sent'
    describeForward(requestFlow, decision, written.requestId)
    this.#sentAt = context.clock.monotonic()
    const isWhole = this.#body.isDone
    const forwarding = new Forwarding(this, decision, this.#relay, isWhole)
    this.#forwarding = forwarding
    if (!isWhole) this.#awaitBody()
    const plans = decision.http?.mirrors
    if (plans) {
      // A mirror outlives its request, and is judged by the headers that it had.
      this.#judge.headerValues()
      const isWanted = (runtime: Runtime, cluster: string): boolean => this.#isMirrored(runtime, cluster)
      const staged = this.#out.take()
      this.#mirrors = startMirrors({ context, client, decision, plans, head, staged, isWhole, flow: requestFlow.flow, isWanted })
    }
    forwarding.start()
  }

  /** The client's wire has room again. */
  onClientDrain(): void {
    this.#relay.resume()
  }

  /** The client has closed its side after a whole request: it may still wait for the answer, but not for a request that does not get away. */
  onClientEnded(): void {
    if (this.state === 'switched' || this.#forwarding?.wire !== undefined) return
    const { deadlines, limits } = this.#options.context
    this.#patience ??= deadlines.arm(limits.halfClosedMs, () => {
      this.#patience = undefined
      if (this.#delayed) this.onClientEnded()
      else if (this.#forwarding?.wire === undefined) this.onClientGone('downstream_remote_disconnect')
    })
  }

  /** The client is gone, or its request will never be complete. */
  onClientGone(details: string): void {
    if (this.state === 'over') return
    const { draft } = this.#options.requestFlow.flow
    draft.flag = 'DC'
    draft.details = details
    this.#forwarding?.abandon()
    this.#finish(false)
  }

  /** Nothing has moved for too long. */
  onIdle(): void {
    this.onFailed({ status: this.hasWholeRequest ? 504 : 408, body: 'stream timeout', flag: 'SI', details: 'stream_idle_timeout' })
  }

  /** A new configuration counts: what it forbids is ended, and answered if nothing was answered yet. */
  judgeAgain(runtime: Runtime, manager: CompiledHttpManager | Deny): void {
    const judge = this.#judge
    judge.forgetNames()
    if (this.state !== 'waiting') return this.#judgeLive(runtime, manager)
    // Its decision is still to come, and will be made by the new configuration.
    judge.runtime = runtime
    if ('verdict' in manager) judge.refusal = manager
    else judge.manager = manager
  }

  /** The proxy ends; the words go into the record. */
  cut(details: string): void {
    if (this.state === 'over') return
    this.#options.requestFlow.flow.draft.details = details
    this.#forwarding?.abandon()
    if (this.#tunnel) return this.#tunnel.cut(details)
    this.#options.client.wire.reset()
    this.#finish(false)
  }

  get upstreamWire(): Wire | undefined {
    return this.#forwarding?.wire
  }

  takesResponse(head: ResponseHead, scanner: HeadScanner): boolean {
    return this.#forwarding?.takesResponse(head, scanner) ?? true
  }

  responseRules({ status }: ResponseHead, scanner: HeadScanner): ResponseRules {
    const { context, head, requestFlow } = this.#options
    this.#closes = !head.keepAlive || context.isDraining() || context.overload.stopsKeepAlive || !this.#body.isDone
    const serviceTimeMs = Math.round(context.clock.monotonic() - this.#sentAt)
    requestFlow.flow.draft.status = status
    requestFlow.flow.draft.details = 'via_upstream'
    requestFlow.upstreamServiceTime = String(serviceTimeMs)
    if (wantedHeaders.response.length > 0) requestFlow.responseHeaders = keepHeaders(scanner, wantedHeaders.response)
    return {
      serverName: this.#judge.manager.serverName,
      date: httpDate(context.clock),
      serviceTimeMs,
      closes: this.#closes,
      changes: this.#decision?.http?.responseHeaders,
    }
  }

  switchRules(scanner: HeadScanner): SwitchRules | string {
    const { head } = this.#options
    const key = head.headers.websocketKey
    const isStrict = this.#judge.runtime?.strict ?? true
    if (head.upgrade === undefined || (isStrict && !acceptsKey(scanner, key ?? ''))) return 'the handshake is not answered as it must be'
    return { serverName: this.#judge.manager.serverName, protocol: head.upgrade, changes: this.#decision?.http?.responseHeaders }
  }

  onSwitched(fromUpstream: Piece): void {
    const { context, client, requestFlow } = this.#options
    const upstream = this.#forwarding?.detach()
    if (!upstream) return
    this.state = 'switched'
    // Such a connection may last for days, and only its head is of any use.
    this.#judge.headerValues()
    this.#giveBack()
    const { flow } = requestFlow
    flow.draft.status = 101
    flow.draft.details = 'via_upstream'
    flow.decided()
    this.#tunnel = new Tunnel({
      context,
      client: client.wire,
      upstream,
      fromClient: client.handOver(),
      fromUpstream,
      idleMs: this.#decision?.timeouts.idle || context.limits.tcpIdleMs,
      draft: flow.draft,
      onEnd: () => {
        this.#forwarding?.release(false)
        this.#finish(false)
      },
    })
  }

  onResponseComplete(isReusable: boolean): void {
    this.#forwarding?.release(isReusable && this.#body.isDone)
    this.#finish(!this.#closes)
  }

  onUpstreamFailed(failure: UpstreamFailure): void {
    this.#forwarding?.onUpstreamFailed(failure)
  }

  onUpstreamDrain(): void {
    this.#options.client.resume('upstreamFull')
  }

  onActivity(): void {
    this.#options.client.touch()
  }

  onConnected(): void {
    const { client, head } = this.#options
    this.#patience?.cancel()
    this.#patience = undefined
    if (this.#body.isDone) return
    if (head.expectsContinue && this.#body.received === 0 && !this.#hasContinued) {
      this.#hasContinued = true
      client.wire.send(INTERIM_CONTINUE, 0, INTERIM_CONTINUE.length)
    }
    client.proceed()
  }

  /** The request was allowed and could not be carried out. After the response has begun only cutting it short says so. */
  onFailed(failure: Failure): void {
    if (this.state === 'over') return
    const { requestFlow, client } = this.#options
    const { draft } = requestFlow.flow
    draft.flag = failure.flag
    draft.details = failure.details
    this.#forwarding?.abandon()
    if (!this.#relay.hasStarted) return this.#reply(failure)
    client.wire.reset()
    this.#finish(false)
  }

  /** It is decided anew after the delay; until then the record says what is to become of the request. */
  #delay(ms: number, decision: Answer | Forward | Passthrough): void {
    const { requestFlow, written } = this.#options
    if (decision.verdict === 'answer') describeAnswer(requestFlow, decision, written.requestId)
    else describeForward(requestFlow, decision, written.requestId)
    this.#isDelayed = true
    this.#delayed = this.#options.context.deadlines.arm(ms, () => {
      this.#delayed = undefined
      this.#decideAgain()
    })
  }

  #decideAgain(): void {
    const { client } = this.#options
    if (this.state !== 'waiting') return
    this.decide()
    if (this.#decision) client.proceed()
  }

  /** Adds the lines of the decision, once. False: the request is over. */
  #finishHead(): boolean {
    const decision = this.#decision
    if (this.#isFinished || !decision) return this.#isFinished
    const { context, requestFlow } = this.#options
    const { http, timeouts, cluster } = decision
    if (http && !this.#changeHead(http)) return false
    const toGateway = cluster.gateway
    finishRequest(this.#out, {
      timeoutMs: http?.retry?.perTry || timeouts.request,
      flow: toGateway ? requestFlow.flow.id : undefined,
      workload: toGateway ? workloadName(context) : undefined,
    })
    this.#isFinished = true
    return true
  }

  #changeHead({ path, authority, requestHeaders: headers }: HttpPlan): boolean {
    if (path === undefined && authority === undefined && headers === undefined) return true
    const out = this.#out
    this.#judge.headerValues()
    try {
      changeRequestHead(out, { path, authority, headers })
    } catch (error) {
      this.#deny(ownDeny('internal-error', `the route's changes cannot be made: ${messageOf(error)}`, { status: 500 }))
      return false
    }
    this.attemptAt = attemptPlace(out)
    return true
  }

  #judgeLive(runtime: Runtime, manager: CompiledHttpManager | Deny): void {
    const judge = this.#judge
    if (this.state !== 'sent' && this.state !== 'switched') return
    const decision = 'verdict' in manager ? manager : judge.ask(runtime, manager)
    if (decision.verdict === 'gather' && decision.name !== undefined && judge.gathering.mayLearn(decision.name)) {
      judge.gathering.learn(decision.name, decision.until, () => {
        if (this.#options.context.runtime() === runtime) this.#judgeLive(runtime, manager)
      })
      return
    }
    if (decision.verdict === 'deny') return this.#forbid({ ...decision, details: 'policy_changed' })
    // What has no end in sight must not go on by a way that is no longer its own; a request soon ends by itself.
    if (this.state === 'switched' && (decision.verdict === 'answer' || decision.verdict === 'gather' || !this.#goesThere(decision))) {
      const text = 'the new configuration leads this connection elsewhere: connect again'
      this.#forbid(ownDeny('not-declared', text, { details: 'policy_changed' }))
    }
  }

  #awaitBody(): void {
    const { context, client, head } = this.#options
    client.touch()
    // A chunked body may be a stream that is silent for as long as it likes.
    if (head.body.kind !== 'length') return
    this.#pace = new BodyPace(context, {
      received: () => this.#body.received,
      isOurs: () => !this.isTaking || client.isPaused,
      onSlow: () => this.onFailed({ status: 408, body: 'request timeout', flag: 'SI', details: 'request_body_too_slow' }),
    })
  }

  /** As for TCP connections: addresses of one cluster may change without a word. */
  #goesThere({ cluster, targets }: Forward | Passthrough): boolean {
    const own = this.#decision?.cluster
    const { upstream } = this.#options.requestFlow.flow.draft
    if (own?.tls !== cluster.tls && JSON.stringify(own?.tls) !== JSON.stringify(cluster.tls)) return false
    return cluster.name === own?.name || targets.some((target) => formatTarget(target) === upstream)
  }

  #forbid(deny: Deny): void {
    const { requestFlow, client, written } = this.#options
    this.#forwarding?.abandon()
    if (this.#tunnel) {
      describeDeny(requestFlow, deny, written.requestId)
      return this.#tunnel.cut(deny.details)
    }
    if (!this.#relay.hasStarted) return this.#deny(deny)
    describeDeny(requestFlow, deny, written.requestId)
    client.wire.reset()
    this.#finish(false)
  }

  #deny(deny: Deny): void {
    const { context, client, head, requestFlow, written } = this.#options
    describeDeny(requestFlow, deny, written.requestId)
    if (deny.status === 0) {
      this.#closes = true
      return this.#finish(false)
    }
    this.#reply(denyReply(context, { deny, arrival: client.arrival, flow: requestFlow.flow, head }))
  }

  #answer(answer: Answer): void {
    const { requestFlow, written } = this.#options
    const { status, body, headers, responseHeaders, grpcStatus } = answer
    describeAnswer(requestFlow, answer, written.requestId)
    const changed = responseHeaders ? changeHeaderList(headers, responseHeaders) : headers
    this.#reply({ status, body, headers: changed, ...(grpcStatus !== undefined && { grpcStatus }) })
  }

  /** A mirror outlives its request: it ends when a new configuration no longer asks for it. */
  #isMirrored(runtime: Runtime, cluster: string): boolean {
    const decision = this.#judge.ask(runtime)
    const mirrors = decision.verdict === 'forward' || decision.verdict === 'passthrough' ? decision.http?.mirrors : undefined
    return mirrors?.some((mirror) => mirror.cluster.name === cluster) ?? false
  }

  /** The body broke after the head was understood. */
  #refuseBody(text: string): void {
    const { client } = this.#options
    this.#closes = true
    const explain = this.#judge.runtime?.strict ?? false
    const words = `the body of the request is not valid: ${text}`
    const deny = ownDeny('bad-request', words, { status: 400, flag: 'DPE', details: 'http1.codec_error', explain })
    this.#forwarding?.abandon()
    if (!this.#relay.hasStarted) return this.#deny(deny)
    describeDeny(this.#options.requestFlow, deny, this.#options.written.requestId)
    client.wire.reset()
    this.#finish(false)
  }

  #reply(reply: ReplyContent): void {
    const { context, client, head, requestFlow } = this.#options
    const isGrpc = client.speaksHttp2 && isGrpcType(this.#judge.headerValues().get('content-type')?.[0])
    const content = isGrpc ? grpcReply(reply) : reply
    this.#closes ||=
      !head.keepAlive || !this.#body.isDone || context.isDraining() || context.overload.stopsKeepAlive || this.#judge.refusal !== undefined
    requestFlow.flow.draft.status = content.status
    requestFlow.flow.draft.bytesReceived = sendReply(client.wire, {
      ...content,
      serverName: this.#judge.manager.serverName,
      date: httpDate(context.clock),
      closes: this.#closes,
      isHead: head.method === 'HEAD',
    })
    this.#finish(!this.#closes)
  }

  #finish(keepAlive: boolean): void {
    if (this.state === 'over') return
    this.state = 'over'
    this.#delayed?.cancel()
    this.#patience?.cancel()
    this.#pace?.stop()
    for (const mirror of this.#mirrors) mirror.onRequestOver()
    const { client, requestFlow } = this.#options
    const { draft } = requestFlow.flow
    if (!this.#tunnel) {
      draft.bytesSent = this.#body.received
      if (this.#relay.hasStarted) draft.bytesReceived = this.#relay.sent
    }
    if (this.#isDelayed && this.#decision) draft.flag = withDelay(draft.flag)
    requestFlow.flow.close()
    this.#giveBack()
    client.onExchangeOver(keepAlive)
  }

  /** From now on nothing reads the written head. */
  #giveBack(): void {
    if (this.#out === nothingWritten) return
    returnBuffer(this.#out)
    this.#out = nothingWritten
  }
}

const nothingWritten = new OutBuffer(0)

function withDelay(flag: RequestFlow['flow']['draft']['flag']): RequestFlow['flow']['draft']['flag'] {
  if (flag === '-') return 'DI'
  return flag === 'DI' || flag.startsWith('DI,') ? flag : (`DI,${flag}` as typeof flag)
}
