// Keeps every live connection, so that a new configuration can judge each again and a drain can end them.
import type { Runtime } from '../runtime/index.ts'

export interface LiveConnection {
  /** A new configuration counts from now on: end what it forbids. */
  judgeAgain(runtime: Runtime): void
  /** No new work is taken: end as soon as what is under way is done. */
  drain(): void
  /** End now; the words go into the record. */
  cut(details: string): void
}

/** Connections judged in one turn of the event loop. */
const BATCH = 256

export class LiveConnections {
  readonly #all = new Set<LiveConnection>()
  #sweep = 0
  /** Those that the sweep has not come to; the last is the next. */
  #queue: LiveConnection[] = []
  #waiting: (() => void)[] = []

  get size(): number {
    return this.#all.size
  }

  add(connection: LiveConnection): void {
    this.#all.add(connection)
  }

  remove(connection: LiveConnection): void {
    this.#all.delete(connection)
    if (this.#all.size > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Judges all, in batches; a newer configuration makes an unfinished sweep pointless. */
  judgeAgain(runtime: Runtime): void {
    const sweep = ++this.#sweep
    // Whom the last sweep had not come to is first now: changes in quick succession would otherwise pass him by for ever.
    const late = new Set(this.#queue)
    this.#queue = [...Array.from(this.#all).filter((connection) => !late.has(connection)), ...this.#queue]
    const next = (): void => {
      if (sweep !== this.#sweep) return
      for (const connection of this.#queue.splice(-BATCH)) if (this.#all.has(connection)) connection.judgeAgain(runtime)
      if (this.#queue.length > 0) setImmediate(next)
    }
    next()
  }

  drain(): void {
    for (const connection of Array.from(this.#all)) connection.drain()
  }

  cut(details: string): void {
    for (const connection of Array.from(this.#all)) connection.cut(details)
  }

  /** Resolves when none is left. */
  empty(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
