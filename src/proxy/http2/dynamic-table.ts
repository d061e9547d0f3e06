// The names and values that both ends of an HTTP/2 connection have come to know, newest first, within a size (RFC 7541 §2.3.2, §4).

/** Added to the length of each entry. */
const OVERHEAD = 32

export function entrySize(name: string, value: string): number {
  return name.length + value.length + OVERHEAD
}

export class DynamicTable {
  readonly #names: string[] = []
  readonly #values: string[] = []
  /** Entries that have left it. */
  #gone = 0
  #added = 0
  #size = 0
  #limit: number
  readonly #onEvicted: ((name: string, value: string, serial: number) => void) | undefined

  /** Entries are numbered as they come: the first has serial 0. */
  constructor(limit: number, onEvicted?: (name: string, value: string, serial: number) => void) {
    this.#limit = limit
    this.#onEvicted = onEvicted
  }

  get count(): number {
    return this.#added - this.#gone
  }

  get limit(): number {
    return this.#limit
  }

  resize(limit: number): void {
    this.#limit = limit
    this.#evict(0)
  }

  /** Returns its serial; -1: it is larger than the whole table, which is empty now. */
  add(name: string, value: string): number {
    const size = entrySize(name, value)
    this.#evict(size)
    if (size > this.#limit) return -1
    this.#size += size
    this.#names.push(name)
    this.#values.push(value)
    return this.#added++
  }

  /** The newest has position 1. */
  name(position: number): string | undefined {
    return this.#names[this.#names.length - position]
  }

  value(position: number): string | undefined {
    return this.#values[this.#values.length - position]
  }

  positionOf(serial: number): number {
    return this.#added - serial
  }

  #evict(room: number): void {
    let gone = 0
    while (this.#size > 0 && this.#size + room > this.#limit) {
      const name = this.#names[gone] as string
      const value = this.#values[gone] as string
      this.#size -= entrySize(name, value)
      this.#onEvicted?.(name, value, this.#gone + gone)
      gone++
    }
    if (gone === 0) return
    this.#gone += gone
    this.#names.splice(0, gone)
    this.#values.splice(0, gone)
  }
}
