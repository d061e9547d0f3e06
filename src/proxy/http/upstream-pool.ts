// Keeps upstream connections that wait for their next request, few of them and not for long.
import type { Clock, Deadline, Deadlines } from '../../base/index.ts'
import type { Limits } from '../limits.ts'

/** What the pool needs to know of a connection. */
export interface Pooled {
  /** Cluster, target, and whatever else two requests must share to share a connection. */
  readonly key: string
  close(): void
}

interface Idle<T> {
  readonly connection: T
  readonly since: number
}

export class UpstreamPool<T extends Pooled = Pooled> {
  readonly #idle = new Map<string, Idle<T>[]>()
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  #total = 0
  #sweep: Deadline | undefined

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
    const list = this.#idle.get(key)
    const last = list?.pop()
    if (!last) return undefined
    this.#total--
    if (list?.length === 0) this.#idle.delete(key)
    return last.connection
  }

  put(connection: T): void {
    const list = this.#idle.get(connection.key) ?? []
    if (list.length >= this.#limits.poolPerTarget || this.#total >= this.#limits.poolTotal) return connection.close()
    list.push({ connection, since: this.#clock.monotonic() })
    this.#idle.set(connection.key, list)
    this.#total++
    this.#sweep ??= this.#deadlines.arm(this.#limits.poolIdleMs / 4, () => this.#expire())
  }

  /** The connection is gone or must not be used again. */
  remove(connection: T): void {
    const list = this.#idle.get(connection.key)
    const index = list?.findIndex((idle) => idle.connection === connection) ?? -1
    if (!list || index < 0) return
    list.splice(index, 1)
    this.#total--
    if (list.length === 0) this.#idle.delete(connection.key)
  }

  /** Closes those that only one client's connection could have used. */
  closeKey(key: string): void {
    for (const { connection } of Array.from(this.#idle.get(key) ?? [])) connection.close()
  }

  closeAll(): void {
    for (const key of Array.from(this.#idle.keys())) this.closeKey(key)
    this.#sweep?.cancel()
    this.#sweep = undefined
  }

  #expire(): void {
    this.#sweep = undefined
    const oldest = this.#clock.monotonic() - this.#limits.poolIdleMs
    for (const list of Array.from(this.#idle.values())) {
      for (const { connection } of list.filter((idle) => idle.since <= oldest)) connection.close()
    }
    if (this.#total > 0) this.#sweep = this.#deadlines.arm(this.#limits.poolIdleMs / 4, () => this.#expire())
  }
}
