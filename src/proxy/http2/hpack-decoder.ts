// Reads header blocks of HPACK (RFC 7541), within limits of what one block may unfold to.
import { DynamicTable, entrySize } from './dynamic-table.ts'
import { decodeHuffman } from './huffman.ts'
import { staticTable } from './static-table.ts'

/** Names and values in the order in which they came. */
export class FieldList {
  readonly names: string[] = []
  readonly values: string[] = []
  /** It is longer than it may be; what is beyond was read for the table's sake, and is not in it. */
  isTooLarge = false

  get length(): number {
    return this.names.length
  }
}

export interface FieldLimits {
  /** Of all fields, each with 32 bytes on top (RFC 9113 §6.5.2). */
  readonly bytes: number
  readonly count: number
}

/** What SETTINGS_HEADER_TABLE_SIZE is when nothing is said, and we say nothing. */
const TABLE_BYTES = 4096
/** Of an integer: no length or number that means anything here is larger. */
const MAX_INTEGER = 0x3fff_ffff

const BROKEN = -1

/** Strings are unfolded one at a time. */
let text = Buffer.alloc(0)

export class HpackDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES)
  readonly #limits: FieldLimits
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  constructor(limits: FieldLimits) {
    this.#limits = limits
    if (text.length < limits.bytes) text = Buffer.allocUnsafeSlow(limits.bytes)
  }

  /** Undefined: the block is not valid, and the connection cannot go on (COMPRESSION_ERROR). */
  decode(bytes: Uint8Array, start: number, end: number): FieldList | undefined {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    const list = new FieldList()
    let size = 0
    let mayResize = true
    while (this.#at < this.#end) {
      const first = bytes[this.#at] as number
      if ((first & 0xe0) === 0x20) {
        // Only ahead of everything else (RFC 7541 §4.2).
        if (!mayResize || !this.#resize()) return undefined
        continue
      }
      mayResize = false
      const field = this.#readField(first)
      if (field === undefined) return undefined
      size += entrySize(field.name, field.value)
      if (size > this.#limits.bytes || list.length === this.#limits.count) list.isTooLarge = true
      if (list.isTooLarge) continue
      list.names.push(field.name)
      list.values.push(field.value)
    }
    return list
  }

  #resize(): boolean {
    const size = this.#integer(5)
    if (size === BROKEN || size > TABLE_BYTES) return false
    this.#table.resize(size)
    return true
  }

  #readField(first: number): { readonly name: string; readonly value: string } | undefined {
    if ((first & 0x80) !== 0) {
      const index = this.#integer(7)
      const name = this.#nameAt(index)
      const value = this.#valueAt(index)
      return name === undefined || value === undefined ? undefined : { name, value }
    }
    const isAdded = (first & 0x40) !== 0
    const index = this.#integer(isAdded ? 6 : 4)
    if (index === BROKEN) return undefined
    const name = index === 0 ? this.#string() : this.#nameAt(index)
    if (name === undefined) return undefined
    const value = this.#string()
    if (value === undefined) return undefined
    if (isAdded) this.#table.add(name, value)
    return { name, value }
  }

  #nameAt(index: number): string | undefined {
    if (index < 1) return undefined
    return index <= staticTable.length ? staticTable[index - 1]?.[0] : this.#table.name(index - staticTable.length)
  }

  #valueAt(index: number): string | undefined {
    if (index < 1) return undefined
    return index <= staticTable.length ? staticTable[index - 1]?.[1] : this.#table.value(index - staticTable.length)
  }

  /** RFC 7541 §5.1 */
  #integer(prefix: number): number {
    const most = (1 << prefix) - 1
    const first = (this.#bytes[this.#at++] as number) & most
    if (first < most) return first
    let value = most
    for (let shift = 0; shift <= 28; shift += 7) {
      if (this.#at >= this.#end) return BROKEN
      const byte = this.#bytes[this.#at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (value > MAX_INTEGER) return BROKEN
      if ((byte & 0x80) === 0) return value
    }
    return BROKEN
  }

  /** One character for each byte. */
  #string(): string | undefined {
    if (this.#at >= this.#end) return undefined
    const isCoded = ((this.#bytes[this.#at] as number) & 0x80) !== 0
    const length = this.#integer(7)
    const start = this.#at
    if (length === BROKEN || length > this.#end - start) return undefined
    this.#at = start + length
    if (!isCoded) return latin1(this.#bytes, start, this.#at)
    const end = decodeHuffman(this.#bytes, start, this.#at, text)
    return end === -1 ? undefined : text.toString('latin1', 0, end)
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
