// Counts what the other side may do only so often: a stock that fills again with time.

export class Budget {
  readonly #most: number
  readonly #perMs: number
  #left: number
  #at: number

  constructor(most: number, perSecond: number, now: number) {
    this.#most = most
    this.#perMs = perSecond / 1000
    this.#left = most
    this.#at = now
  }

  /** False: that was one too many. */
  take(now: number): boolean {
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs) - 1
    this.#at = now
    return this.#left >= 0
  }
}
