// Remembers the newest flow records, and hands new ones on to whoever follows: with bounded memory, whatever a reader does.
import type { FlowRecord } from '../flow/index.ts'
import { flowClosed } from '../telemetry/index.ts'

export interface FlowFeed {
  /** Oldest first. */
  remembered(): readonly FlowRecord[]
  /** Undefined when there are too many followers already. */
  join(): Follower | undefined
  close(): void
}

export interface Follower {
  /** Lines that came since the last call; waits for one, and gives an empty line when none has come in `ms`. */
  next(ms: number, signal: AbortSignal): Promise<string>
  leave(): void
}

export const mostRemembered = 1000
const mostFollowers = 8
/** Characters that may wait for one reader. */
const mostWaiting = 1024 * 1024

export function openFlowFeed(limits: { readonly waiting?: number } = {}): FlowFeed {
  return new Feed(limits.waiting ?? mostWaiting)
}

class Feed implements FlowFeed {
  readonly #ring: FlowRecord[] = []
  #turn = 0
  readonly #followers = new Set<Queue>()
  readonly #limit: number
  readonly #unsubscribe: () => void

  constructor(limit: number) {
    this.#limit = limit
    this.#unsubscribe = flowClosed.subscribe(({ record }) => this.#take(record))
  }

  remembered(): readonly FlowRecord[] {
    const start = this.#ring.length < mostRemembered ? 0 : this.#turn % mostRemembered
    return [...this.#ring.slice(start), ...this.#ring.slice(0, start)]
  }

  join(): Follower | undefined {
    if (this.#followers.size >= mostFollowers) return undefined
    const queue = new Queue(this.#limit, () => this.#followers.delete(queue))
    this.#followers.add(queue)
    return queue
  }

  close(): void {
    this.#unsubscribe()
  }

  #take(record: FlowRecord): void {
    this.#ring[this.#turn++ % mostRemembered] = record
    if (this.#followers.size === 0) return
    const line = `${JSON.stringify(record)}\n`
    for (const follower of this.#followers) follower.push(line)
  }
}

class Queue implements Follower {
  readonly #limit: number
  readonly #onLeave: () => void
  #lines: string[] = []
  #length = 0
  #lost = 0
  #wake: (() => void) | undefined

  constructor(limit: number, onLeave: () => void) {
    this.#limit = limit
    this.#onLeave = onLeave
  }

  push(line: string): void {
    // What is lost is lost in one piece, so that one mark can stand in its place.
    if (this.#lost > 0 || this.#length + line.length > this.#limit) this.#lost++
    else {
      this.#lines.push(line)
      this.#length += line.length
    }
    this.#wake?.()
  }

  async next(ms: number, signal: AbortSignal): Promise<string> {
    if (this.#lines.length === 0 && this.#lost === 0 && !signal.aborted) await this.#wait(ms, signal)
    const text = this.#lines.join('')
    const mark = this.#lost === 0 ? '' : `${JSON.stringify({ kind: 'lost', count: this.#lost, closed: Date.now() })}\n`
    this.#lines = []
    this.#length = 0
    this.#lost = 0
    return text + mark || '\n'
  }

  leave(): void {
    this.#onLeave()
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end)
      this.#wake = end
    })
  }
}
