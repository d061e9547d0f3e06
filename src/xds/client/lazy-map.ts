// A map whose values are made when they are first asked for: of tens of thousands few ever are.

export class LazyMap<V extends object> implements ReadonlyMap<string, V> {
  readonly #places: ReadonlyMap<string, number>
  readonly #make: (place: number, key: string) => V
  readonly #made: (V | undefined)[] = []

  /** `places` numbers the keys. */
  constructor(places: ReadonlyMap<string, number>, make: (place: number, key: string) => V) {
    this.#places = places
    this.#make = make
  }

  get size(): number {
    return this.#places.size
  }

  get(key: string): V | undefined {
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#at(place, key)
  }

  has(key: string): boolean {
    return this.#places.has(key)
  }

  keys(): MapIterator<string> {
    return this.#places.keys()
  }

  *entries(): MapIterator<[string, V]> {
    for (const [key, place] of this.#places) yield [key, this.#at(place, key)]
    return undefined
  }

  *values(): MapIterator<V> {
    for (const [key, place] of this.#places) yield this.#at(place, key)
    return undefined
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  forEach(act: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) act(value, key, this)
  }

  #at(place: number, key: string): V {
    const known = this.#made[place]
    if (known !== undefined) return known
    const made = this.#make(place, key)
    this.#made[place] = made
    return made
  }
}
