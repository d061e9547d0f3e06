// Holds a client to a least pace while it sends a body whose length it has announced, so that nobody occupies an origin by dripping.
import type { Deadline } from '../../base/index.ts'
import type { Context } from '../context.ts'

export interface BodyPaceOptions {
  /** Bytes that have come so far. */
  readonly received: () => number
  /** It is not the client that the body waits for. */
  readonly isOurs: () => boolean
  readonly onSlow: () => void
}

export class BodyPace {
  readonly #context: Pick<Context, 'deadlines' | 'limits'>
  readonly #options: BodyPaceOptions
  #deadline: Deadline
  #before = 0
  #isExcused = false

  constructor(context: Pick<Context, 'deadlines' | 'limits'>, options: BodyPaceOptions) {
    this.#context = context
    this.#options = options
    this.#before = options.received()
    this.#deadline = this.#arm()
  }

  /** The client was told to wait. */
  excuse(): void {
    this.#isExcused = true
  }

  stop(): void {
    this.#deadline.cancel()
  }

  #arm(): Deadline {
    const { deadlines, limits } = this.#context
    return deadlines.arm(limits.bodyMs, () => this.#onDeadline())
  }

  #onDeadline(): void {
    const { received, isOurs, onSlow } = this.#options
    const total = received()
    const isSlow = total - this.#before < this.#context.limits.bodyBytes
    if (isSlow && !this.#isExcused && !isOurs()) return onSlow()
    this.#before = total
    this.#isExcused = isOurs()
    this.#deadline = this.#arm()
  }
}
