// Counts flows by key over the last ten seconds, as a rate that rises and falls with the traffic.

export const windowSeconds = 10

export class FlowRates {
  readonly #rings = new Map<string, Ring>()
  readonly #most: number

  /** Keys beyond `most` have no rate of their own. */
  constructor(most: number) {
    this.#most = most
  }

  add(key: string, at: number, count: number): void {
    let ring = this.#rings.get(key)
    if (ring === undefined) {
      if (this.#rings.size >= this.#most) return
      ring = { second: Math.floor(at / 1000), counts: new Float64Array(windowSeconds + 1) }
      this.#rings.set(key, ring)
    }
    const second = Math.floor(at / 1000)
    turnTo(ring, second)
    // What is older than the window counts no more.
    if (ring.second - second <= windowSeconds) ring.counts[slotOf(second)] = (ring.counts[slotOf(second)] ?? 0) + count
  }

  /** Flows a second over the whole seconds before `now`. */
  rateOf(key: string, now: number): number {
    const ring = this.#rings.get(key)
    if (ring === undefined) return 0
    const second = Math.floor(now / 1000)
    turnTo(ring, second)
    let sum = 0
    for (const [slot, count] of ring.counts.entries()) if (slot !== slotOf(second)) sum += count
    return sum / windowSeconds
  }
}

interface Ring {
  second: number
  readonly counts: Float64Array
}

function slotOf(second: number): number {
  return second % (windowSeconds + 1)
}

/** Empties the slots of the seconds that have begun since. */
function turnTo(ring: Ring, second: number): void {
  if (second <= ring.second) return
  const first = Math.max(ring.second + 1, second - windowSeconds)
  for (let each = first; each <= second; each++) ring.counts[slotOf(each)] = 0
  ring.second = second
}
