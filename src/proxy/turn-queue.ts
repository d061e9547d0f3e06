// Keeps the requests that there is no time for at present: the newest is served first, and the oldest is told when it has waited for too long.

/** Who waits for a turn. */
export interface Waiter {
  /** Whose request it is. */
  readonly peer: string
  /** Its time has come; or, when it is late, it is to be turned away. */
  onTurn(isLate: boolean): void
}

interface Place {
  readonly waiter: Waiter
  readonly since: number
}

/** So many places that are used up are given back together. */
const SPENT = 1024

/** Bounded by who uses it: each connection has one place at most. */
export class TurnQueue {
  #places: (Place | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#places.length - this.#first
  }

  push(waiter: Waiter, since: number): void {
    this.#places.push({ waiter, since })
  }

  /** Who came last, if that was after `moment`: under a load that does not end, the others' clients have waited longer and are the nearer to giving up. */
  takeNewest(moment: number): Waiter | undefined {
    const place = this.length > 0 ? this.#places[this.#places.length - 1] : undefined
    if (place === undefined || place.since <= moment) return undefined
    this.#places.pop()
    return place.waiter
  }

  /** The oldest, if it came at `moment` or before. */
  takeOldest(moment: number): Waiter | undefined {
    const place = this.length > 0 ? this.#places[this.#first] : undefined
    if (place === undefined || place.since > moment) return undefined
    this.#places[this.#first++] = undefined
    if (this.#first >= SPENT || this.#first === this.#places.length) {
      this.#places = this.#places.slice(this.#first)
      this.#first = 0
    }
    return place.waiter
  }
}
