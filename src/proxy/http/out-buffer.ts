// Builds a message head in one reused buffer, without a string or array for each line.

const SMALLEST = 16_384
const LOOP_LIMIT = 48

export class OutBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SMALLEST)
  length = 0

  reset(): void {
    this.length = 0
  }

  /** Text of ASCII or Latin-1 characters. */
  text(text: string): void {
    this.reserve(text.length)
    // A call into C++ costs more than a short loop.
    if (text.length > LOOP_LIMIT) {
      this.length += this.bytes.write(text, this.length, 'latin1')
      return
    }
    const { bytes, length } = this
    for (let index = 0; index < text.length; index++) bytes[length + index] = text.charCodeAt(index)
    this.length = length + text.length
  }

  copy(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    if (end - start > LOOP_LIMIT) this.bytes.set(source.subarray(start, end), this.length)
    else for (let at = start, to = this.length; at < end; at++, to++) this.bytes[to] = source[at] as number
    this.length += end - start
  }

  /** Header names leave in lower case, as Envoy sends them. */
  lower(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    let to = this.length
    for (let at = start; at < end; at++) this.bytes[to++] = toLower[source[at] as number] as number
    this.length = to
  }

  reserve(added: number): void {
    if (this.length + added <= this.bytes.length) return
    let size = this.bytes.length
    while (size < this.length + added) size *= 2
    const grown = Buffer.allocUnsafeSlow(size)
    grown.set(this.bytes.subarray(0, this.length), 0)
    this.bytes = grown
  }

  /** A copy of its own, to send or to keep. */
  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.length)
    copy.set(this.bytes.subarray(0, this.length), 0)
    return copy
  }
}

const toLower = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte))
