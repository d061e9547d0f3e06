// Serves the requests of one client connection of HTTP/2: each stream is a connection of HTTP/1.1 with one request to those who decide and forward it.
import { messageOf } from '../../base/index.ts'
import type { ConnectionDecision, Runtime } from '../../runtime/index.ts'
import { ownDeny } from '../context.ts'
import { HeldBytes } from '../held-bytes.ts'
import { HttpConnection, type HttpConnectionOptions } from '../http/http-connection.ts'
import { openRequestFlow, RequestOrigin } from '../http/request-flow.ts'
import { closePolitely } from '../refusal.ts'
import { WaitLimit } from '../wait-limit.ts'
import { requestInHttp1, trailersInHttp1 } from './fields.ts'
import type { Fault } from './frames.ts'
import type { FieldList } from './hpack-decoder.ts'
import type { SessionOwner } from './session-owner.ts'
import { Http2Session } from './session.ts'
import type { Http2Stream } from './stream.ts'

export class Http2Connection implements SessionOwner {
  readonly #options: HttpConnectionOptions
  readonly #requests = new Map<Http2Stream, HttpConnection>()
  readonly #wait: WaitLimit
  readonly #origin: RequestOrigin
  #session: Http2Session | undefined
  #hasRequests = false
  #isEnding = false
  #isDone = false

  constructor(options: HttpConnectionOptions) {
    const { context, flow, arrival } = options
    this.#origin = new RequestOrigin(flow, arrival, 'http2')
    this.#options = { ...options, protocol: 'http2', origin: this.#origin }
    this.#wait = new WaitLimit(context.deadlines, context.clock, () => this.#onIdle())
  }

  /** Takes over the connection with what was held of it. */
  begin(held: HeldBytes): void {
    const { context, wire } = this.#options
    const { bytes, start, end } = held
    held.clear()
    const { http2Streams: streams, headBytes, headers } = context.limits
    this.#session = new Http2Session(wire, 'server', { owner: this, clock: context.clock, limits: { streams, headBytes, headers } })
    wire.resume()
    this.#wait.start(context.limits.keepAliveMs)
    this.#session.onData(bytes, start, end)
    if (wire.ended) this.onEnd()
  }

  judgeAgain(runtime: Runtime): void {
    if (this.#isEnding) return
    for (const request of Array.from(this.#requests.values())) request.judgeAgain(runtime)
    if (this.#requests.size > 0) return
    // A client without a request under way had better connect anew, where this port is served in another way now.
    this.#options.names.forget()
    const decision = this.#decide(runtime)
    if (decision.verdict === 'deny') this.#options.flow.draft.reason = decision.reason
    if (decision.verdict !== 'http' && decision.verdict !== 'gather') this.#end('the configuration has changed')
  }

  drain(): void {
    if (this.#requests.size === 0) return this.#end('the proxy is shutting down')
    if (!this.#session?.isLeaving) this.#session?.leave('NO_ERROR', 'the proxy is shutting down')
  }

  cut(details: string): void {
    const requests = [...this.#requests.values()]
    for (const request of requests) request.cut(details)
    this.#options.flow.draft.details = details
    if (requests.length > 0) this.#session?.leave('NO_ERROR', details)
    this.#options.wire.close()
  }

  onFields(stream: Http2Stream, fields: FieldList, isLast: boolean): Fault | undefined {
    if (this.#requests.has(stream)) return this.#takeTrailers(stream, fields, isLast)
    const head = requestInHttp1(fields, isLast)
    if (typeof head === 'string') return { code: 'PROTOCOL_ERROR', text: head, details: 'http2.violation.of.messaging.rule' }
    this.#hasRequests = true
    this.#options.flow.discard()
    this.#wait.stop()
    stream.isRemoteDone = isLast
    stream.beginBody(head)
    const request = new HttpConnection({ ...this.#options, wire: stream, onDone: () => undefined })
    this.#requests.set(stream, request)
    request.begin(HeldBytes.of(Buffer.from(head.text, 'latin1')))
    return undefined
  }

  mayAdmit(): boolean {
    return !this.#isEnding
  }

  onStreamFault(fault: Fault): void {
    this.#record(fault)
  }

  onStreamGone(stream: Http2Stream): void {
    this.#requests.delete(stream)
    if (this.#requests.size > 0 || this.#isEnding) return
    const { context, wire } = this.#options
    if (this.#session?.isLeaving || wire.ended) return this.#end('')
    if (context.overload.stopsKeepAlive || context.isDraining()) return this.#end('the proxy takes no further requests here')
    this.#wait.start(context.overload.idleMs(context.limits.keepAliveMs))
  }

  onActivity(): void {
    if (this.#requests.size > 0) this.#wait.stop()
  }

  onGoaway(): void {
    if (this.#requests.size === 0) this.#end('')
  }

  onFault(fault: Fault): void {
    this.#record(fault)
    this.#close()
  }

  /** Without its side of the connection a client cannot take an answer at its own pace; Envoy too ends it. */
  onEnd(): void {
    if (this.#requests.size === 0) this.#end('')
    else this.#options.wire.close()
  }

  onClose(): void {
    this.#isEnding = true
    this.#finish()
  }

  #takeTrailers(stream: Http2Stream, fields: FieldList, isLast: boolean): Fault | undefined {
    const lines = isLast ? trailersInHttp1(fields) : undefined
    if (lines === undefined)
      return { code: 'PROTOCOL_ERROR', text: 'the trailers are not valid', details: 'http2.violation.of.messaging.rule' }
    return stream.deliverTrailers(lines)
  }

  #decide(runtime: Runtime): ConnectionDecision {
    try {
      return this.#options.context.judge.decide(runtime, this.#options.facts())
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`)
    }
  }

  /** What breaks the rules is a request that could not be read, or the connection itself before it made one. */
  #record({ text, details }: Fault): void {
    const { context, flow } = this.#options
    const own = this.#hasRequests ? openRequestFlow(context, this.#origin, undefined).flow : flow
    const { draft } = own
    draft.protocol = 'http2'
    draft.verdict = 'deny'
    draft.reason = { code: 'bad-request', text }
    draft.path = 'none'
    draft.flag = 'DPE'
    draft.details = details ?? 'http2.codec_error'
    if (this.#hasRequests) own.close()
    // From now on what else is wrong has a record of its own.
    else flow.close()
    this.#hasRequests = true
  }

  #onIdle(): void {
    if (this.#requests.size === 0) this.#end('nothing was asked for in time')
  }

  #end(text: string): void {
    if (this.#isEnding) return
    this.#session?.leave('NO_ERROR', text)
    this.#close()
  }

  /** What was sent still goes out. */
  #close(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#wait.stop()
    closePolitely(this.#options.wire, this.#options.context, () => this.#finish())
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#wait.stop()
    const { flow, deny, onDone } = this.#options
    if (!this.#hasRequests) {
      const { draft } = flow
      draft.protocol = 'http2'
      if (deny) draft.reason = deny.reason
      else if (draft.reason.code === 'internal-error')
        draft.reason = { code: 'bad-request', text: 'the connection ended before it made a request' }
      draft.details ??= 'no_request'
    }
    onDone()
  }
}
