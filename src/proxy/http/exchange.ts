// Leads one request from its decision to its record: forwards it and passes the response back, or answers itself.
import { formatAddress, messageOf } from '../../base/index.ts'
import type { ConnectionFacts, RequestFacts } from '../../flow/index.ts'
import type { Answer, CompiledHttpManager, Deny, Forward, Passthrough, RequestDecision, Runtime, Target } from '../../runtime/index.ts'
import { workloadName } from '../arrival.ts'
import { type Context, ownDeny } from '../context.ts'
import { NameGathering } from '../name-gathering.ts'
import type { Wire } from '../transport.ts'
import { type DialFailure, formatTarget } from '../upstream/dial.ts'
import { isRedialled, proxyHeader } from '../upstream/hop.ts'
import { WaitLimit } from '../wait-limit.ts'
import type { ClientSide } from './client-side.ts'
import { describeDialFailure, describeUpstreamFailure, type Failure } from './failures.ts'
import { finishRequest, type WrittenRequest } from './head-writer.ts'
import { httpDate } from './http-date.ts'
import { denyReply, type ReplyContent, sendReply } from './replies.ts'
import type { OutBuffer } from './out-buffer.ts'
import { RequestBody } from './request-body.ts'
import type { RequestFlow } from './request-flow.ts'
import type { RequestHead } from './request-head.ts'
import { ResponseRelay } from './response-relay.ts'
import type { UpstreamFailure } from './upstream-connection.ts'
import { UpstreamRequest } from './upstream-request.ts'
import { poolKeySuffix } from '../upstream/pool-key.ts'

export interface ExchangeOptions {
  readonly context: Context
  readonly client: ClientSide
  readonly manager: CompiledHttpManager
  readonly runtime: Runtime | undefined
  readonly connection: ConnectionFacts
  readonly head: RequestHead
  readonly requestFlow: RequestFlow
  /** Holds the request's head as `writeRequest` left it, until the first call returns. */
  readonly out: OutBuffer
  readonly written: WrittenRequest
  /** The connection itself was refused: every request of it is. */
  readonly deny: Deny | undefined
}

/** `waiting`: for a decision. `open`: decided, nothing sent yet. `sent`: on its way. `over`: recorded. */
export type ExchangeState = 'waiting' | 'open' | 'sent' | 'over'

/** Bytes of a body after which a large read buffer pays. */
const BULK_BYTES = 65_536
const INTERIM_CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
/** Safe to send twice when the first sending may have got lost (RFC 9110 §9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PROPFIND', 'SEARCH', 'REPORT'])

export class Exchange {
  state: ExchangeState = 'waiting'
  readonly #options: ExchangeOptions
  readonly #body: RequestBody
  readonly #relay: ResponseRelay
  readonly #names: NameGathering
  readonly #random = Math.random()
  #savedHead: Buffer | undefined
  #decision: Forward | Passthrough | undefined
  #upstream: UpstreamRequest | undefined
  #limit: WaitLimit | undefined
  #sentAt = 0
  #closes = false
  #hasRetried = false
  /** The head in `out` is this request's, with the lines of its decision. */
  #isLoaded = false
  #runtime: Runtime | undefined
  #manager: CompiledHttpManager
  #refusal: Deny | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#runtime = options.runtime
    this.#manager = options.manager
    this.#refusal = options.deny
    this.#body = new RequestBody(options.head.body)
    this.#names = new NameGathering(options.context)
    this.#relay = new ResponseRelay({
      client: options.client.wire,
      method: options.head.method,
      rules: (head) => this.#onResponseHead(head.status),
      upstream: () => this.#upstream?.wire,
      onComplete: (isReusable) => this.#onResponseComplete(isReusable),
      onFailed: (failure) => this.#onUpstreamFailed(failure),
      onUpstreamDrain: () => options.client.resume('upstreamFull'),
      onActivity: () => options.client.touch(),
    })
  }

  /** The request's body has come to its end. */
  get hasWholeRequest(): boolean {
    return this.#body.isDone
  }

  decide(): void {
    const { client } = this.#options
    const decision = this.#refusal ?? this.#ask(this.#runtime, this.#manager)
    if (decision.verdict === 'deny') return this.#deny(decision)
    if (decision.verdict === 'gather') {
      const { name } = decision
      if (decision.need !== 'addresses' || name === undefined || !this.#names.mayLearn(name)) {
        return this.#deny(ownDeny('internal-error', 'the decision asked for what a request cannot give', { status: 500 }))
      }
      this.#savedHead ??= this.#options.out.take()
      client.pause('decision')
      this.#names.learn(name, decision.until, () => this.#decideAgain())
      return
    }
    if (decision.verdict === 'answer') return this.#answer(decision)
    if (this.#options.head.method === 'CONNECT') {
      return this.#deny(
        ownDeny('protocol-not-supported', 'CONNECT is not carried out yet', { status: 501, explain: this.#runtime?.strict ?? false }),
      )
    }
    this.#decision = decision
    this.state = 'open'
  }

  /** Takes what the client sends on as this request's body. Returns how far it came. */
  takeBody(bytes: Buffer, start: number, end: number): number {
    const { client } = this.#options
    const upstream = this.#upstream?.wire
    let at: number
    if (this.state === 'open') {
      this.#loadHead()
      at = this.#body.stage(bytes, start, end, this.#options.out)
    } else {
      const isOwn = this.#options.head.body.kind === 'chunked' || client.wire.isPrivate
      at = this.#body.forward(bytes, start, end, (piece, from, to) => {
        const isTaken = isOwn ? upstream?.lend(piece, from, to) : upstream?.send(piece, from, to)
        if (isTaken === false) client.pause('upstreamFull')
      })
      if (this.#body.isDone) client.wire.demote()
      else if (this.#body.received > BULK_BYTES) client.wire.promote()
    }
    client.touch()
    if (this.#body.problem !== undefined) this.#refuseBody(this.#body.problem)
    else if (this.#body.isDone && this.state === 'sent') this.#startLimit()
    return at
  }

  /** Sends what is staged, once all that has come has been looked at: a request that is broken already never leaves. */
  dispatch(): void {
    const decision = this.#decision
    if (this.state !== 'open' || !decision) return
    this.#loadHead()
    const { context, client, head, out, written, requestFlow } = this.#options
    this.state = 'sent'
    this.#describeForward(decision)
    const header = decision.cluster.proxyProtocol
    const authority = decision.http?.authority ?? head.authority
    const keySuffix = poolKeySuffix(decision.cluster, authority, client.id)
    this.#sentAt = context.clock.monotonic()
    const upstream = new UpstreamRequest({
      context,
      decision,
      staged: out.take(),
      attemptAt: written.attemptAt,
      keySuffix,
      authority,
      preamble: header ? () => proxyHeader(header, context, client.arrival, requestFlow.flow) : undefined,
      sink: this.#relay,
      onConnected: (wire, target) => this.#onConnected(wire, target),
      onFailed: (failure) => this.#onDialFailed(failure),
    })
    this.#upstream = upstream
    if (header)
      for (const target of decision.targets) client.privateKeys.add(`${decision.cluster.name}|${formatTarget(target)}${keySuffix}`)
    // Who is waited for must not speak on meanwhile: what comes would have to be kept.
    if (!this.#body.isDone) client.pause('dial')
    else this.#startLimit()
    if (head.body.kind !== 'none') client.touch()
    upstream.start()
  }

  /** The client's wire has room again. */
  onClientDrain(): void {
    this.#relay.resume()
  }

  /** The client is gone, or its request will never be complete. */
  onClientGone(details: string): void {
    if (this.state === 'over') return
    const { draft } = this.#options.requestFlow.flow
    draft.flag = 'DC'
    draft.details = details
    this.#upstream?.abandon()
    this.#finish(false)
  }

  /** Nothing has moved for too long. */
  onIdle(): void {
    this.#fail({ status: this.hasWholeRequest ? 504 : 408, body: 'stream timeout', flag: 'SI', details: 'stream_idle_timeout' })
  }

  /** A new configuration counts: what it forbids is ended, and answered if nothing was answered yet. */
  judgeAgain(runtime: Runtime, manager: CompiledHttpManager | Deny): void {
    this.#names.forget()
    if (this.state === 'waiting') {
      // Its decision is still to come, and will be made by the new configuration.
      this.#runtime = runtime
      if ('verdict' in manager) this.#refusal = manager
      else this.#manager = manager
      return
    }
    if (this.state !== 'sent') return
    const decision = 'verdict' in manager ? manager : this.#ask(runtime, manager)
    if (decision.verdict === 'gather' && decision.name !== undefined && this.#names.mayLearn(decision.name)) {
      this.#names.learn(decision.name, decision.until, () => {
        if (this.#options.context.runtime() === runtime) this.judgeAgain(runtime, manager)
      })
      return
    }
    if (decision.verdict !== 'deny') return
    this.#upstream?.abandon()
    if (!this.#relay.hasStarted) return this.#deny({ ...decision, details: 'policy_changed' })
    this.#describeDeny({ ...decision, details: 'policy_changed' })
    this.#options.client.wire.reset()
    this.#finish(false)
  }

  /** The proxy ends; the words go into the record. */
  cut(details: string): void {
    if (this.state === 'over') return
    this.#options.requestFlow.flow.draft.details = details
    this.#upstream?.abandon()
    this.#options.client.wire.reset()
    this.#finish(false)
  }

  #facts(): RequestFacts {
    const { connection, head } = this.#options
    return {
      kind: 'request',
      connection,
      method: head.method,
      authority: head.authority,
      path: head.path,
      scheme: 'http',
      headers: () => [],
      chance: () => 0,
      names: this.#names.facts,
      random: this.#random,
    }
  }

  #ask(runtime: Runtime | undefined, manager: CompiledHttpManager): RequestDecision {
    if (!runtime) return ownDeny('no-configuration', 'no configuration has been loaded yet, so nothing is allowed', { status: 503 })
    try {
      return this.#options.context.judge.decideRequest(runtime, manager, this.#facts())
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`, { status: 500 })
    }
  }

  #decideAgain(): void {
    const { client } = this.#options
    if (this.state !== 'waiting') return
    client.resume('decision')
    this.decide()
    if (this.#decision) client.proceed()
  }

  /** After a wait others have used the buffer: it gets this request's head back. The decision's own lines are added once. */
  #loadHead(): void {
    const { out, context, requestFlow } = this.#options
    const decision = this.#decision
    if (this.#isLoaded || !decision) return
    this.#isLoaded = true
    if (this.#savedHead) {
      out.reset()
      out.copy(this.#savedHead, 0, this.#savedHead.length)
      this.#savedHead = undefined
    }
    const workload = workloadName(context)
    finishRequest(out, {
      timeoutMs: decision.timeouts.request,
      ...(decision.cluster.gateway && { flow: requestFlow.flow.id }),
      ...(decision.cluster.gateway && workload !== undefined && { workload }),
    })
  }

  #describeForward(decision: Forward | Passthrough): void {
    const { flow, notes } = this.#options.requestFlow
    flow.draft.verdict = 'allow'
    flow.draft.reason = decision.reason
    flow.draft.path = decision.path
    flow.draft.cluster = decision.cluster.name
    notes.requestId = this.#options.written.requestId
    if (decision.route !== undefined) notes.routeName = decision.route
  }

  #describeDeny(deny: Deny): void {
    const { flow, notes } = this.#options.requestFlow
    const { draft } = flow
    draft.verdict = 'deny'
    draft.reason = deny.reason
    draft.path = 'none'
    draft.flag = deny.flag
    draft.details = deny.details
    if (deny.cluster !== undefined) draft.cluster = deny.cluster
    notes.requestId = this.#options.written.requestId
    if (deny.route !== undefined) notes.routeName = deny.route
  }

  #deny(deny: Deny): void {
    const { context, client, head, requestFlow } = this.#options
    this.#describeDeny(deny)
    if (deny.status === 0) {
      client.resume('decision')
      this.#closes = true
      return this.#finish(false)
    }
    this.#reply(denyReply(context, { deny, arrival: client.arrival, flow: requestFlow.flow, head }))
  }

  #answer(answer: Answer): void {
    const { draft } = this.#options.requestFlow.flow
    draft.verdict = 'allow'
    draft.reason = answer.reason
    draft.flag = answer.flag
    draft.details = answer.details
    if (answer.route !== undefined) this.#options.requestFlow.notes.routeName = answer.route
    this.#reply({ status: answer.status, body: Buffer.from(answer.body).toString('utf8') })
  }

  #onConnected(wire: Wire, target: Target): void {
    const { client, requestFlow, head } = this.#options
    const { draft } = requestFlow.flow
    draft.upstream = formatTarget(target)
    if (wire.local) draft.upstreamLocal = formatAddress(wire.local)
    draft.redialled = isRedialled(target, client.arrival.destination)
    if (this.#body.isDone) return
    if (head.expectsContinue && this.#body.received === 0) client.wire.send(INTERIM_CONTINUE, 0, INTERIM_CONTINUE.length)
    client.resume('dial')
  }

  #onDialFailed(failure: DialFailure): void {
    const { client, requestFlow } = this.#options
    const { draft } = requestFlow.flow
    if (failure.target) {
      draft.upstream = formatTarget(failure.target)
      draft.redialled = isRedialled(failure.target, client.arrival.destination)
      requestFlow.notes.transportFailure = failure.isTimeout ? '-' : failure.words
    }
    this.#fail(describeDialFailure(failure))
  }

  #onResponseHead(status: number): { serverName: string; date: string; serviceTimeMs: number; closes: boolean } {
    const { context, head, requestFlow } = this.#options
    this.#closes = !head.keepAlive || context.isDraining() || !this.#body.isDone
    const serviceTimeMs = Math.round(context.clock.monotonic() - this.#sentAt)
    this.#upstream?.report(status)
    requestFlow.flow.draft.status = status
    requestFlow.flow.draft.details = 'via_upstream'
    requestFlow.notes.upstreamServiceTime = String(serviceTimeMs)
    return { serverName: this.#manager.serverName, date: httpDate(context.clock), serviceTimeMs, closes: this.#closes }
  }

  #onResponseComplete(isReusable: boolean): void {
    this.#upstream?.release(isReusable && this.#body.isDone)
    this.#finish(!this.#closes)
  }

  #onUpstreamFailed(failure: UpstreamFailure): void {
    const { head } = this.#options
    const mayRetry = failure.isStale && !this.#hasRetried && head.body.kind === 'none' && idempotent.has(head.method)
    if (mayRetry) {
      this.#hasRetried = true
      this.#upstream?.dialAfresh()
      return
    }
    this.#upstream?.report('connect-failed')
    this.#fail(describeUpstreamFailure(failure, this.#relay.hasStarted))
  }

  #startLimit(): void {
    const { request } = this.#decision?.timeouts ?? { request: 0 }
    if (request === 0 || this.#limit) return
    const { deadlines, clock } = this.#options.context
    this.#limit = new WaitLimit(deadlines, clock, () => {
      this.#upstream?.report('timeout')
      this.#fail({ status: 504, body: 'upstream request timeout', flag: 'UT', details: 'response_timeout' })
    })
    this.#limit.start(request)
  }

  /** The request was allowed and could not be carried out. After the response has begun only cutting it short says so. */
  #fail(failure: Failure): void {
    if (this.state === 'over') return
    const { requestFlow, client } = this.#options
    const { draft } = requestFlow.flow
    draft.flag = failure.flag
    draft.details = failure.details
    this.#upstream?.abandon()
    if (!this.#relay.hasStarted)
      return this.#reply({ status: failure.status, body: failure.body, ...(failure.isOverload && { isOverload: true }) })
    client.wire.reset()
    this.#finish(false)
  }

  /** The body broke after the head was understood. */
  #refuseBody(text: string): void {
    const { requestFlow, context, client, head } = this.#options
    this.#upstream?.abandon()
    this.#closes = true
    const deny = ownDeny('bad-request', `the body of the request is not valid: ${text}`, {
      status: 400,
      flag: 'DPE',
      details: 'http1.codec_error',
      explain: this.#runtime?.strict ?? false,
    })
    this.#describeDeny(deny)
    if (this.#relay.hasStarted) {
      client.wire.reset()
      return this.#finish(false)
    }
    this.#reply(denyReply(context, { deny, arrival: client.arrival, flow: requestFlow.flow, head }))
  }

  #reply(content: ReplyContent): void {
    const { context, client, head, requestFlow } = this.#options
    this.#closes ||= !head.keepAlive || !this.#body.isDone || context.isDraining() || this.#refusal !== undefined
    requestFlow.flow.draft.status = content.status
    requestFlow.flow.draft.bytesReceived = sendReply(client.wire, {
      ...content,
      serverName: this.#manager.serverName,
      date: httpDate(context.clock),
      closes: this.#closes,
      isHead: head.method === 'HEAD',
    })
    this.#finish(!this.#closes)
  }

  #finish(keepAlive: boolean): void {
    if (this.state === 'over') return
    this.state = 'over'
    this.#limit?.stop()
    const { client, requestFlow } = this.#options
    const { draft } = requestFlow.flow
    draft.bytesSent = this.#body.received
    if (this.#relay.hasStarted) draft.bytesReceived = this.#relay.sent
    requestFlow.flow.close()
    client.onExchangeOver(keepAlive)
  }
}
