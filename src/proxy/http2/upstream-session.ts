// One connection of HTTP/2 to an origin or the next proxy: requests are streams of it, as many at a time as both sides allow.
import type { Clock, Deadline, Deadlines } from '../../base/index.ts'
import type { Http2Plan, PoolPlan } from '../../runtime/index.ts'
import type { Limits } from '../limits.ts'
import type { Wire } from '../transport.ts'
import { responseInHttp1, trailersInHttp1 } from './fields.ts'
import type { Fault } from './frames.ts'
import type { FieldList } from './hpack-decoder.ts'
import type { SessionOwner } from './session-owner.ts'
import { Http2Session } from './session.ts'
import type { Http2Stream } from './stream.ts'

export interface UpstreamSessionOptions {
  readonly context: { readonly clock: Clock; readonly deadlines: Deadlines; readonly limits: Limits }
  readonly wire: Wire
  readonly key: string
  readonly plan: Http2Plan
  readonly pool: PoolPlan | undefined
  /** A stream has ended, so that another may be opened. */
  readonly onRoom: (session: UpstreamSession) => void
  readonly onGone: (session: UpstreamSession) => void
}

/** Interim responses of one stream. */
const MOST_INTERIM = 16

/** A stream's responses so far. */
interface Answered {
  interim: number
  hasHead: boolean
}

export class UpstreamSession implements SessionOwner {
  readonly key: string
  readonly #options: UpstreamSessionOptions
  readonly #session: Http2Session
  readonly #answers = new Map<Http2Stream, Answered>()
  readonly #opened: number
  #idle: Deadline | undefined
  #ping: Deadline | undefined
  #isPinged = false
  #isEnding = false

  constructor(options: UpstreamSessionOptions) {
    const { context, wire, key } = options
    const { headBytes, headers, http2Streams: streams } = context.limits
    this.key = key
    this.#options = options
    this.#opened = context.clock.monotonic()
    this.#session = new Http2Session(wire, 'client', { owner: this, clock: context.clock, limits: { streams, headBytes, headers } })
    wire.resume()
    this.#armPing()
  }

  /** Requests that it has carried, or carries. */
  get served(): number {
    return this.#session.opened
  }

  get mayOpen(): boolean {
    const { plan, pool, context } = this.#options
    const { requestsPerConnection: most, duration } = pool ?? {}
    if (this.#isEnding || !this.#session.mayOpen || this.#session.streams.size >= (plan.streams ?? Number.POSITIVE_INFINITY)) return false
    if (most !== undefined && this.served >= most) return false
    return duration === undefined || context.clock.monotonic() < this.#opened + duration
  }

  open(): Wire {
    this.#idle?.cancel()
    this.#idle = undefined
    const stream = this.#session.open()
    this.#answers.set(stream, { interim: 0, hasHead: false })
    return stream
  }

  close(): void {
    this.#end()
  }

  onFields(stream: Http2Stream, fields: FieldList, isLast: boolean): Fault | undefined {
    const answered = this.#answers.get(stream)
    if (!answered) return broken('a response that nobody asked for')
    if (answered.hasHead) {
      const lines = isLast ? trailersInHttp1(fields) : undefined
      return lines === undefined ? broken('the trailers are not valid') : stream.deliverTrailers(lines)
    }
    const head = responseInHttp1(fields, isLast, stream.method)
    if (typeof head === 'string') return broken(head)
    if (head.status < 200) {
      if (++answered.interim > MOST_INTERIM) return broken('there are too many interim responses')
      stream.deliverHead(head.text, false)
      return undefined
    }
    answered.hasHead = true
    stream.beginBody(head)
    stream.deliverHead(head.text, isLast)
    return undefined
  }

  mayAdmit(): boolean {
    return false
  }

  onStreamFault(): void {
    // The upstream opens none.
  }

  onStreamGone(stream: Http2Stream): void {
    this.#answers.delete(stream)
    if (this.#answers.size === 0) this.#onIdle()
    this.#options.onRoom(this)
  }

  onActivity(): void {
    this.#isPinged = false
  }

  onGoaway(): void {
    if (this.#answers.size === 0) this.#end()
  }

  onFault(): void {
    this.#end()
  }

  onEnd(): void {
    this.#options.wire.close()
  }

  onClose(): void {
    this.#isEnding = true
    this.#idle?.cancel()
    this.#ping?.cancel()
    this.#options.onGone(this)
  }

  #onIdle(): void {
    if (this.#isEnding) return
    const { context, pool } = this.#options
    const isWornOut = pool?.requestsPerConnection !== undefined && this.served >= pool.requestsPerConnection
    if (this.#session.isLeaving || isWornOut) return this.#end()
    const said = pool?.idle === undefined ? context.limits.poolIdleMs : pool.idle === 0 ? MAX_IDLE_MS : Math.min(pool.idle, MAX_IDLE_MS)
    this.#idle = context.deadlines.arm(said, () => this.#end())
  }

  /** Envoy's connection_keepalive. */
  #armPing(): void {
    const { context, plan } = this.#options
    if (!plan.ping) return
    const { interval, timeout } = plan.ping
    this.#ping = context.deadlines.arm(interval, () => {
      this.#isPinged = true
      this.#session.ping(PING)
      this.#ping = context.deadlines.arm(timeout, () => {
        if (this.#isPinged) this.#options.wire.close()
        else this.#armPing()
      })
    })
  }

  #end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#session.leave('NO_ERROR', '')
    this.#options.wire.close()
  }
}

const PING = Buffer.from('sallypor', 'latin1')
/** As of connections of HTTP/1.1. */
const MAX_IDLE_MS = 3_600_000

function broken(text: string): Fault {
  return { code: 'PROTOCOL_ERROR', text }
}
