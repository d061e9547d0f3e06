// Sheds load in steps when memory, time or places run short, so that what is admitted is served well and nobody starves the others.
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../base/index.ts'
import type { Deny } from '../runtime/index.ts'
import { type OverloadShed, overloadShed } from '../telemetry/index.ts'
import type { Limits } from './limits.ts'
import { Shares } from './shares.ts'
import { TurnQueue, type Waiter } from './turn-queue.ts'

/** Of the memory that this process may have, as Envoy's overload manager is set up at an edge. */
const SHORTEN_IDLE = 0.85
const STOP_KEEP_ALIVE = 0.92
const SHED = 0.95
/** Envoy's refresh interval: what memory there is is not asked for each request. */
const REFRESH_MS = 250
/** So many waiting requests are served between two looks at the clock. */
const FEW = 8
/** Of those who have waited for too long, so many are turned away in one turn. */
const PER_TURN = 1 / 64
/** A turn that took no more than this part of one had hardly anything to do. */
const IDLE = 0.25
/** Of a turn, what those may have who waited for it: the rest is for those who come new. */
const FOR_WAITING = 0.5
/** Of the time that idle connections otherwise have, once memory is short. */
const SHORT_IDLE = 0.1

export interface OverloadOptions {
  readonly limits: Limits
  readonly clock: Pick<Clock, 'monotonic'>
  /** Memory that is used, of that which may be: from 0 to 1. */
  readonly pressure?: () => number
  /** Calls back when the event loop has gone through what it is at. */
  readonly afterTurn?: (then: () => void) => void
}

export class Overload {
  readonly #limits: Limits
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #measure: () => number
  readonly #afterTurn: (then: () => void) => void
  readonly #connections: Shares
  readonly #requests: Shares
  #pressure = 0
  #measured = Number.NEGATIVE_INFINITY
  /** When the present turn of the event loop began to take requests; undefined between turns. */
  #turn: number | undefined
  readonly #waiting = new TurnQueue()
  /** Since when there was somebody waiting at every moment. */
  #waitedSince = 0

  constructor(options: OverloadOptions) {
    this.#limits = options.limits
    this.#clock = options.clock
    this.#measure = options.pressure ?? memoryPressure
    this.#afterTurn = options.afterTurn ?? ((then) => void setImmediate(then))
    this.#connections = new Shares(options.limits.connections)
    this.#requests = new Shares(options.limits.requests)
  }

  /** `peer` is whose connection it is. Undefined: it is admitted, and `endConnection` has to be called for it. */
  beginConnection(peer: string): Deny | undefined {
    if (this.#pressureNow() >= SHED) return shed('connection', 'memory')
    if (!this.#connections.hasRoom(peer)) return shed('connection', 'share')
    this.#connections.begin(peer)
    return undefined
  }

  endConnection(peer: string): void {
    this.#connections.end(peer)
  }

  /** As `beginConnection`. `isLate`: it has waited for a turn in vain. */
  beginRequest(peer: string, isLate = false): Deny | undefined {
    if (this.#pressureNow() >= SHED) return shed('request', 'memory')
    if (!this.#requests.hasRoom(peer)) return shed('request', 'share')
    if (isLate) return shed('request', 'time')
    this.#requests.begin(peer)
    return undefined
  }

  /**
   * True: there is no time for a request of this peer in this turn of the event loop, and the waiter will be called in a later one. A burst is
   * served one after the other like this; of a load that does not end, what is served has not waited for long, and the rest is turned away.
   */
  mustWait(waiter: Waiter): boolean {
    const now = this.#clock.monotonic()
    if (!this.#isLate(now) || !this.#requests.isAboveFair(waiter.peer, this.#requests.total)) return false
    if (this.#waiting.length === 0) this.#waitedSince = now
    this.#waiting.push(waiter, now)
    return true
  }

  endRequest(peer: string): void {
    this.#requests.end(peer)
  }

  /** Clients are asked to connect anew, later or elsewhere. */
  get stopsKeepAlive(): boolean {
    return this.#pressureNow() >= STOP_KEEP_ALIVE
  }

  /** How long a connection may be idle that could be for `ms`. */
  idleMs(ms: number): number {
    return this.#pressureNow() >= SHORTEN_IDLE ? ms * SHORT_IDLE : ms
  }

  /** Few requests are never late: it is their number that makes a turn long. What waits in the kernel has waited as long as the turn lasts. */
  #isLate(now: number): boolean {
    if (this.#requests.total < this.#limits.calmRequests) return false
    if (this.#turn !== undefined) return now - this.#turn > this.#limits.turnMs
    this.#beginTurn(now)
    return false
  }

  #beginTurn(now: number): void {
    this.#turn = now
    this.#afterTurn(() => {
      this.#turn = undefined
      if (this.#waiting.length > 0) this.#serveWaiting(now)
    })
  }

  /** Begins a turn with those who waited for it. */
  #serveWaiting(lastBegan: number): void {
    const now = this.#clock.monotonic()
    this.#beginTurn(now)
    const tooOld = now - this.#limits.turnWaitMs
    // Not all at once: who is turned away comes again, and those who came together would go on to.
    for (let count = Math.max(FEW, this.#waiting.length * PER_TURN); count > 0; count--) this.#waiting.takeOldest(tooOld)?.onTurn(true)
    this.#serveFew(now, now - lastBegan <= this.#limits.turnMs * IDLE)
  }

  #serveFew(began: number, isIdle: boolean): void {
    for (let count = 0; count < FEW; count++) {
      const next = this.#waiting.takeNewest(this.#servedAfter(began, isIdle))
      if (next === undefined) return
      next.onTurn(false)
    }
    // The clock stands still while one event is dealt with.
    queueMicrotask(() => {
      if (this.#clock.monotonic() - began < this.#limits.turnMs * FOR_WAITING) this.#serveFew(began, isIdle)
    })
  }

  /**
   * Who came at this moment or before is not served now. A queue that has not been empty for as long as anybody may wait is no burst (RFC 8289 tells
   * standing queues by the same): who has waited in it for long would be the late ones of what is admitted, so it only slows those down who come again.
   */
  #servedAfter(now: number, isIdle: boolean): number {
    const { turnGraceMs, turnWaitMs, calmRequests } = this.#limits
    const isStanding = now - this.#waitedSince >= turnWaitMs
    const hasTime = isIdle || this.#requests.total < calmRequests
    return hasTime && !isStanding ? Number.NEGATIVE_INFINITY : now - turnGraceMs
  }

  #pressureNow(): number {
    return this.#pressureAt(this.#clock.monotonic())
  }

  #pressureAt(now: number): number {
    if (now - this.#measured < REFRESH_MS) return this.#pressure
    this.#measured = now
    this.#pressure = this.#measure()
    return this.#pressure
  }
}

function shed(kind: OverloadShed['kind'], what: OverloadShed['what']): Deny {
  if (overloadShed.hasSubscribers) overloadShed.publish({ kind, what })
  return refusals[kind][what]
}

const texts: Readonly<Record<OverloadShed['what'], string>> = {
  memory: 'the proxy has used up the memory that it may have, and takes nothing new until some is free',
  share: 'the proxy has as much under way as it may, and this peer has its fair share of it',
  time: 'the proxy has more to do than it has time for, and this peer has its fair share of it',
}

/** Envoy's words: a 503 with the flag of its overload manager. Made once: what is to save time must not take any. */
const refusals = { connection: refusalsOf(0), request: refusalsOf(503) }

function refusalsOf(status: number): Readonly<Record<OverloadShed['what'], Deny>> {
  const refusal = (what: OverloadShed['what']): Deny => {
    const reason = Object.freeze({ code: 'limit-reached', text: texts[what] })
    return Object.freeze({ verdict: 'deny', reason, flag: 'OM', status, explain: false, details: 'overload' })
  }
  return { memory: refusal('memory'), share: refusal('share'), time: refusal('time') }
}

/** Of V8's heap, whose limit is what `--max-old-space-size` says, and of the control group where that is narrower. */
function memoryPressure(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  const group = process.constrainedMemory()
  const isNarrow = group > 0 && group < Number.MAX_SAFE_INTEGER
  return Math.max(used / limit, isNarrow ? process.memoryUsage.rss() / group : 0)
}
