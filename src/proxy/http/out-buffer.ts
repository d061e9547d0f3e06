// Builds a message head in one reused buffer, without a string or array for each line.

const SMALLEST = 16_384
/** Of a request's own buffer: nearly every head has room in it. */
const REQUEST_BYTES = 2048
/** A buffer that had to grow beyond this is not kept. */
const MOST_KEPT_BYTES = 16_384
const MOST_KEPT = 256
const LOOP_LIMIT = 48

/** Bytes from the beginning of a buffer. */
export interface Message {
  readonly bytes: Buffer
  readonly length: number
}

export class OutBuffer implements Message {
  bytes: Buffer
  length = 0

  constructor(size = SMALLEST) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

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

  /** A line that is always the same. */
  line(line: Uint8Array): void {
    this.reserve(line.length)
    this.bytes.set(line, this.length)
    this.length += line.length
  }

  /** A natural number. */
  number(value: number): void {
    if (value < 10) {
      this.reserve(1)
      this.bytes[this.length++] = 0x30 + value
    } else this.text(String(value))
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

  /** `Name: value` with its line end, of which only the name is changed. */
  canonicalLine(source: Uint8Array, start: number, nameEnd: number, end: number): void {
    this.reserve(end - start)
    const { bytes } = this
    let to = this.length
    for (let at = start; at < nameEnd; at++) bytes[to++] = toLower[source[at] as number] as number
    if (end - nameEnd > LOOP_LIMIT) {
      bytes.set(source.subarray(nameEnd, end), to)
      to += end - nameEnd
    } else for (let at = nameEnd; at < end; at++) bytes[to++] = source[at] as number
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

const kept: OutBuffer[] = []

/** A buffer for one request, to be given back when the request is over. */
export function borrowBuffer(): OutBuffer {
  return kept.pop() ?? new OutBuffer(REQUEST_BYTES)
}

/** Nobody may use it any more. */
export function returnBuffer(buffer: OutBuffer): void {
  if (kept.length >= MOST_KEPT || buffer.bytes.length > MOST_KEPT_BYTES) return
  buffer.reset()
  kept.push(buffer)
}
