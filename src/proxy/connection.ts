// Leads one accepted connection from its first facts to a decision, and hands it to whoever carries that out.
import { formatAddress, messageOf } from '../base/index.ts'
import { type AccessDetails, type ConnectionFacts, type FirstBytes, reasonCodes, type SecuredFacts } from '../flow/index.ts'
import type { ConnectionDecision, Deny, Gather, Runtime, ServerTlsPlan } from '../runtime/index.ts'
import { type Arrival, sourceOf } from './arrival.ts'
import { accessDetailsOf, describeFirst, describeRefusal, otherwise } from './connection-record.ts'
import { type Context, ownDeny } from './context.ts'
import type { Flow } from './flow-recorder.ts'
import { HeldBytes } from './held-bytes.ts'
import { HttpConnection, type HttpConnectionOptions } from './http/http-connection.ts'
import { Http2Connection } from './http2/http2-connection.ts'
import type { LiveConnection } from './live-connections.ts'
import { NameGathering } from './name-gathering.ts'
import { closePolitely, http2Goodbye, tlsAlert } from './refusal.ts'
import { classifyFirstBytes } from './sniff/first-bytes.ts'
import { TcpForward } from './tcp-forward.ts'
import { endTls } from './tls-ending.ts'
import type { Dialling, Wire, WireHandler } from './transport.ts'
import { WaitLimit } from './wait-limit.ts'

export class Connection implements WireHandler, LiveConnection {
  readonly #context: Context
  #wire: Wire
  #arrival: Arrival
  readonly #flow: Flow
  readonly #held = new HeldBytes()
  readonly #names: NameGathering
  readonly #wait: WaitLimit
  readonly #random = Math.random()
  #first: FirstBytes | undefined
  /** What came first inside of TLS that has ended here, where that matters. */
  #inside: FirstBytes | undefined
  #known: ConnectionFacts | undefined
  /** Classified after the bytes had been let through, for later judgements. */
  #late: FirstBytes | undefined
  #isWaiting = false
  #ending: Dialling | undefined
  #tcp: TcpForward | undefined
  #http: HttpConnection | Http2Connection | undefined
  #isRefused = false
  readonly #onOver: (() => void) | undefined
  #isOver = false

  /** `onOver` is called once, when the connection is recorded. */
  constructor(context: Context, wire: Wire, arrival: Arrival, onOver?: () => void) {
    this.#onOver = onOver
    this.#context = context
    this.#wire = wire
    this.#arrival = arrival
    this.#names = new NameGathering(context)
    this.#wait = new WaitLimit(context.deadlines, context.clock, () => this.#onWaited())
    this.#flow = context.recorder.open('connection', sourceOf(context, arrival), formatAddress(arrival.destination))
    const { draft } = this.#flow
    if (arrival.virtualName !== undefined) draft.host = arrival.virtualName
    if (arrival.parent !== undefined) draft.parent = arrival.parent
    this.#flow.teller = this
    context.live.add(this)
    wire.handler = this
  }

  /** Judges for the first time. Bytes that came along with what was read before are given here. */
  begin(bytes?: Buffer, start = 0, end = 0): void {
    if (bytes) this.#held.append(bytes, start, end)
    this.#judge()
  }

  /** Refuses without asking any configuration. */
  refuse(deny: Deny): void {
    this.#refuse(deny)
  }

  /** As `refuse`, and answers the HTTP request whose bytes are given. */
  refuseRequest(deny: Deny, { bytes, start, end }: HeldBytes): void {
    this.#held.append(bytes, start, end)
    this.#first = { protocol: 'http1', method: '', target: '' }
    this.#refuse(deny)
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const isFirst = this.#held.length === 0
    this.#held.append(bytes, start, end)
    if (this.#isWaiting) {
      // Who has begun to speak is not silent: the rest may take its time.
      if (isFirst) this.#wait.start(this.#context.limits.firstBytesMs)
      this.#classify()
    } else if (this.#held.length >= this.#context.limits.firstBytes) {
      this.#wire.pause()
    }
  }

  onEnd(): void {
    if (this.#isWaiting) this.#onWaited()
  }

  onDrain(): void {
    // Nothing was sent yet.
  }

  /** The client left before anything was done. What would have been decided is still worth a word in the record. */
  onClose(error: Error | undefined): void {
    const { draft } = this.#flow
    draft.flag = 'DC'
    draft.details = error ? messageOf(error) : 'the client left before the decision'
    this.#first ??= this.#classifyFinally()
    const runtime = this.#context.runtime()
    const decision = runtime && this.#decide(runtime, this.#facts())
    if (decision && 'reason' in decision) {
      draft.reason = decision.reason
      draft.verdict = decision.verdict === 'deny' ? 'deny' : 'allow'
    }
    this.#finish()
  }

  judgeAgain(runtime: Runtime): void {
    if (this.#isOver) return
    if (this.#http) return this.#http.judgeAgain(runtime)
    if (!this.#tcp) return
    this.#names.forget()
    this.#judgeLive(runtime)
  }

  drain(): void {
    if (this.#http) return this.#http.drain()
    if (this.#ending) return this.#onTlsFailed('the proxy is shutting down')
    if (!this.#tcp) this.#refuse(ownDeny('limit-reached', 'the proxy is shutting down'))
  }

  cut(details: string): void {
    if (this.#http) return this.#http.cut(details)
    this.#flow.draft.details = details
    if (this.#tcp) this.#tcp.cut(() => undefined)
    else if (this.#ending) this.#onTlsFailed(details)
    else this.#wire.close()
  }

  /** Made anew only when something was learnt. */
  #facts(): ConnectionFacts {
    if (!this.#known || this.#known.first !== this.#first) this.#known = this.#makeFacts()
    return this.#known
  }

  #makeFacts(): ConnectionFacts {
    const { source, destination, listener, virtualName, secured } = this.#arrival
    const first = this.#first
    return {
      kind: 'connection',
      source: source ?? destination,
      destination,
      ...(listener !== undefined && { listener }),
      ...(virtualName !== undefined && { virtualName }),
      ...(first && { first }),
      ...(secured && { secured }),
      names: this.#names.facts,
      random: this.#random,
    }
  }

  #decide(runtime: Runtime, facts: ConnectionFacts): ConnectionDecision {
    try {
      return this.#context.judge.decide(runtime, facts)
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`)
    }
  }

  #judge(): void {
    try {
      this.#judgeNow()
    } catch (error) {
      // Its requests have records of their own to write.
      if (this.#http) return this.#http.cut(`internal_error: ${messageOf(error)}`)
      this.#refuse(ownDeny('internal-error', `the decision could not be carried out: ${messageOf(error)}`))
    }
  }

  #judgeNow(): void {
    const runtime = this.#context.runtime()
    if (!runtime) return this.#refuse(ownDeny('no-configuration', 'no configuration has been loaded yet, so nothing is allowed'))
    const decision = this.#decide(runtime, this.#facts())
    switch (decision.verdict) {
      case 'gather':
        return this.#gather(decision)
      case 'deny':
        return this.#refuse(decision)
      case 'end-tls':
        return this.#endTls(decision.tls)
      case 'http':
        return this.#serveHttp(runtime, decision.manager)
      case 'forward':
      case 'passthrough':
        describeFirst(this.#flow.draft, this.#first)
        if (this.#held.length > 0) this.#onLateBytes(this.#held.bytes, this.#held.start, this.#held.end)
        this.#tcp = new TcpForward({
          context: this.#context,
          wire: this.#wire,
          arrival: this.#arrival,
          flow: this.#flow,
          held: this.#held,
          decision,
          onLateBytes: (bytes, start, end) => this.#onLateBytes(bytes, start, end),
          onDone: () => this.#finish(),
        })
        return
      default:
        decision satisfies never
    }
  }

  #endTls(plan: ServerTlsPlan): void {
    if (this.#arrival.secured || this.#ending) return this.#refuse(ownDeny('internal-error', 'the decision asked twice for the end of TLS'))
    const { bytes, start, end } = this.#held
    this.#held.clear()
    describeFirst(this.#flow.draft, this.#first)
    this.#ending = endTls({
      context: this.#context,
      wire: this.#wire,
      plan,
      held: bytes.subarray(start, end),
      first: this.#first,
      onSecure: (wire, secured) => this.#onSecure(wire, secured),
      onFail: (words) => this.#onTlsFailed(words),
    })
  }

  /** What is inside is decided as on a plain connection, with what the client has proven. */
  #onSecure(wire: Wire, secured: SecuredFacts): void {
    this.#ending = undefined
    this.#wire = wire
    this.#arrival = { ...this.#arrival, secured }
    this.#known = undefined
    this.#flow.draft.source = sourceOf(this.#context, this.#arrival)
    wire.handler = this
    if (this.#context.isDraining()) return this.#refuse(ownDeny('limit-reached', 'the proxy is shutting down'))
    this.#judge()
  }

  #onTlsFailed(words: string): void {
    this.#ending?.cancel()
    this.#ending = undefined
    this.#isRefused = true
    describeRefusal(this.#flow.draft, ownDeny('tls-failed', reasonCodes['tls-failed'].text, { flag: 'DPE', details: words }))
    this.#finish()
  }

  #gather(gather: Gather): void {
    if (gather.need === 'first-bytes') {
      if (this.#first) return this.#refuse(ownDeny('internal-error', 'the decision asked twice for the first bytes'))
      return this.#awaitFirst(gather.until)
    }
    const { name } = gather
    if (name === undefined || !this.#names.mayLearn(name)) {
      return this.#refuse(ownDeny('internal-error', `the decision asked again for the addresses of ${name ?? 'no name'}`))
    }
    this.#names.learn(name, gather.until, () => {
      if (!this.#isOver && !this.#isRefused) this.#judge()
    })
  }

  #awaitFirst(until: number): void {
    this.#isWaiting = true
    this.#wait.start(this.#held.length > 0 || until === 0 ? this.#context.limits.firstBytesMs : until)
    if (this.#held.length > 0) this.#classify()
    if (this.#isWaiting && this.#wire.ended) this.#onWaited()
  }

  #classify(): void {
    const { bytes, start, end } = this.#held
    const first = classifyFirstBytes(bytes, start, end)
    if (first === 'more' && this.#held.length < this.#context.limits.firstBytes) return
    this.#settleFirst(first === 'more' ? { protocol: 'other', note: 'the first bytes are too long to be understood' } : first)
  }

  /** Time is up, or the client has sent its FIN. */
  #onWaited(): void {
    if (this.#isWaiting) this.#settleFirst(this.#classifyFinally())
  }

  #classifyFinally(): FirstBytes {
    if (this.#held.length === 0) return { protocol: 'silent' }
    const first = classifyFirstBytes(this.#held.bytes, this.#held.start, this.#held.end)
    return first === 'more' ? { protocol: 'other', note: 'the first bytes stopped half-way' } : first
  }

  #settleFirst(first: FirstBytes): void {
    this.#isWaiting = false
    this.#wait.stop()
    // Inside of TLS that has ended here, what came first of all was the ClientHello, and goes on being so.
    if (this.#arrival.secured) this.#inside = first
    else this.#first = first
    this.#judge()
  }

  #onLateBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#first || this.#late) return
    const first = classifyFirstBytes(bytes, start, end)
    this.#late = first === 'more' ? { protocol: 'other' } : first
  }

  #serveHttp(runtime: Runtime, manager: Parameters<Context['judge']['decideRequest']>[1]): void {
    if (this.#arrival.secured && this.#inside === undefined) return this.#awaitFirst(0)
    this.#becomeHttp({ runtime, manager })
  }

  #becomeHttp(serve: { runtime?: Runtime; manager?: Parameters<Context['judge']['decideRequest']>[1]; deny?: Deny }): void {
    const options: HttpConnectionOptions = {
      context: this.#context,
      wire: this.#wire,
      arrival: this.#arrival,
      flow: this.#flow,
      facts: () => this.#facts(),
      names: this.#names,
      ...serve,
      onPreface: (held) => this.#becomeHttp2(options, held),
      onDone: () => this.#finish(),
    }
    if ((this.#inside ?? this.#first)?.protocol === 'http2') return this.#becomeHttp2(options, this.#held)
    this.#http = new HttpConnection(options)
    this.#http.begin(this.#held)
  }

  #becomeHttp2(options: HttpConnectionOptions, held: HeldBytes): void {
    const http = new Http2Connection(options)
    this.#http = http
    http.begin(held)
  }

  #refuse(deny: Deny): void {
    if (this.#isOver || this.#isRefused) return
    this.#isRefused = true
    this.#isWaiting = false
    this.#wait.stop()
    const first = this.#first
    // A client that speaks HTTP is told in HTTP, once its request is complete.
    if ((first?.protocol === 'http1' || first?.protocol === 'http2') && deny.status > 0) return this.#becomeHttp({ deny })
    describeFirst(this.#flow.draft, this.#first)
    describeRefusal(this.#flow.draft, deny)
    this.#flow.draft.bytesSent = this.#held.length
    if (deny.explain && first?.protocol === 'tls' && !this.#arrival.secured) this.#say(tlsAlert(deny.reason.code))
    if (deny.explain && first?.protocol === 'http2') this.#say(http2Goodbye(deny.reason.text))
    this.#held.clear()
    closePolitely(this.#wire, this.#context, () => this.#finish())
  }

  #say(bytes: Buffer): void {
    this.#wire.send(bytes, 0, bytes.length)
  }

  /** A connection that lives is judged by what is known of it now. Where bytes were never waited for, what came first still counts. */
  #judgeLive(runtime: Runtime): void {
    if (this.#isOver || this.#context.runtime() !== runtime) return
    const facts = this.#facts()
    const first = this.#first ?? this.#late
    let decision = this.#decide(runtime, facts)
    if (decision.verdict === 'gather' && decision.need === 'first-bytes') {
      decision = this.#decide(runtime, { ...facts, first: first ?? { protocol: 'silent' } })
    }
    if (decision.verdict === 'gather' && decision.name !== undefined && this.#names.mayLearn(decision.name)) {
      this.#names.learn(decision.name, decision.until, () => this.#judgeLive(runtime))
      return
    }
    if ((decision.verdict === 'forward' || decision.verdict === 'passthrough') && this.#tcp?.goesThere(decision)) return
    const deny = decision.verdict === 'deny' ? decision : ownDeny('not-declared', otherwise[decision.verdict])
    this.#tcp?.cut(() => {
      describeRefusal(this.#flow.draft, deny)
      this.#flow.draft.details = 'policy_changed'
    })
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wait.stop()
    this.#held.clear()
    this.#context.live.remove(this)
    this.#flow.close()
    this.#onOver?.()
  }

  accessDetails(): AccessDetails {
    return accessDetailsOf(this.#arrival, this.#flow.draft)
  }
}
