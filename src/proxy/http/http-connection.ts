// Serves the requests of one client connection one after the other, each decided on its own by the configuration of its moment.
import { messageOf } from '../../base/index.ts'
import type { ConnectionFacts } from '../../flow/index.ts'
import type { CompiledHttpManager, ConnectionDecision, Deny, Runtime } from '../../runtime/index.ts'
import { type Arrival, peerOf } from '../arrival.ts'
import { type Context, ownDeny } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import { HeldBytes } from '../held-bytes.ts'
import type { NameGathering } from '../name-gathering.ts'
import { closePolitely } from '../refusal.ts'
import { beginsAsHttp2 } from '../sniff/first-bytes.ts'
import type { Wire, WireHandler } from '../transport.ts'
import type { Waiter } from '../turn-queue.ts'
import { WaitLimit } from '../wait-limit.ts'
import { type ClientSide, type PauseReason, pauseReasons } from './client-side.ts'
import { Exchange } from './exchange.ts'
import { wantedHeaders } from '../../telemetry/index.ts'
import { HeadScanner, hasLineEnd } from './head-scanner.ts'
import { keepHeaders } from './kept-headers.ts'
import { forwardedClientCert } from './forwarded-client-cert.ts'
import { type HopRules, writeRequest } from './head-writer.ts'
import { httpDate } from './http-date.ts'
import { isInternalAddress } from './internal-address.ts'
import { borrowBuffer } from './out-buffer.ts'
import { denyReply, sendReply } from './replies.ts'
import { openRequestFlow, RequestOrigin } from './request-flow.ts'
import type { Piece } from './tunnel.ts'
import { interpretRequest, type RequestHead, type RequestProblem } from './request-head.ts'

export interface HttpConnectionOptions {
  readonly context: Context
  readonly wire: Wire
  readonly arrival: Arrival
  /** The connection's own flow: recorded only if no request comes. */
  readonly flow: Flow
  readonly facts: () => ConnectionFacts
  readonly names: NameGathering
  readonly runtime?: Runtime
  readonly manager?: CompiledHttpManager
  /** The connection is refused; its first request gets the answer. */
  readonly deny?: Deny
  /** Of the client, where its requests come by streams; absent: HTTP/1.1. */
  readonly protocol?: 'http2'
  /** What the streams of one client have in common. */
  readonly origin?: RequestOrigin
  /** Where nobody has looked at what comes first: it is HTTP/2, which is served by somebody else. */
  readonly onPreface?: (held: HeldBytes) => void
  readonly onDone: () => void
}

/** For a connection that is refused before any manager is known. */
const plainManager: CompiledHttpManager = { routeConfig: '', pathNormalization: 'base', useRemoteAddress: false, serverName: 'envoy' }

/** Request heads are scanned one at a time, to the end of the call. */
let scanner: HeadScanner | undefined

/** Whether a request may go on: not asked yet; it waits for its turn; its turn has come; it has waited for too long. */
type Turn = 'unasked' | 'waits' | 'come' | 'late'

export class HttpConnection implements WireHandler, ClientSide, Waiter {
  readonly wire: Wire
  readonly arrival: Arrival
  readonly id: string
  readonly speaksHttp2: boolean
  readonly privateKeys = new Set<string>()
  readonly #options: HttpConnectionOptions
  readonly #context: Context
  readonly #scanner: HeadScanner
  readonly #held = new HeldBytes()
  readonly #wait: WaitLimit
  readonly #origin: RequestOrigin
  #runtime: Runtime | undefined
  #manager: CompiledHttpManager
  #exchange: Exchange | undefined
  #requests = 0
  #paused = 0
  #isProcessing = false
  #isEnding = false
  /** Whether the client's address is one that Envoy calls external; looked up once. */
  #isOutside: boolean | undefined
  /** The exchange has a place among the requests that are under way. */
  #isCounted = false
  #turn: Turn = 'unasked'
  /** Bytes of the held head that have been looked at. */
  #searched = 0
  /** The end of a head is awaited. */
  #isHeadBegun = false

  constructor(options: HttpConnectionOptions) {
    this.#options = options
    this.#context = options.context
    this.wire = options.wire
    this.arrival = options.arrival
    this.id = options.flow.id
    this.speaksHttp2 = options.protocol === 'http2'
    this.#origin = options.origin ?? new RequestOrigin(options.flow, options.arrival, options.protocol)
    this.#runtime = options.runtime
    this.#manager = options.manager ?? plainManager
    scanner ??= new HeadScanner(options.context.limits.headers)
    this.#scanner = scanner
    this.#wait = new WaitLimit(this.#context.deadlines, this.#context.clock, () => this.#onExpired())
  }

  /** Takes over the connection with what was held of it. */
  begin(held: HeldBytes): void {
    const { bytes, start, end } = held
    held.clear()
    this.wire.handler = this
    this.wire.resume()
    this.#wait.start(this.#context.limits.keepAliveMs)
    if (end > start) this.onData(bytes, start, end)
    if (this.wire.ended) this.onEnd()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isEnding) return
    if (this.#held.length === 0) return this.#process(bytes, start, end, false)
    this.#held.append(bytes, start, end)
    if (this.#turn === 'waits') return this.#holdBack()
    if (this.#isHeadIncomplete()) return
    this.#process(this.#held.bytes, this.#held.start, this.#held.end, true)
  }

  onEnd(): void {
    const exchange = this.#exchange
    if (!exchange) return this.#turn === 'waits' ? undefined : this.#end()
    if (exchange.hasWholeRequest || this.#held.length > 0) return exchange.onClientEnded()
    exchange.onClientGone('downstream_remote_disconnect')
  }

  onDrain(): void {
    this.#exchange?.onClientDrain()
  }

  get peer(): string {
    return peerOf(this.arrival)
  }

  onTurn(isLate: boolean): void {
    if (this.#isEnding) return
    this.#turn = isLate ? 'late' : 'come'
    try {
      this.proceed()
      if (this.wire.ended) this.onEnd()
    } catch (error) {
      // Whatever goes wrong here is this connection's, and the others have their turns all the same.
      this.cut(`internal_error|${messageOf(error)}`)
    }
  }

  onClose(error: Error | undefined): void {
    this.#isEnding = true
    this.#exchange?.onClientGone(error ? `downstream_remote_disconnect|${messageOf(error)}` : 'downstream_remote_disconnect')
    this.#finish()
  }

  judgeAgain(runtime: Runtime): void {
    const exchange = this.#exchange
    this.#options.names.forget()
    if (exchange) return this.#judgeExchange(exchange, runtime)
    if (this.#isEnding || this.#held.length > 0) return
    // A client that waits with its next request had better connect anew, where this port is served in another way now.
    const decision = this.#decideConnection(runtime)
    if (decision.verdict === 'deny') this.#options.flow.draft.reason = decision.reason
    if (decision.verdict !== 'http' && decision.verdict !== 'gather') this.#end()
  }

  drain(): void {
    if (!this.#exchange && this.#held.length === 0) this.#end()
  }

  cut(details: string): void {
    if (this.#exchange) return this.#exchange.cut(details)
    this.#options.flow.draft.details = details
    this.wire.close()
  }

  get isPaused(): boolean {
    return this.#paused !== 0
  }

  pause(reason: PauseReason): void {
    if (this.#paused === 0) this.wire.pause()
    this.#paused |= pauseReasons[reason]
  }

  resume(reason: PauseReason): void {
    if ((this.#paused & pauseReasons[reason]) === 0) return
    this.#paused &= ~pauseReasons[reason]
    if (this.#paused === 0) this.wire.resume()
  }

  proceed(): void {
    if (!this.#isProcessing) this.#process(this.#held.bytes, this.#held.start, this.#held.end, true)
  }

  touch(): void {
    this.#wait.touch()
  }

  handOver(): Piece {
    const { bytes, start, end } = this.#held
    this.#held.clear()
    this.#wait.stop()
    this.#paused = 0
    return { bytes, start, end }
  }

  onExchangeOver(keepAlive: boolean): void {
    this.#exchange = undefined
    if (this.#isCounted) this.#context.overload.endRequest(this.peer)
    this.#isCounted = false
    this.#paused = 0
    if (!keepAlive || this.wire.closed) return this.#end()
    this.wire.resume()
    this.#wait.start(this.#context.overload.idleMs(this.#context.limits.keepAliveMs))
    this.proceed()
    if (!this.#exchange && this.wire.ended) this.#end()
  }

  /** Goes on with the bytes until they are used up or must wait; what is left is held. */
  #process(bytes: Buffer, start: number, end: number, isHeld: boolean): void {
    this.#isProcessing = true
    let at = start
    try {
      for (;;) {
        const next = this.#step(bytes, at, end)
        if (next === undefined) break
        at = next
      }
    } finally {
      this.#isProcessing = false
    }
    if (isHeld) this.#held.consume(at - start)
    else if (!this.#isEnding) this.#held.append(bytes, at, end)
    const exchange = this.#exchange
    if (!exchange) return
    this.#holdBack()
    if (this.wire.ended && exchange.isTaking) exchange.onClientGone('downstream_remote_disconnect')
  }

  /** No more is held of a client than a head may have. */
  #holdBack(): void {
    if (this.#held.length >= this.#context.limits.headBytes) this.pause('pipeline')
    else this.resume('pipeline')
  }

  /** One step on; undefined: nothing more can be done now. */
  #step(bytes: Buffer, at: number, end: number): number | undefined {
    if (this.#isEnding) return undefined
    const exchange = this.#exchange
    if (!exchange) return at < end ? this.#readHead(bytes, at, end) : undefined
    if (exchange.state === 'open') {
      const next = exchange.takeBody(bytes, at, end)
      exchange.dispatch()
      return next
    }
    return exchange.isTaking && at < end ? exchange.takeBody(bytes, at, end) : undefined
  }

  #readHead(bytes: Buffer, start: number, end: number): number | undefined {
    const { limits } = this.#context
    const at = this.#scanner.scanRequest(bytes, start, end)
    if (at === -1 && this.#isPreface(bytes, start, end)) return this.#leave(bytes, start, end)
    if (at === -1)
      return this.#refuseHead(this.#scanner.problem ?? { status: 400, text: 'the request head is malformed' }, { bytes, start, end })
    if (at === 0 ? end - start > limits.headBytes : at - start > limits.headBytes) {
      return this.#refuseHead({ status: 431, text: `the request head is longer than ${limits.headBytes} bytes` }, { bytes, start, end })
    }
    if (at === 0) {
      // One limit for all of it, however many of its lines come one by one.
      if (!this.#isHeadBegun) this.#wait.start(this.#context.overload.idleMs(limits.headMs))
      this.#isHeadBegun = true
      this.#searched = end - start
      return undefined
    }
    this.#searched = 0
    this.#isHeadBegun = false
    if (this.#turn === 'waits') return undefined
    if (this.#turn === 'unasked' && this.#context.overload.mustWait(this)) {
      this.#turn = 'waits'
      return undefined
    }
    const state = this.#refreshManager()
    if (state !== 'ready') return undefined
    const result = interpretRequest(this.#scanner, {
      isStrict: this.#runtime?.strict ?? true,
      pathNormalization: this.#manager.pathNormalization,
    })
    if ('problem' in result) return this.#refuse(result.problem, { bytes, start, end })
    const head = this.arrival.servesOne ? askedOfProxy(result.head) : result.head
    this.#countRequest()
    const requestFlow = openRequestFlow(this.#context, this.#origin, head)
    if (wantedHeaders.request.length > 0) requestFlow.requestHeaders = keepHeaders(this.#scanner, wantedHeaders.request)
    const out = borrowBuffer()
    const hop = this.#hopRules()
    const written = writeRequest(out, this.#scanner, head, hop)
    const shed = this.#context.overload.beginRequest(this.peer, this.#turn === 'late')
    this.#turn = 'unasked'
    this.#isCounted = shed === undefined
    const exchange = new Exchange({
      context: this.#context,
      client: this,
      manager: this.#manager,
      runtime: this.#runtime,
      connection: this.#options.facts(),
      head,
      requestFlow,
      out,
      written,
      deny: this.#options.deny,
      shed,
      isEdge: hop.isEdge,
    })
    this.#exchange = exchange
    this.#wait.start(this.#context.limits.streamIdleMs)
    exchange.decide()
    return at
  }

  /** Looked at only where HTTP/1.1 has nothing to say to it, so that it costs no request anything. */
  #isPreface(bytes: Buffer, start: number, end: number): boolean {
    return this.#requests === 0 && this.#options.onPreface !== undefined && beginsAsHttp2(bytes, start, end)
  }

  #leave(bytes: Buffer, start: number, end: number): undefined {
    this.#isEnding = true
    this.#wait.stop()
    const held = new HeldBytes()
    held.append(bytes, start, end)
    this.#held.clear()
    this.#options.onPreface?.(held)
    return undefined
  }

  /** A request that dribbles in is scanned again only when a line of it has ended. */
  #isHeadIncomplete(): boolean {
    if (this.#exchange || this.#paused !== 0) return this.#paused !== 0
    const { bytes, start, end } = this.#held
    if (end - start > this.#context.limits.headBytes) return false
    const from = start + this.#searched
    this.#searched = end - start
    return !hasLineEnd(bytes, from, end)
  }

  #hopRules(): HopRules {
    const { source, secured } = this.arrival
    const isSecure = secured !== undefined
    const certificate = secured?.certificate
    const details = this.#manager.clientCert
    const clientCert = certificate && details && forwardedClientCert(certificate, details)
    if (!this.#manager.useRemoteAddress || !source) return { isEdge: false, isSecure, clientCert }
    this.#isOutside ??= !isInternalAddress(source.ip)
    return { peer: source.ip, isEdge: this.#isOutside, isSecure, clientCert }
  }

  /** A newer configuration may serve this connection by another manager, or not at all. */
  #refreshManager(): 'ready' | 'waiting' | 'over' {
    const runtime = this.#context.runtime()
    if (this.#options.deny || runtime === this.#runtime || !runtime) return 'ready'
    const decision = this.#decideConnection(runtime)
    if (decision.verdict === 'http') {
      this.#runtime = runtime
      this.#manager = decision.manager
      return 'ready'
    }
    const { names } = this.#options
    if (decision.verdict === 'gather' && decision.name !== undefined && names.mayLearn(decision.name)) {
      this.pause('decision')
      names.learn(decision.name, decision.until, () => {
        this.resume('decision')
        this.proceed()
      })
      return 'waiting'
    }
    const { bytes, methodStart: start, targetEnd: end } = this.#scanner
    this.#refuse(problemOf(decision), { bytes, start, end })
    return 'over'
  }

  #decideConnection(runtime: Runtime): ConnectionDecision {
    try {
      return this.#context.judge.decide(runtime, this.#options.facts())
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`)
    }
  }

  #judgeExchange(exchange: Exchange, runtime: Runtime): void {
    if (this.#exchange !== exchange || this.#context.runtime() !== runtime) return
    const decision = this.#decideConnection(runtime)
    const { names } = this.#options
    if (decision.verdict === 'http') return exchange.judgeAgain(runtime, decision.manager)
    if (decision.verdict === 'deny') return exchange.judgeAgain(runtime, decision)
    if (decision.verdict === 'gather' && decision.name !== undefined && names.mayLearn(decision.name)) {
      names.learn(decision.name, decision.until, () => this.#judgeExchange(exchange, runtime))
    }
    // Now it is carried without being read: that is an allow.
  }

  #countRequest(): void {
    this.#requests++
    if (this.#requests === 1) this.#options.flow.discard()
  }

  #refuseHead(problem: { readonly status: number; readonly text: string }, from: Piece): undefined {
    const details = problem.status === 426 ? 'low_version' : problem.status === 431 ? 'request_headers_too_large' : 'http1.codec_error'
    return this.#refuse({ ...problem, code: 'bad-request', details }, from)
  }

  /** Answers a request that cannot be served as one, and ends the connection: what follows it cannot be trusted. */
  #refuse(problem: RequestProblem, { bytes, start, end }: Piece): undefined {
    this.#countRequest()
    const { flow } = openRequestFlow(this.#context, this.#origin, undefined)
    const deny = ownDeny(problem.code, problem.text, {
      status: problem.status,
      flag: problem.code === 'bad-request' ? 'DPE' : '-',
      explain: this.#runtime?.strict ?? true,
      details: problem.details ?? 'http1.codec_error',
    })
    const { draft } = flow
    draft.reason = deny.reason
    draft.flag = deny.flag
    draft.details = deny.details
    draft.status = deny.status
    draft.bytesReceived = sendReply(this.wire, {
      ...denyReply(this.#context, { deny, arrival: this.arrival, flow, head: undefined }),
      serverName: this.#manager.serverName,
      date: httpDate(this.#context.clock),
      closes: true,
      // However broken the rest of its head may be: whoever asks so would take a body for the next answer (RFC 9110 §9.3.2).
      isHead: bytes.toString('latin1', start, Math.min(end, start + 5)) === 'HEAD ',
    })
    flow.close()
    this.#end()
    return undefined
  }

  #onExpired(): void {
    if (this.#exchange) return this.#exchange.onIdle()
    if (this.#turn === 'waits') return
    if (this.#held.length > 0) {
      const problem = { status: 408, text: 'the request head did not come in time', details: 'request_header_timeout' } as const
      this.#refuse({ ...problem, code: 'bad-request' }, this.#held)
      return
    }
    this.#end()
  }

  /** Nothing more is served; what was sent still goes out. */
  #end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#wait.stop()
    this.#held.clear()
    this.#paused = 0
    closePolitely(this.wire, this.#context, () => this.#finish())
  }

  #finish(): void {
    this.#wait.stop()
    this.#held.clear()
    for (const key of this.privateKeys) this.#context.pool.closeKey(key)
    this.privateKeys.clear()
    if (this.#requests === 0) {
      const { draft } = this.#options.flow
      draft.protocol = 'http'
      const { deny } = this.#options
      if (deny) draft.reason = deny.reason
      else if (draft.reason.code === 'internal-error')
        draft.reason = { code: 'bad-request', text: 'the connection ended before it made a request' }
      draft.details ??= 'no_request'
    }
    this.#options.onDone()
  }
}

/** The client may ask for another host next, on a connection of its own; what it says to its proxy is not for the origin (RFC 9110 §11.7.2). */
function askedOfProxy(head: RequestHead): RequestHead {
  return { ...head, keepAlive: false, nominated: new Set([...(head.nominated ?? []), 'proxy-authorization']) }
}

function problemOf(decision: ConnectionDecision): RequestProblem {
  if (decision.verdict === 'deny') {
    const { status, details } = decision
    return { status: status || 403, code: decision.reason.code, text: decision.reason.text, details }
  }
  const text = 'the configuration has changed, and this connection is no longer served as HTTP: connect again'
  return { status: 503, code: 'protocol-not-supported', text, details: 'policy_changed' }
}
