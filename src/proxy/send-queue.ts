// Holds small sends back to the end of the event loop's turn: whoever is sent something wakes up once for all of a turn, and not for each message of it.

/** Where the bytes go at the end of the turn. */
export interface Sendable {
  /** `address` is where `bytes` begins; 0 where that is not known. */
  sendHeld(bytes: Uint8Array, address: number, start: number, end: number): void
}

/** Bytes that may be held back at one time, for all connections together. */
const ARENA_BYTES = 262_144

export class SendQueue {
  readonly #arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
  readonly #sendables: Sendable[] = []
  /** Where the bytes of each end in the arena. */
  readonly #ends: number[] = []
  readonly #address: number
  #length = 0
  #isFlushing = false

  constructor(addressOf: (buffer: Uint8Array) => number = () => 0) {
    this.#address = addressOf(this.#arena)
  }

  /** Copies the bytes. False: there is no room for them. */
  add(sendable: Sendable, bytes: Uint8Array, start: number, end: number): boolean {
    const length = this.#length + end - start
    if (length > ARENA_BYTES || this.#isFlushing) return false
    this.#arena.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#length)
    this.#length = length
    if (this.#sendables.length === 0) setImmediate(() => this.flush())
    this.#sendables.push(sendable)
    this.#ends.push(length)
    return true
  }

  /** In the order of `add`. Whatever is sent meanwhile goes its own way at once. */
  flush(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    try {
      let start = 0
      for (let index = 0; index < this.#sendables.length; index++) {
        const end = this.#ends[index] as number
        this.#sendables[index]?.sendHeld(this.#arena, this.#address, start, end)
        start = end
      }
    } finally {
      this.#sendables.length = 0
      this.#ends.length = 0
      this.#length = 0
      this.#isFlushing = false
    }
  }
}
