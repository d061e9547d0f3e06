// Parses address ranges and finds the most specific range that holds an address.
import { familyOf, type Ip, ipFromWords, parseIp, wordsOf } from './ip.ts'

export interface Cidr {
  /** The network address: bits behind the prefix are zero. */
  readonly ip: Ip
  readonly bits: number
  readonly family: 4 | 6
}

/** Reads `10.0.0.0/8`, or a bare address as its full-length range. Host bits are masked away, as Envoy and Istio do. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const ip = parseIp(address)
  if (ip === undefined) return undefined
  const family = familyOf(ip)
  const width = family === 4 ? 32 : 128
  if (slash < 0) return { ip, bits: width, family }
  const suffix = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(suffix)) return undefined
  // A range of IPv4-mapped addresses is the IPv4 range; one that is wider than them all is neither, and refused.
  const bits = Number(suffix) - (family === 4 && address.includes(':') ? 96 : 0)
  if (bits < 0 || bits > width) return undefined
  return { ip: ipFromWords(maskWords(wordsOf(ip), bits)), bits, family }
}

export function formatCidr(cidr: Cidr): string {
  return `${cidr.ip}/${cidr.bits}`
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  if (familyOf(ip) !== cidr.family) return false
  return ipFromWords(maskWords(wordsOf(ip), cidr.bits)) === cidr.ip
}

/** One hash table per prefix length, longest first: a look-up costs one probe for each length in use. */
export class CidrMap<V> {
  readonly #lengths4: Length<V>[] = []
  readonly #lengths6: Length<V>[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  set(cidr: Cidr, value: V): this {
    const lengths = cidr.family === 4 ? this.#lengths4 : this.#lengths6
    let length = lengths.find((each) => each.bits === cidr.bits)
    if (!length) {
      length = { bits: cidr.bits, values: new Map() }
      lengths.push(length)
      lengths.sort((a, b) => b.bits - a.bits)
    }
    const key = keyOf(wordsOf(cidr.ip), cidr.bits)
    if (!length.values.has(key)) this.#size++
    length.values.set(key, value)
    return this
  }

  /** The value of the longest prefix that holds `ip`. */
  get(ip: Ip): V | undefined {
    const words = wordsOf(ip)
    for (const { bits, values } of words.length === 1 ? this.#lengths4 : this.#lengths6) {
      const key = keyOf(words, bits)
      const value = values.get(key)
      if (value !== undefined || values.has(key)) return value
    }
    return undefined
  }

  /** The values of all prefixes that hold `ip`, longest first. */
  getAll(ip: Ip): V[] {
    const words = wordsOf(ip)
    const found: V[] = []
    for (const { bits, values } of words.length === 1 ? this.#lengths4 : this.#lengths6) {
      const key = keyOf(words, bits)
      if (values.has(key)) found.push(values.get(key) as V)
    }
    return found
  }
}

interface Length<V> {
  readonly bits: number
  readonly values: Map<number | string, V>
}

/** IPv4 keys are numbers, which hash faster; the two families never share a table. */
function keyOf(words: readonly number[], bits: number): number | string {
  // The first word is all that a prefix of at most 32 bits looks at.
  if (bits <= 32) return ((words[0] ?? 0) & maskOf(bits)) >>> 0
  return maskWords(words, bits).join(':')
}

function maskWords(words: readonly number[], bits: number): number[] {
  return words.map((word, index) => (word & maskOf(bits - index * 32)) >>> 0)
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? 0xffffffff : -1 << (32 - bits)
}
