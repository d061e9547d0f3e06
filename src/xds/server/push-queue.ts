// Gives streams their turns: none keeps the event loop from other work, and not more is being written than memory is meant for.
import type { Turn } from './type-stream.ts'

export interface Pushing {
  /** Sends what may be sent now; true: it wants another turn. */
  push(turn: Turn): boolean
}

/** Milliseconds after which the event loop gets its turn. */
const sliceMs = 3
/** Bytes that may be on their way to clients that read. */
const mostInFlight = 16 * 1024 * 1024
/** A client that takes nothing for so long is no longer counted among those that read. */
const stalledMs = 1000

interface Write {
  readonly bytes: number
  readonly since: number
  isCounted: boolean
}

export class PushQueue {
  readonly #waiting = new Set<Pushing>()
  readonly #writes = new Map<Pushing, Write>()
  readonly #mostBytes: number
  #inFlight = 0
  #next: NodeJS.Immediate | undefined

  /** `mostBytes`: after which a response that can be cut is. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  add(pushing: Pushing): void {
    this.#waiting.add(pushing)
    this.#schedule()
  }

  remove(pushing: Pushing): void {
    this.#waiting.delete(pushing)
    this.flushed(pushing)
  }

  writes(pushing: Pushing, bytes: number): void {
    this.#inFlight += bytes
    this.#writes.set(pushing, { bytes, since: performance.now(), isCounted: true })
  }

  flushed(pushing: Pushing): void {
    const write = this.#writes.get(pushing)
    if (write === undefined) return
    this.#writes.delete(pushing)
    if (write.isCounted) this.#inFlight -= write.bytes
    this.#schedule()
  }

  /** Since when a stream's client has not taken what is written to it. */
  writesSince(pushing: Pushing): number | undefined {
    return this.#writes.get(pushing)?.since
  }

  /** To be called every now and then: clients that do not read must not keep the others waiting. */
  sweep(): void {
    const before = performance.now() - stalledMs
    for (const write of this.#writes.values()) {
      if (write.since > before) break
      if (write.isCounted) this.#inFlight -= write.bytes
      write.isCounted = false
    }
    this.#schedule()
  }

  close(): void {
    clearImmediate(this.#next)
    this.#waiting.clear()
    this.#writes.clear()
  }

  #schedule(): void {
    if (this.#next !== undefined || this.#waiting.size === 0 || this.#inFlight >= mostInFlight) return
    this.#next = setImmediate(() => {
      this.#next = undefined
      this.#run()
      this.#schedule()
    })
  }

  #run(): void {
    const until = performance.now() + sliceMs
    const turn = { isOver: () => performance.now() >= until, mostBytes: this.#mostBytes }
    for (const pushing of this.#waiting) {
      if (this.#inFlight >= mostInFlight) return
      this.#waiting.delete(pushing)
      if (pushing.push(turn)) this.#waiting.add(pushing)
      if (turn.isOver()) return
    }
  }
}
