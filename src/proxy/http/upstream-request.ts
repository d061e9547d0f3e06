// Gets a request to an upstream: by a connection that waits in the pool, or by dialling the judged targets in turn.
import type { Forward, Passthrough, Target } from '../../runtime/index.ts'
import type { Context } from '../context.ts'
import type { Dialling, Wire } from '../transport.ts'
import { type DialFailure, dial, formatTarget } from '../upstream/dial.ts'
import { HeadScanner } from './head-scanner.ts'
import { type ResponseSink, UpstreamConnection } from './upstream-connection.ts'

export interface UpstreamRequestOptions {
  readonly context: Context
  readonly decision: Forward | Passthrough
  /** The head, and as much of the body as had come with it. */
  readonly staged: Buffer
  /** Where the digit of the attempt stands in it. */
  readonly attemptAt: number
  /** Makes connections of different clients differ, where the hop is told who the client is. */
  readonly keySuffix: string
  /** Goes ahead of the first request of a new connection. */
  readonly preamble: (() => Buffer) | undefined
  readonly sink: ResponseSink
  readonly onConnected: (wire: Wire, target: Target) => void
  readonly onFailed: (failure: DialFailure) => void
}

/** Response heads are scanned one at a time, to the end of the call. */
let scanner: HeadScanner | undefined

export class UpstreamRequest {
  readonly #options: UpstreamRequestOptions
  readonly #targets: readonly Target[]
  #dialling: Dialling | undefined
  #connection: UpstreamConnection | undefined

  constructor(options: UpstreamRequestOptions) {
    this.#options = options
    const { context, decision } = options
    this.#targets = context.balancer.order(decision.cluster.name, decision.targets)
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** The wire to the upstream, once there is one. */
  get wire(): Wire | undefined {
    return this.#connection?.wire
  }

  start(): void {
    const [first] = this.#targets
    const pooled = first && this.#options.context.pool.take(this.#keyOf(first))
    if (first && pooled && !pooled.wire.closed && !pooled.wire.ended) return this.#use(pooled, first)
    this.dialAfresh()
  }

  /** Without the pool: the connection that came from there had been closed meanwhile. */
  dialAfresh(): void {
    const { context, decision } = this.#options
    this.#connection = undefined
    this.#dialling = dial(
      context,
      {
        targets: this.#targets,
        // Istio's default retries; a passthrough route has none.
        attempts: decision.verdict === 'passthrough' ? 1 : context.limits.connectAttempts,
        connectMs: decision.timeouts.connect || context.limits.connectMs,
      },
      {
        onConnect: (wire, target, attempt) => this.#onConnect(wire, target, attempt),
        onFail: (failure) => {
          this.#dialling = undefined
          this.#options.onFailed(failure)
        },
      },
    )
  }

  /** The connection has served and may serve again. */
  release(isReusable: boolean): void {
    const connection = this.#connection
    this.#connection = undefined
    if (!connection) return
    if (!isReusable || connection.wire.closed) return connection.close()
    // It may have waited for a slow client; from now on its end must be seen.
    connection.wire.resume()
    this.#options.context.pool.put(connection)
  }

  abandon(): void {
    this.#dialling?.cancel()
    this.#dialling = undefined
    this.release(false)
  }

  #keyOf(target: Target): string {
    return `${this.#options.decision.cluster.name}|${formatTarget(target)}${this.#options.keySuffix}`
  }

  #onConnect(wire: Wire, target: Target, attempt: number): void {
    const { context, staged, attemptAt, preamble } = this.#options
    this.#dialling = undefined
    scanner ??= new HeadScanner(context.limits.headers)
    const { headBytes } = context.limits
    const connection = new UpstreamConnection({ wire, key: this.#keyOf(target), pool: context.pool, headBytes, scanner })
    staged[attemptAt] = 0x30 + attempt
    if (preamble) {
      const bytes = preamble()
      wire.send(bytes, 0, bytes.length)
    }
    this.#use(connection, target)
  }

  #use(connection: UpstreamConnection, target: Target): void {
    this.#connection = connection
    const { staged, sink } = this.#options
    connection.assign(sink)
    connection.wire.lend(staged, 0, staged.length)
    this.#options.onConnected(connection.wire, target)
  }
}
