// Says how long to wait before the next attempt: longer each time, and never quite the same for two that failed together.

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
  /** As `Math.random`. */
  readonly random?: () => number
}

export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Milliseconds: the second half of twice the wait before, at a random place in it. */
  next(): number {
    const { baseMs, maxMs, random = Math.random } = this.#options
    const whole = Math.min(maxMs, baseMs * 2 ** this.#failures)
    this.#failures++
    return Math.round(whole / 2 + (random() * whole) / 2)
  }

  reset(): void {
    this.#failures = 0
  }
}
