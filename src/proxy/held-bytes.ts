// Keeps the bytes that nobody can take yet, in one growing buffer; its owner pauses the source at a limit.

const SMALLEST = 1024
const none = Buffer.alloc(0)

export class HeldBytes {
  bytes: Buffer = none
  start = 0
  end = 0

  /** Without a copy: whoever made the bytes gives them away. */
  static of(bytes: Buffer): HeldBytes {
    const held = new HeldBytes()
    held.bytes = bytes
    held.end = bytes.length
    return held
  }

  get length(): number {
    return this.end - this.start
  }

  append(source: Uint8Array, from: number, to: number): void {
    const added = to - from
    if (added === 0) return
    this.#reserve(added)
    this.bytes.set(source.subarray(from, to), this.end)
    this.end += added
  }

  /** Marks the first `count` bytes as taken. */
  consume(count: number): void {
    this.start += count
    if (this.start >= this.end) this.clear()
  }

  clear(): void {
    this.start = 0
    this.end = 0
    this.bytes = none
  }

  #reserve(added: number): void {
    if (this.end + added <= this.bytes.length) return
    const length = this.length
    let size = Math.max(SMALLEST, this.bytes.length)
    while (size < length + added) size *= 2
    const grown = Buffer.allocUnsafeSlow(size)
    grown.set(this.bytes.subarray(this.start, this.end), 0)
    this.bytes = grown
    this.start = 0
    this.end = length
  }
}
