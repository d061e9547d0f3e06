// Keeps a proxy in touch with its ADS server: delta or else state of the world, again and again with what is known, and never in step with others.
import { Backoff, type Clock, systemClock, type Timer, Watchable } from '../../base/index.ts'
import { logger } from '../../telemetry/index.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import type { SecuredBy } from '../secured-by.ts'
import { type Connection, type ConnectionEnd, type Form, openConnection } from './connection.ts'
import { type DeltaRequest, DeltaState } from './delta-state.ts'
import type { Interest, Known, Received, StreamState } from './protocol.ts'
import { type SotwRequest, SotwState } from './sotw-state.ts'

export interface AdsClientOptions {
  /** `HOST:PORT`, or the path of a Unix socket. */
  readonly address: string
  readonly securedBy?: SecuredBy
  readonly node: Node
  readonly known: Known
  /** What is wanted, by type, in the order in which it is asked for. */
  readonly interests: () => ReadonlyMap<string, Interest>
  readonly onReceived: (received: Received) => void
  readonly timing?: Partial<AdsTiming>
  readonly clock?: Clock
  /** As `Math.random`. */
  readonly random?: () => number
}

export interface AdsTiming {
  /** The first wait after a failure, and the longest. */
  readonly retryMs: number
  readonly longestRetryMs: number
  /** Whoever is turned away hears of it within this time. */
  readonly acceptedMs: number
  /** How long a server has to answer a connection, or a sign of life that is asked of it. */
  readonly connectMs: number
  /** A stream that is silent for so long is asked for a sign of life. */
  readonly keepaliveMs: number
}

export const usualTiming: AdsTiming = { retryMs: 250, longestRetryMs: 10_000, acceptedMs: 1000, connectMs: 5000, keepaliveMs: 30_000 }

export interface AdsState {
  readonly isConnected: boolean
  /** Attempts that failed since the server last said anything, or let the client stay. */
  readonly failures: number
  /** Why there is no stream, when there is none. */
  readonly why?: string
  readonly form: Form
  /** What the server calls itself. */
  readonly controlPlane: string
}

export interface AdsClient {
  readonly state: Watchable<AdsState>
  /** Says again what is wanted. */
  subscribe(): void
  /** Says what became of a response; one of a stream that is gone is answered by nothing. */
  answer(received: Received, problem?: string): void
  /** Nothing more is read until `resume`. */
  pause(): void
  resume(): void
  close(): void
}

export function startAdsClient(options: AdsClientOptions): AdsClient {
  return new ReconnectingClient(options)
}

const log = logger('xds')

interface Stream {
  readonly connection: Connection
  readonly state: StreamState<DeltaRequest | SotwRequest>
  readonly received: WeakSet<Received>
  readonly since: number
}

class ReconnectingClient implements AdsClient {
  readonly state: Watchable<AdsState>
  readonly #options: AdsClientOptions
  readonly #timing: AdsTiming
  readonly #clock: Clock
  readonly #backoff: Backoff
  readonly #refusals: Refusals
  #form: Form = 'delta'
  /** Of the state-of-the-world streams before. */
  #accepted: ReadonlyMap<string, string> = new Map()
  #connection: Connection | undefined
  #stream: Stream | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(options: AdsClientOptions) {
    this.#options = options
    this.#timing = { ...usualTiming, ...options.timing }
    this.#clock = options.clock ?? systemClock
    const { retryMs: baseMs, longestRetryMs: maxMs } = this.#timing
    this.#refusals = new Refusals(this.#clock, this.#timing)
    this.#backoff = new Backoff({ baseMs, maxMs, ...(options.random && { random: options.random }) })
    this.state = new Watchable<AdsState>({ isConnected: false, failures: 0, form: this.#form, controlPlane: '' })
    this.#connect()
  }

  subscribe(): void {
    const stream = this.#stream
    if (stream === undefined) return
    for (const [typeUrl, interest] of this.#options.interests()) {
      const request = stream.state.subscribe(typeUrl, interest)
      if (request !== undefined) stream.connection.send(request)
    }
  }

  answer(received: Received, problem?: string): void {
    const waitMs = this.#refusals.waitFor(received.typeUrl, problem !== undefined)
    if (waitMs === 0) this.#say(received, problem)
    else this.#clock.setTimer(waitMs, () => this.#say(received, problem))
  }

  #say(received: Received, problem?: string): void {
    const stream = this.#stream
    if (stream?.received.has(received) !== true) return
    const request = stream.state.answer(received, problem)
    if (request !== undefined) stream.connection.send(request)
    if (stream.state instanceof SotwState) this.#accepted = stream.state.accepted
  }

  pause(): void {
    this.#connection?.pause()
  }

  resume(): void {
    this.#connection?.resume()
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#connection?.close()
    this.#stream = undefined
  }

  #connect(): void {
    if (this.#isClosed) return
    const { address, node, securedBy } = this.#options
    const { connectMs, keepaliveMs } = this.#timing
    const connection = openConnection(
      { address, node, form: this.#form, connectMs, keepaliveMs, ...(securedBy && { securedBy }) },
      {
        onReady: () => this.#begin(connection),
        onReceived: (received, controlPlane) => this.#receive(received, controlPlane),
        onEnd: (end) => this.#ended(end),
      },
    )
    this.#connection = connection
  }

  #begin(connection: Connection): void {
    const interests = this.#options.interests()
    const state = this.#form === 'delta' ? new DeltaState(interests, this.#options.known) : new SotwState(interests, this.#accepted)
    this.#stream = { connection, state, received: new WeakSet(), since: this.#clock.monotonic() }
    for (const request of state.open()) connection.send(request)
    const { failures } = this.state.value
    this.state.set({ isConnected: true, failures, form: this.#form, controlPlane: '' })
  }

  #receive(received: Received, controlPlane: string): void {
    const stream = this.#stream
    if (stream === undefined) return
    stream.received.add(received)
    stream.state.receive(received)
    const { value } = this.state
    if (value.failures > 0 || value.controlPlane !== controlPlane) this.state.set({ ...value, failures: 0, controlPlane })
    this.#options.onReceived(received)
  }

  #ended({ why, isUnknownForm }: ConnectionEnd): void {
    const stream = this.#stream
    this.#stream = undefined
    const lastedMs = stream === undefined ? 0 : this.#clock.monotonic() - stream.since
    // A server that lets everybody in and throws everybody out again is not asked more often for it.
    if (lastedMs > this.#timing.longestRetryMs) this.#backoff.reset()
    // To whom nothing is news it says nothing: that it let the client stay is an answer, too.
    const before = lastedMs > this.#timing.acceptedMs ? 0 : this.state.value.failures
    const isOtherFormNext = isUnknownForm && this.#form === 'delta'
    if (isUnknownForm) this.#form = this.#form === 'delta' ? 'sotw' : 'delta'
    const { value } = this.state
    this.state.set({ ...value, isConnected: false, failures: before + (isOtherFormNext ? 0 : 1), why, form: this.#form })
    const waitMs = isOtherFormNext ? 0 : this.#backoff.next()
    log.debug(() => `the stream to the xDS server ended: ${why}`, { address: this.#options.address, waitMs })
    this.#retry = this.#clock.setTimer(waitMs, () => this.#connect())
  }
}

/** Some servers send again at once what was refused: each refusal that follows another one is told later than the one before. */
class Refusals {
  readonly #clock: Clock
  readonly #timing: AdsTiming
  readonly #last = new Map<string, { readonly backoff: Backoff; at: number }>()

  constructor(clock: Clock, timing: AdsTiming) {
    this.#clock = clock
    this.#timing = timing
  }

  /** Milliseconds. */
  waitFor(typeUrl: string, isRefused: boolean): number {
    if (!isRefused) {
      this.#last.delete(typeUrl)
      return 0
    }
    const { retryMs: baseMs, longestRetryMs: maxMs } = this.#timing
    const now = this.#clock.monotonic()
    const last = this.#last.get(typeUrl)
    if (last === undefined || now - last.at > 2 * maxMs) {
      this.#last.set(typeUrl, { backoff: new Backoff({ baseMs, maxMs }), at: now })
      return 0
    }
    last.at = now
    return last.backoff.next()
  }
}
