// Writes header blocks of HPACK (RFC 7541): what comes again and again goes into the table, what is secret or new each time does not.
import type { OutBuffer } from '../http/out-buffer.ts'
import { DynamicTable } from './dynamic-table.ts'
import { encodeHuffman, huffmanLength } from './huffman.ts'
import { staticNumbers, staticTable } from './static-table.ts'

/** More than this is not used, whatever the other side allows. */
const MOST_TABLE_BYTES = 4096
/** A longer value would drive out too much. */
const MOST_KEPT_VALUE = 256
/** A name of which so many values are known, and this is none of them, is nearly never the same twice either. */
const MOST_KEPT_VALUES = 8

const INDEXED = 0x80
const ADDED = 0x40
const NEVER = 0x10
const PLAIN = 0x00
const RESIZED = 0x20

/** What another hop must not keep either (RFC 7541 §7.1.3). */
const secret: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie'])
/** Nearly never the same twice. */
const volatile: ReadonlySet<string> = new Set(
  (
    ':path age content-length content-range date etag expires if-modified-since if-none-match last-modified location ' +
    'traceparent tracestate x-b3-spanid x-b3-traceid x-envoy-upstream-service-time x-request-id x-sallyport-decision x-sallyport-flow ' +
    'grpc-timeout'
  ).split(' '),
)

export class HpackEncoder {
  readonly #numbers = new Map<string, Map<string, number>>()
  readonly #table = new DynamicTable(MOST_TABLE_BYTES, (name, value, serial) => this.#forget(name, value, serial))
  #smallest = MOST_TABLE_BYTES
  #isResized = false
  #text = Buffer.allocUnsafeSlow(256)

  /** SETTINGS_HEADER_TABLE_SIZE of the other side. */
  allow(bytes: number): void {
    const limit = Math.min(bytes, MOST_TABLE_BYTES)
    if (limit === this.#table.limit) return
    this.#table.resize(limit)
    this.#smallest = this.#isResized ? Math.min(this.#smallest, limit) : limit
    this.#isResized = true
  }

  /** Comes ahead of the fields of a block. */
  begin(out: OutBuffer): void {
    if (!this.#isResized) return
    this.#isResized = false
    if (this.#smallest < this.#table.limit) integer(out, RESIZED, 5, this.#smallest)
    integer(out, RESIZED, 5, this.#table.limit)
  }

  /** The name in lower case; one character of both stands for one byte. */
  field(out: OutBuffer, name: string, value: string): void {
    const known = staticNumbers.get(name)
    const whole = known?.values.get(value)
    if (whole !== undefined) return integer(out, INDEXED, 7, whole)
    const values = this.#numbers.get(name)
    const serial = values?.get(value)
    if (serial !== undefined) return integer(out, INDEXED, 7, staticTable.length + this.#table.positionOf(serial))
    const isSecret = secret.has(name)
    const isNewEachTime = volatile.has(name) || (values?.size ?? 0) >= MOST_KEPT_VALUES
    const isKept = !isSecret && value.length <= MOST_KEPT_VALUE && !isNewEachTime
    const kind = isSecret ? NEVER : isKept ? ADDED : PLAIN
    integer(out, kind, isKept ? 6 : 4, known?.name ?? 0)
    if (known === undefined) this.#string(out, name, true)
    // What is sent once is worth the while of making it short.
    this.#string(out, value, isKept)
    if (isKept) this.#keep(name, value)
  }

  #keep(name: string, value: string): void {
    const serial = this.#table.add(name, value)
    if (serial === -1) return
    const values = this.#numbers.get(name)
    if (values) values.set(value, serial)
    else this.#numbers.set(name, new Map([[value, serial]]))
  }

  #forget(name: string, value: string, serial: number): void {
    const values = this.#numbers.get(name)
    if (values?.get(value) !== serial) return
    values.delete(value)
    if (values.size === 0) this.#numbers.delete(name)
  }

  #string(out: OutBuffer, text: string, isCoded: boolean): void {
    const { length } = text
    if (isCoded) {
      if (this.#text.length < length) this.#text = Buffer.allocUnsafeSlow(length * 2)
      this.#text.write(text, 0, 'latin1')
      const short = huffmanLength(this.#text, length)
      if (short < length) {
        integer(out, 0x80, 7, short)
        out.reserve(short)
        out.length = encodeHuffman(this.#text, length, out.bytes, out.length)
        return
      }
    }
    integer(out, 0, 7, length)
    out.text(text)
  }
}

/** RFC 7541 §5.1 */
function integer(out: OutBuffer, first: number, prefix: number, value: number): void {
  out.reserve(6)
  const { bytes } = out
  const most = (1 << prefix) - 1
  if (value < most) {
    bytes[out.length++] = first | value
    return
  }
  bytes[out.length++] = first | most
  let rest = value - most
  while (rest >= 0x80) {
    bytes[out.length++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[out.length++] = rest
}
