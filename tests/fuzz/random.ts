// A small seeded generator, so that whatever a fuzzer did can be done again.

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 32 bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit
  }

  oneIn(count: number): boolean {
    return this.next() % count === 0
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.below(from.length)]
    if (chosen === undefined) throw new Error('nothing to pick from')
    return chosen
  }
}

/** Places to cut an input at: now and then all of them, else a few. */
export function cutsOf(length: number, random: Random): readonly number[] {
  if (length === 0) return []
  if (length <= 256 && random.oneIn(16)) return Array.from({ length }, (_, index) => index)
  return [random.below(length), random.below(length), length - 1]
}
