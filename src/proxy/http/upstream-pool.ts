// Keeps upstream connections that wait for their next request, few of them and not for long.
import type { Clock, Deadline, Deadlines } from '../../base/index.ts'
import type { PoolPlan } from '../../runtime/index.ts'
import type { Limits } from '../limits.ts'

/** What the pool needs to know of a connection. */
export interface Pooled {
  /** Cluster, target, and whatever else two requests must share to share a connection. */
  readonly key: string
  /** When it was made, on the clock that never jumps. */
  readonly opened: number
  /** Until when it may wait; written by the pool. */
  idleUntil: number
  close(): void
}

/** How often connections are looked at at most, and how long the longest of them waits. */
const MIN_SWEEP_MS = 50
const MAX_IDLE_MS = 3_600_000

export class UpstreamPool<T extends Pooled = Pooled> {
  /** By key; a list that has become empty goes with the next sweep. */
  readonly #idle = new Map<string, T[]>()
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  #total = 0
  #sweep: Deadline | undefined
  #sweepDue = 0

  constructor(tools: { readonly limits: Limits; readonly clock: Clock; readonly deadlines: Deadlines }) {
    this.#limits = tools.limits
    this.#clock = tools.clock
    this.#deadlines = tools.deadlines
  }

  get size(): number {
    return this.#total
  }

  /** The one used last: it is the least likely to be closed by the origin. */
  take(key: string): T | undefined {
    const last = this.#idle.get(key)?.pop()
    if (!last) return undefined
    this.#total--
    if (last.idleUntil > this.#clock.monotonic()) return last
    // The sweep is late, and the others have waited for longer still or for as long.
    last.close()
    return this.take(key)
  }

  put(connection: T, plan?: PoolPlan): void {
    const list = this.#listOf(connection.key)
    if (list.length >= this.#limits.poolPerTarget || this.#total >= this.#limits.poolTotal) return connection.close()
    const now = this.#clock.monotonic()
    const until = now + this.#idleMs(plan)
    connection.idleUntil = plan?.duration === undefined ? until : Math.min(until, connection.opened + plan.duration)
    if (connection.idleUntil <= now) return connection.close()
    list.push(connection)
    this.#total++
    this.#sweepIn((connection.idleUntil - now) / 4, now)
  }

  #listOf(key: string): T[] {
    const known = this.#idle.get(key)
    if (known) return known
    const list: T[] = []
    this.#idle.set(key, list)
    return list
  }

  /** The connection is gone or must not be used again. */
  remove(connection: T): void {
    const list = this.#idle.get(connection.key)
    const index = list?.indexOf(connection) ?? -1
    if (!list || index < 0) return
    list.splice(index, 1)
    this.#total--
  }

  /** Closes those that only one client's connection could have used. */
  closeKey(key: string): void {
    for (const connection of Array.from(this.#idle.get(key) ?? [])) connection.close()
    this.#idle.delete(key)
  }

  closeAll(): void {
    for (const key of Array.from(this.#idle.keys())) this.closeKey(key)
    this.#sweep?.cancel()
    this.#sweep = undefined
  }

  #expire(): void {
    this.#sweep = undefined
    const now = this.#clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const [key, list] of Array.from(this.#idle)) {
      for (const connection of list.filter(({ idleUntil }) => idleUntil <= now)) connection.close()
      for (const { idleUntil } of list) next = Math.min(next, idleUntil - now)
      if (list.length === 0) this.#idle.delete(key)
    }
    if (this.#total > 0) this.#sweepIn(next / 4, now)
  }

  /** What is declared counts, also where it is longer than our own habit; zero is Envoy's "never", which is an hour here. */
  #idleMs(plan: PoolPlan | undefined): number {
    if (plan?.idle === undefined) return this.#limits.poolIdleMs
    return plan.idle === 0 ? MAX_IDLE_MS : Math.min(plan.idle, MAX_IDLE_MS)
  }

  #sweepIn(ms: number, now: number): void {
    const due = now + Math.max(ms, MIN_SWEEP_MS)
    if (this.#sweep && this.#sweepDue <= due) return
    this.#sweep?.cancel()
    this.#sweepDue = due
    this.#sweep = this.#deadlines.arm(Math.max(ms, MIN_SWEEP_MS), () => this.#expire())
  }
}
