// Gets a request to an upstream: by a connection that waits in the pool, or by dialling the judged targets in turn.
import type { Forward, Passthrough, Target } from '../../runtime/index.ts'
import type { Context } from '../context.ts'
import type { Dialling, Wire } from '../transport.ts'
import { Admission } from '../upstream/admission.ts'
import type { ClusterState } from '../upstream/cluster-state.ts'
import { type DialFailure, dial } from '../upstream/dial.ts'
import type { Outcome } from '../upstream/outlier-detection.ts'
import { hashKeyOf, type Keys } from '../upstream/hash-key.ts'
import type { UpstreamSession } from '../http2/upstream-session.ts'
import { HeadScanner } from './head-scanner.ts'
import { readHeaderValues } from './header-facts.ts'
import type { Message } from './out-buffer.ts'
import { type ResponseSink, UpstreamConnection } from './upstream-connection.ts'

/** Who wants a request carried to an upstream, and hears of it. */
export interface UpstreamAsker {
  readonly context: Context
  readonly decision: Forward | Passthrough
  /** Keys of targets that earlier tries have gone to: others come first (Istio's `previous_hosts`). */
  readonly tried: ReadonlySet<string> | undefined
  /** The head, and as much of the body as had come with it. */
  readonly message: Message
  /** Where the digit of the attempt stands in it, while one try stands for all attempts to connect; -1: it is written already. */
  readonly attemptAt: number
  /** Of connecting, each at the next target. */
  readonly attempts: number
  /** Makes connections of different clients differ, where the hop is told who the client is. */
  readonly keySuffix: string
  /** Of the request as it is sent. */
  readonly authority: string
  /** Goes ahead of everything on a new connection. */
  readonly preamble: (() => Buffer) | undefined
  readonly sink: ResponseSink
  /** What the client speaks, which some upstreams are spoken to in. */
  readonly speaksHttp2: boolean
  /** Address of the client. */
  readonly source: string | undefined
  onConnected(wire: Wire, target: Target): void
  onDialFailed(failure: DialFailure): void
}

/** Response heads are scanned one at a time, to the end of the call. */
let scanner: HeadScanner | undefined

export class UpstreamRequest {
  readonly #asker: UpstreamAsker
  readonly #targets: readonly Target[]
  readonly #state: ClusterState
  readonly #admission: Admission
  #target: Target | undefined
  #dialling: Dialling | undefined
  #connection: UpstreamConnection | undefined
  /** The connection that is being made is one of HTTP/2, which others may wait for. */
  #dialledKey: string | undefined
  /** Waits for the connection of HTTP/2 that another request makes. */
  #waitsFor: string | undefined
  readonly #isHttp2: boolean
  readonly #onTurn = (failure?: DialFailure): void => {
    this.#waitsFor = undefined
    if (failure) this.#asker.onDialFailed(failure)
    else this.#connect()
  }

  constructor(asker: UpstreamAsker) {
    this.#asker = asker
    const { cluster, targets } = asker.decision
    this.#state = asker.context.clusters.of(cluster)
    const { hash } = cluster
    const key = hash && hashKeyOf(hash, keysOf(asker))
    this.#targets = this.#state.order(cluster, targets, asker.tried, key)
    this.#admission = new Admission(this.#state, cluster)
    const { http2 } = cluster
    this.#isHttp2 = http2 !== undefined && (http2.when === 'always' || asker.speaksHttp2)
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** The wire to the upstream, once there is one. */
  get wire(): Wire | undefined {
    return this.#connection?.wire
  }

  /** May fail before it returns, where a limit of the cluster is reached. */
  start(): void {
    if (!this.#admission.enter()) return this.#refuse('overflow')
    this.#connect()
  }

  /** What the target answered, or how it failed after it was connected to: for the detection of outliers. */
  report(outcome: Outcome): void {
    if (this.#target) this.#state.report(this.#asker.decision.cluster, this.#target, outcome)
  }

  /** Without the pool: the connection that came from there had been closed meanwhile. */
  dialAfresh(): void {
    const { context, decision } = this.#asker
    this.#connection = undefined
    const [first] = this.#targets
    if (this.#isHttp2 && first) {
      this.#dialledKey = this.#keyOf(first)
      context.sessions.dials(this.#dialledKey)
    }
    this.#dialling = dial(
      context,
      {
        cluster: decision.cluster,
        http2: this.#isHttp2,
        authority: this.#asker.authority,
        preamble: this.#asker.preamble,
        targets: this.#targets,
        attempts: this.#asker.attempts,
        connectMs: decision.timeouts.connect || context.limits.connectMs,
      },
      {
        onConnect: (wire, target, attempt) => this.#onConnect(wire, target, attempt),
        onFail: (failure) => {
          this.#dialling = undefined
          // First: whoever hears of its failure gives up this request, and then nobody would know why.
          this.#endDialling(failure)
          this.#asker.onDialFailed(failure)
        },
      },
    )
  }

  /** The connection has served and may serve again. */
  release(isReusable: boolean): void {
    const connection = this.#connection
    const { pool } = this.#asker.decision.cluster
    this.#connection = undefined
    this.#admission.leave()
    if (!connection) return
    const isWornOut = pool?.requestsPerConnection !== undefined && connection.served >= pool.requestsPerConnection
    if (this.#isHttp2) return this.#releaseStream(connection)
    if (!isReusable || isWornOut || connection.wire.closed || this.#state.isInTheWay(connection.key)) return connection.close()
    // It may have waited for a slow client; from now on its end must be seen.
    connection.wire.resume()
    this.#asker.context.pool.put(connection, pool)
    this.#state.wake(connection.key)
  }

  /** The wire goes over to whoever asks, who says `release` when it is gone; the pool hears no more of it. */
  detach(): Wire | undefined {
    const connection = this.#connection
    this.#connection = undefined
    return connection?.wire
  }

  abandon(): void {
    this.#dialling?.cancel()
    this.#dialling = undefined
    this.#endDialling()
    if (this.#waitsFor !== undefined) this.#asker.context.sessions.forget(this.#waitsFor, this.#onTurn)
    this.#waitsFor = undefined
    this.release(false)
  }

  /** By a connection that waits, a new one, or whichever comes first when there may be no more of them. */
  #connect(): void {
    const [first] = this.#targets
    if (!first) return this.#refuse('unhealthy')
    const key = this.#keyOf(first)
    if (this.#isHttp2) return this.#connectHttp2(first, key)
    const pooled = this.#takePooled(key, first)
    if (pooled && !pooled.wire.closed && !pooled.wire.ended) return this.#use(pooled, first)
    const way = this.#admission.approach(first, key, () => this.#connect())
    if (way === 'overflow') return this.#refuse('overflow')
    if (way === 'dial') this.dialAfresh()
  }

  #connectHttp2(first: Target, key: string): void {
    const { sessions } = this.#asker.context
    const session = sessions.find(key)
    if (session) return this.#useStream(session, first)
    const way = this.#admission.approach(first, key, () => this.#connect())
    if (way === 'overflow') return this.#refuse('overflow')
    if (way === 'wait') return
    if (sessions.waits(key, this.#onTurn)) this.#waitsFor = key
    else this.dialAfresh()
  }

  /** One stream is one connection of one request to all who read and write it. */
  #useStream(session: UpstreamSession, target: Target): void {
    const { served } = session
    const connection = this.#connectionOf(session.open(), session.key)
    connection.served = served
    this.#use(connection, target)
  }

  #releaseStream(connection: UpstreamConnection): void {
    connection.close()
    this.#state.wake(connection.key)
  }

  /** Whoever waited for the connection has to know. */
  #endDialling(failure?: DialFailure): void {
    const key = this.#dialledKey
    this.#dialledKey = undefined
    if (key !== undefined) this.#asker.context.sessions.dialled(key, failure)
  }

  /** What is too much under the limits of now is let go of, as Envoy lets go of all connections with the cluster that it replaces. */
  #takePooled(key: string, target: Target): UpstreamConnection | undefined {
    const { context, decision } = this.#asker
    let pooled = context.pool.take(key)
    for (let surplus = this.#state.surplus(decision.cluster.pool, target); pooled && surplus > 0; surplus--) {
      pooled.close()
      pooled = context.pool.take(key)
    }
    return pooled
  }

  #refuse(refused: NonNullable<DialFailure['refused']>): void {
    this.#asker.onDialFailed({ attempts: 0, words: refused, isTimeout: false, refused })
  }

  #keyOf(target: Target): string {
    const key = this.#state.poolKey(target) + this.#asker.keySuffix
    return this.#isHttp2 ? `${key}|h2` : key
  }

  #onConnect(wire: Wire, target: Target, attempt: number): void {
    const { context, message, attemptAt, decision } = this.#asker
    this.#dialling = undefined
    if (attemptAt >= 0) message.bytes[attemptAt] = 0x30 + attempt
    const key = this.#keyOf(target)
    const { http2, pool } = decision.cluster
    if (!this.#isHttp2 || !http2) return this.#use(this.#connectionOf(wire, key), target)
    this.#useStream(context.sessions.add({ context, wire, key, plan: http2, pool }), target)
    this.#endDialling()
  }

  #connectionOf(wire: Wire, key: string): UpstreamConnection {
    const { context } = this.#asker
    scanner ??= new HeadScanner(context.limits.headers)
    const opened = context.clock.monotonic()
    return new UpstreamConnection({ wire, key, opened, pool: context.pool, headBytes: context.limits.headBytes, scanner })
  }

  #use(connection: UpstreamConnection, target: Target): void {
    this.#connection = connection
    this.#target = target
    this.#admission.settle(target)
    const { message, sink } = this.#asker
    connection.assign(sink)
    // The buffer is not this request's for ever, so the wire has to copy what it cannot send.
    connection.wire.send(message.bytes, 0, message.length)
    this.#asker.onConnected(connection.wire, target)
  }
}

/** Read out of the head as it is sent; only a cluster that chooses by hash asks for it. */
function keysOf({ message, source }: UpstreamAsker): Keys {
  const { bytes, length } = message
  const start = bytes.indexOf(0x20) + 1
  const path = bytes.toString('latin1', start, bytes.indexOf(0x20, start))
  return { path, headers: readHeaderValues(bytes, length), source }
}
