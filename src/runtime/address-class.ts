// Says what kind of address an IP is, so that a name which leads to the machine itself, its link or its cloud's metadata leads nowhere.
import { type Cidr, cidrContains, type Ip, parseCidr, wordsOf } from '../base/index.ts'

/** `public` is everything that no row below names; documentation and benchmark ranges are ordinary. */
export type AddressClass =
  | 'public'
  | 'private'
  | 'this-network'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'reserved'
  | 'metadata'
  | 'unspecified'
  | 'own'

/** What a name may lead to. */
export interface AddressRules {
  /** The node's own addresses, which are never reached by a name. */
  readonly own: ReadonlySet<Ip>
  /** RFC 1918, ULA and CGNAT: allowed for an exact declared host, refused for wildcards and dynamic names. */
  readonly privateAllowed: boolean
}

/** What keeps a name from leading to `ip`; `undefined` = it may. */
export function judgeAddress(ip: Ip, rules: AddressRules): AddressClass | undefined {
  const kind = rules.own.has(ip) ? 'own' : classOf(ip)
  if (kind === 'public' || (kind === 'private' && rules.privateAllowed)) return undefined
  return kind
}

/** An address that carries an IPv4 address inside is what the inner one is, because that is where its packets end. */
export function classOf(ip: Ip): AddressClass {
  const words = wordsOf(ip)
  return words.length === 1 ? classOfV4(words[0] ?? 0) : classOfV6(ip, words)
}

export function isNeverReached(kind: AddressClass): boolean {
  return kind !== 'public' && kind !== 'private'
}

/**
 * Whether a declared range names an address of a class that is never reached: only when all of it lies in that class.
 * So `169.254.169.254/32` does, and `0.0.0.0/0`, which people write for "any address on this port", does not.
 */
export function rangeNames(range: Cidr, ip: Ip): boolean {
  if (!cidrContains(range, ip)) return false
  return ranges.some((row) => row.cidr.bits <= range.bits && cidrContains(row.cidr, ip) && isNeverReached(row.kind))
}

/** What is reached only where a declaration names the address itself, as ranges. Addresses that lead nowhere anyway are left out. */
export function neverReached(): readonly Cidr[] {
  const plain = ranges.filter(({ kind }) => isNeverReached(kind) && kind !== 'reserved').map(({ cidr }) => cidr)
  const inside = plain.filter(({ family }) => family === 4).flatMap(({ ip, bits }) => carriers.flatMap((carry) => carry(ip, bits)))
  return [...plain, ...inside]
}

/** IPv6 ranges that carry an IPv4 range inside: the well-known NAT64 prefix (RFC 6052 §2.1) and 6to4 (RFC 3056 §2). */
const carriers: readonly ((ip: Ip, bits: number) => Cidr[])[] = [
  (ip, bits) => toCidr(`64:ff9b::${ip}/${96 + bits}`),
  (ip, bits) => {
    const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number)
    return toCidr(`2002:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}::/${16 + bits}`)
  },
]

function toCidr(text: string): Cidr[] {
  const cidr = parseCidr(text)
  return cidr === undefined ? [] : [cidr]
}

interface Range {
  readonly cidr: Cidr
  readonly kind: AddressClass
  readonly first: number
  readonly mask: number
}

/** Single addresses stand before the ranges around them. */
const ranges: readonly Range[] = [
  range('0.0.0.0/8', 'this-network'), // RFC 791 §3.2, RFC 1122 §3.2.1.3
  range('127.0.0.0/8', 'loopback'), // RFC 1122 §3.2.1.3
  range('169.254.0.0/16', 'link-local'), // RFC 3927; cloud metadata lives here (169.254.169.254)
  range('100.100.100.200/32', 'metadata'), // Alibaba Cloud, inside CGNAT space
  range('168.63.129.16/32', 'metadata'), // Azure's platform address
  range('224.0.0.0/4', 'multicast'), // RFC 5771
  range('240.0.0.0/4', 'reserved'), // RFC 1112 §4, with the broadcast address of RFC 919
  range('10.0.0.0/8', 'private'), // RFC 1918
  range('172.16.0.0/12', 'private'), // RFC 1918
  range('192.168.0.0/16', 'private'), // RFC 1918
  range('100.64.0.0/10', 'private'), // RFC 6598, carrier-grade NAT
  range('::/128', 'unspecified'), // RFC 4291 §2.5.2
  range('::1/128', 'loopback'), // RFC 4291 §2.5.3
  range('fd00:ec2::254/128', 'metadata'), // AWS
  range('fd20:ce::254/128', 'metadata'), // Google Cloud
  range('fe80::/10', 'link-local'), // RFC 4291 §2.5.6
  range('fec0::/10', 'private'), // RFC 3879, deprecated site-local
  range('fc00::/7', 'private'), // RFC 4193, unique local
  range('ff00::/8', 'multicast'), // RFC 4291 §2.7
  range('64:ff9b:1::/48', 'private'), // RFC 8215: NAT64 inside one network; what it embeds is that network's choice
]
const v4Ranges = ranges.filter((row) => row.cidr.family === 4)
const v6Ranges = ranges.filter((row) => row.cidr.family === 6)

function classOfV4(number: number): AddressClass {
  for (const row of v4Ranges) if ((number & row.mask) >>> 0 === row.first) return row.kind
  return 'public'
}

function classOfV6(ip: Ip, [a = 0, b = 0, c = 0, d = 0]: readonly number[]): AddressClass {
  for (const row of v6Ranges) if (cidrContains(row.cidr, ip)) return row.kind
  // RFC 4291 §2.5.5.1, IPv4-compatible (deprecated). `::` and `::1` are above; mapped addresses are IPv4 here already.
  if (a === 0 && b === 0 && c === 0) return classOfV4(d)
  // RFC 2765 §2.1, IPv4-translated ::ffff:0:a.b.c.d.
  if (a === 0 && b === 0 && c === 0xffff0000) return classOfV4(d)
  // RFC 6052 §2.1, the well-known NAT64 prefix 64:ff9b::/96.
  if (a === 0x0064ff9b && b === 0 && c === 0) return classOfV4(d)
  // RFC 3056 §2, 6to4: the IPv4 address follows 2002::/16.
  if (a >>> 16 === 0x2002) return classOfV4((((a & 0xffff) << 16) | (b >>> 16)) >>> 0)
  // RFC 4380 §4, Teredo 2001::/32: the server in clear, the client with all its bits inverted.
  if (a === 0x20010000) return stricter(classOfV4(b), classOfV4(~d >>> 0))
  return 'public'
}

function stricter(a: AddressClass, b: AddressClass): AddressClass {
  if (isNeverReached(a)) return a
  return b === 'public' ? a : b
}

function range(text: string, kind: AddressClass): Range {
  const cidr = parseCidr(text)
  if (!cidr) throw new TypeError(`not a range: ${text}`)
  const mask = cidr.bits === 0 ? 0 : (-1 << (32 - cidr.bits)) >>> 0
  return { cidr, kind, first: cidr.family === 4 ? (wordsOf(cidr.ip)[0] ?? 0) : 0, mask }
}
