// Shares a limited number of places among those who want them: while there is room everybody gets one, and when it grows scarce nobody more than his part.

/** Of all places taken, from which on they count as scarce. */
const SCARCE = 0.8

export class Shares {
  total = 0
  readonly #limit: number
  readonly #taken = new Map<string, number>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes nothing yet. */
  hasRoom(who: string): boolean {
    if (this.total >= this.#limit) return false
    return this.total < this.#limit * SCARCE || !this.isAboveFair(who, this.#limit)
  }

  /** Whether he has at least as much as each would have, if all who take part, and one more to come, had the same of `places`. */
  isAboveFair(who: string, places: number): boolean {
    return (this.#taken.get(who) ?? 0) >= places / (this.#taken.size + 1)
  }

  begin(who: string): void {
    this.total++
    this.#taken.set(who, (this.#taken.get(who) ?? 0) + 1)
  }

  end(who: string): void {
    const taken = this.#taken.get(who)
    if (taken === undefined) return
    this.total--
    if (taken === 1) this.#taken.delete(who)
    else this.#taken.set(who, taken - 1)
  }
}
