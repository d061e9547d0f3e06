// Unfolds a header block in the plainest way (RFC 7541), bit by bit and with lists that grow: what the decoder is held to.
import { staticTable } from '../../../src/proxy/http2/static-table.ts'

export interface PlainField {
  readonly name: string
  readonly value: string
}

/** Lengths of the codes of RFC 7541 appendix B, by symbol, as runs: `LENGTHxCOUNT`. */
const runs =
  '13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 ' +
  '6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 ' +
  '23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 ' +
  '27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26 30'

const symbols = new Map<string, number>(codes())

function codes(): [string, number][] {
  const lengths = runs.split(' ').flatMap((run) => {
    const [length, count = '1'] = run.split('x')
    return Array.from({ length: Number(count) }, () => Number(length))
  })
  const order = lengths.map((length, symbol) => ({ length, symbol })).toSorted((a, b) => a.length - b.length || a.symbol - b.symbol)
  let code = 0n
  let last = 0
  return order.map(({ length, symbol }) => {
    code <<= BigInt(length - last)
    last = length
    return [(code++).toString(2).padStart(length, '0'), symbol]
  })
}

export class PlainTable {
  readonly fields: PlainField[] = []
  #limit = 4096

  /** Undefined: the block is broken. */
  read(bytes: Buffer): readonly PlainField[] | undefined {
    const read: PlainField[] = []
    let at = 0
    const integer = (prefix: number): number | undefined => {
      const most = 2 ** prefix - 1
      let value = (bytes[at++] ?? 0) & most
      if (value < most) return value
      for (let shift = 0; shift < 35; shift += 7) {
        const byte = bytes[at++]
        if (byte === undefined) return undefined
        value += (byte & 127) * 2 ** shift
        if (value > 2 ** 30 - 1) return undefined
        if (byte < 128) return value
      }
      return undefined
    }
    const string = (): string | undefined => {
      if (at >= bytes.length) return undefined
      const isCoded = (bytes[at] ?? 0) >= 128
      const length = integer(7)
      if (length === undefined || at + length > bytes.length) return undefined
      const text = bytes.subarray(at, at + length)
      at += length
      return isCoded ? huffman(text) : text.toString('latin1')
    }
    while (at < bytes.length) {
      const first = bytes[at] ?? 0
      if (first >= 32 && first < 64) {
        const limit = integer(5)
        if (limit === undefined || limit > 4096 || read.length > 0) return undefined
        this.#limit = limit
        this.#evict()
        continue
      }
      const field = first >= 128 ? this.#at(integer(7)) : this.#literal(integer(first >= 64 ? 6 : 4), string)
      if (!field) return undefined
      if (first >= 64 && first < 128) this.#add(field)
      read.push(field)
    }
    return read
  }

  #literal(index: number | undefined, string: () => string | undefined): PlainField | undefined {
    if (index === undefined) return undefined
    const name = index === 0 ? string() : this.#at(index)?.name
    const value = name === undefined ? undefined : string()
    return name === undefined || value === undefined ? undefined : { name, value }
  }

  #at(index: number | undefined): PlainField | undefined {
    if (index === undefined || index === 0) return undefined
    const known = staticTable[index - 1]
    return known ? { name: known[0], value: known[1] } : this.fields[index - 1 - staticTable.length]
  }

  #add(field: PlainField): void {
    this.fields.unshift(field)
    this.#evict()
  }

  #evict(): void {
    while (this.fields.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0) > this.#limit) this.fields.pop()
  }
}

function huffman(bytes: Buffer): string | undefined {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  let text = ''
  let code = ''
  for (const bit of bits) {
    code += bit
    const symbol = symbols.get(code)
    if (symbol === 256) return undefined
    if (symbol === undefined) continue
    text += String.fromCharCode(symbol)
    code = ''
  }
  return /^1{0,7}$/.test(code) ? text : undefined
}
