// Finds the lines of an HTTP/1.1 head in one strict pass over the bytes (RFC 9112); what it does not like is refused, never repaired.
import { classifyHeaderName } from './header-name.ts'

/** Why a head was refused: the status to answer a client with, and words for the record. */
export interface HeadProblem {
  readonly status: 400 | 426 | 431 | 505
  readonly text: string
}

/** Numbers kept for one header line. */
const STRIDE = 5

/** RFC 9110 §5.6.2 */
const tokenBytes = byteSet((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)))
/** Any visible ASCII character: what a request target may hold is judged later. */
const targetBytes = byteSet((byte) => byte > 0x20 && byte < 0x7f)

function byteSet(has: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (has(byte) ? 1 : 0))
}

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HT = 0x09
const COLON = 0x3a
const VERSION = Buffer.from('HTTP/1.', 'latin1')

const nothing = Buffer.alloc(0)

/** Reused for every head: what it holds is valid until the next scan. */
export class HeadScanner {
  /** What was scanned last. */
  bytes: Buffer = nothing
  /** Number of header lines. */
  count = 0
  methodStart = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  /** Response only. */
  status = 0
  minorVersion = 1
  problem: HeadProblem | undefined
  readonly #lines: Int32Array
  readonly #maxLines: number

  constructor(maxLines: number) {
    this.#maxLines = maxLines
    this.#lines = new Int32Array(maxLines * STRIDE)
  }

  value(line: number): string {
    return this.bytes.toString('latin1', this.valueStart(line), this.valueEnd(line))
  }

  /** The value as a natural number of at most 15 digits; -1: it is none. */
  natural(line: number): number {
    const { bytes } = this
    const end = this.valueEnd(line)
    const start = this.valueStart(line)
    if (start === end || end - start > 15) return -1
    let value = 0
    for (let at = start; at < end; at++) {
      const next = digit(bytes[at])
      if (next < 0) return -1
      value = value * 10 + next
    }
    return value
  }

  nameStart(line: number): number {
    return this.#lines[line * STRIDE] as number
  }

  nameEnd(line: number): number {
    return this.#lines[line * STRIDE + 1] as number
  }

  valueStart(line: number): number {
    return this.#lines[line * STRIDE + 2] as number
  }

  valueEnd(line: number): number {
    return this.#lines[line * STRIDE + 3] as number
  }

  /** Index in `headerKinds`. */
  kind(line: number): number {
    return this.#lines[line * STRIDE + 4] as number
  }

  /** Where the head ends; 0 = it is not complete; -1 = refused, see `problem`. */
  scanRequest(bytes: Buffer, start: number, end: number): number {
    this.problem = undefined
    this.bytes = bytes
    let at = start
    while (at < end && tokenBytes[bytes[at] as number] === 1) at++
    if (at === end) return 0
    if (at === start || bytes[at] !== SP) return this.#refuse('the request line does not begin with a method and one space')
    this.methodStart = start
    this.methodEnd = at
    at++
    this.targetStart = at
    while (at < end && targetBytes[bytes[at] as number] === 1) at++
    if (at === end) return 0
    if (at === this.targetStart || bytes[at] !== SP) return this.#refuse('the request target is empty or holds a byte that it must not')
    this.targetEnd = at
    at = this.#scanVersion(bytes, at + 1, end)
    if (at <= 0) return at
    if (bytes[at] !== CR) return this.#refuse('the request line does not end after the version')
    if (at + 1 === end) return 0
    if (bytes[at + 1] !== LF) return this.#refuse('a CR in the request line is not followed by LF')
    if (this.minorVersion === 0) return this.#refuse('HTTP/1.0 is not served: use HTTP/1.1', 426)
    return this.#scanLines(bytes, at + 2, end)
  }

  /** As `scanRequest`, for what an origin answers. A missing reason phrase is common and harmless. */
  scanResponse(bytes: Buffer, start: number, end: number): number {
    this.problem = undefined
    this.bytes = bytes
    let at = this.#scanVersion(bytes, start, end)
    if (at <= 0) return at
    if (bytes[at] !== SP) return this.#refuse('the version is not followed by one space')
    if (at + 4 >= end) return 0
    const hundreds = digit(bytes[at + 1])
    const tens = digit(bytes[at + 2])
    const units = digit(bytes[at + 3])
    if (hundreds < 1 || tens < 0 || units < 0) return this.#refuse('the status line has no valid status')
    this.status = hundreds * 100 + tens * 10 + units
    at += 4
    if (bytes[at] !== SP && bytes[at] !== CR) return this.#refuse('the status has more than three digits')
    at = skipValue(bytes, at, end)
    if (at + 1 >= end) return 0
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#refuse('the status line holds a byte that it must not')
    return this.#scanLines(bytes, at + 2, end)
  }

  /** Trailer lines and the empty line after them, by the rules for header lines. */
  scanTrailer(bytes: Buffer, start: number, end: number): number {
    this.problem = undefined
    this.bytes = bytes
    return this.#scanLines(bytes, start, end)
  }

  /** The byte after the version; 0 = not complete; -1 = refused. */
  #scanVersion(bytes: Uint8Array, start: number, end: number): number {
    for (let index = 0; index < VERSION.length; index++) {
      if (start + index >= end) return 0
      if (bytes[start + index] === VERSION[index]) continue
      // Another major version, when it has the shape of one.
      const isVersion = index === 5 && digit(bytes[start + 5]) >= 0
      return isVersion ? this.#refuse('only HTTP/1.1 is served', 505) : this.#refuse('the version is not HTTP/1.1')
    }
    const at = start + VERSION.length
    if (at >= end) return 0
    const minor = digit(bytes[at])
    if (minor < 0) return this.#refuse('the version is not HTTP/1.1')
    if (minor > 1) return this.#refuse('only HTTP/1.1 is served', 505)
    this.minorVersion = minor
    return at + 1 < end ? at + 1 : 0
  }

  #scanLines(bytes: Uint8Array, start: number, end: number): number {
    const lines = this.#lines
    let at = start
    let count = 0
    for (;;) {
      if (at >= end) return 0
      if (bytes[at] === CR) {
        if (at + 1 >= end) return 0
        if (bytes[at + 1] !== LF) return this.#refuse('a CR is not followed by LF')
        this.count = count
        return at + 2
      }
      const nameStart = at
      while (at < end && tokenBytes[bytes[at] as number] === 1) at++
      if (at === end) return 0
      if (at === nameStart || bytes[at] !== COLON) return this.#refuse('a header line has no valid name followed by a colon')
      const nameEnd = at
      at++
      while (at < end && (bytes[at] === SP || bytes[at] === HT)) at++
      const valueStart = at
      at = skipValue(bytes, at, end)
      if (at + 1 >= end) return at === end || bytes[at] === CR ? 0 : this.#refuse('a header value holds a byte that it must not')
      if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#refuse('a header value holds a byte that it must not')
      if (count === this.#maxLines) return this.#refuse(`there are more than ${this.#maxLines} header lines`, 431)
      const base = count * STRIDE
      lines[base] = nameStart
      lines[base + 1] = nameEnd
      lines[base + 2] = valueStart
      lines[base + 3] = trimEnd(bytes, valueStart, at)
      lines[base + 4] = classifyHeaderName(bytes, nameStart, nameEnd)
      count++
      at += 2
    }
  }

  #refuse(text: string, status: HeadProblem['status'] = 400): -1 {
    this.problem = { status, text }
    return -1
  }
}

/** The first byte that no value may hold (RFC 9110 §5.5: visible characters, space, tab, and bytes above ASCII). Nearly all are visible, so that one comparison lets most of them pass. */
function skipValue(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (; at < end; at++) {
    const byte = bytes[at] as number
    if (byte < 0x20 ? byte !== HT : byte === 0x7f) break
  }
  return at
}

function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HT)) at--
  return at
}

function digit(byte: number | undefined): number {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : -1
}

/** True when a line ends at or after `from`: only then is it worth scanning again, and that can happen only so often. */
export function hasLineEnd(bytes: Uint8Array, from: number, end: number): boolean {
  const at = bytes.indexOf(LF, from)
  return at !== -1 && at < end
}
