// Shares a limited number of places among those who want them: while there is room everybody gets one, and when it grows scarce nobody more than his part.

/** Of all places taken, from which on they count as scarce. */
const SCARCE = 0.8

/** Of those who take nothing at present, so many are remembered: most come again. */
const MOST_IDLE = 1024

interface Share {
  taken: number
}

export class Shares {
  total = 0
  readonly #limit: number
  readonly #shares = new Map<string, Share>()
  /** How many take something. */
  #taking = 0

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
    return (this.#shares.get(who)?.taken ?? 0) >= places / (this.#taking + 1)
  }

  begin(who: string): void {
    this.total++
    const share = this.#shares.get(who) ?? this.#open(who)
    if (share.taken++ === 0) this.#taking++
  }

  end(who: string): void {
    const share = this.#shares.get(who)
    if (share === undefined || share.taken === 0) return
    this.total--
    if (--share.taken === 0) this.#taking--
  }

  #open(who: string): Share {
    if (this.#shares.size >= this.#taking + MOST_IDLE) {
      for (const [each, { taken }] of this.#shares) if (taken === 0) this.#shares.delete(each)
    }
    const share = { taken: 0 }
    this.#shares.set(who, share)
    return share
  }
}
