// Parses and prints IP addresses strictly, in one canonical text form that can be compared with `===`.

/** Canonical text: dotted quad without leading zeros, or RFC 5952; an IPv4-mapped IPv6 address is its IPv4 form. */
export type Ip = string & { readonly __brand: 'Ip' }

/** Takes only the one spelling of RFC 6943 §3.1.1 ("strict") for IPv4 and RFC 4291 §2.2 without a zone for IPv6. */
export function parseIp(text: string): Ip | undefined {
  if (text.length > 45 || text.length < 2) return undefined
  if (!text.includes(':')) {
    // Strict text is canonical already: no leading zero, no short form, decimal only.
    return parseIPv4Number(text) === undefined ? undefined : brand(text)
  }
  const groups = parseGroups(text)
  return groups && ipFromGroups(groups)
}

export function familyOf(ip: Ip): 4 | 6 {
  return ip.includes(':') ? 6 : 4
}

/** 4 or 16 bytes in network order. */
export function bytesOf(ip: Ip): Uint8Array {
  const bytes: number[] = []
  for (const word of wordsOf(ip)) bytes.push(word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255)
  return Uint8Array.from(bytes)
}

/** The inverse of `bytesOf`; 16 bytes of an IPv4-mapped address give the IPv4 form. Throws on any other length. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return brand(bytes.join('.'))
  if (bytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  return ipFromGroups(Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2)))
}

/** The address as 32-bit unsigned words: one for IPv4, four for IPv6. */
export function wordsOf(ip: Ip): number[] {
  const number = parseIPv4Number(ip)
  if (number !== undefined) return [number]
  const groups = parseGroups(ip)
  if (groups === undefined) throw new TypeError(`not an IP address: ${JSON.stringify(ip)}`)
  const word = (index: number): number => (((groups[index] ?? 0) << 16) | (groups[index + 1] ?? 0)) >>> 0
  return [word(0), word(2), word(4), word(6)]
}

/** The inverse of `wordsOf`. */
export function ipFromWords(words: readonly number[]): Ip {
  const [first = 0] = words
  if (words.length === 1) return brand(`${first >>> 24}.${(first >>> 16) & 255}.${(first >>> 8) & 255}.${first & 255}`)
  return ipFromGroups(words.flatMap((word) => [word >>> 16, word & 0xffff]))
}

/** Orders by family (IPv4 first), then by number. */
export function compareIp(a: Ip, b: Ip): number {
  const left = wordsOf(a)
  const right = wordsOf(b)
  if (left.length !== right.length) return left.length - right.length
  for (const [index, word] of left.entries()) {
    const difference = word - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function brand(canonical: string): Ip {
  return canonical as Ip
}

const ZERO = 48
const DOT = 46

/** Exactly four decimal numbers of 0–255 without leading zeros; inet_aton's octal, hexadecimal and short forms are refused. */
function parseIPv4Number(text: string): number | undefined {
  if (text.length < 7 || text.length > 15) return undefined
  let result = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === DOT) {
      if (digits === 0 || dots === 3) return undefined
      result = result * 256 + octet
      octet = 0
      digits = 0
      dots++
      continue
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return undefined
  }
  return dots === 3 && digits > 0 ? result * 256 + octet : undefined
}

const COLON = 58

/**
 * Eight 16-bit groups of RFC 4291 §2.2 text: `::` at most once and for at least one group, an IPv4 tail allowed, no zone (RFC 4007).
 * One pass without splitting, because it also runs for every look-up of an IPv6 address.
 */
function parseGroups(text: string): number[] | undefined {
  const groups: number[] = []
  /** How many groups stand before the `::`. */
  let gap = -1
  let at = 0
  while (at < text.length) {
    if (text.charCodeAt(at) === COLON) {
      // Two colons here; a single one is legal only behind a group, where it is skipped below.
      if (text.charCodeAt(at + 1) !== COLON || gap >= 0) return undefined
      gap = groups.length
      at += 2
      continue
    }
    const end = endOfGroup(text, at)
    if (end < text.length && text.charCodeAt(end) === DOT) {
      const number = parseIPv4Number(text.slice(at))
      if (number === undefined) return undefined
      groups.push(number >>> 16, number & 0xffff)
      break
    }
    const length = end - at
    if (length === 0 || length > 4 || groups.length === 8) return undefined
    groups.push(Number.parseInt(text.slice(at, end), 16))
    if (end === text.length) break
    if (text.charCodeAt(end) !== COLON || end + 1 === text.length) return undefined
    // The first colon of a `::` stays, so that it is seen as one.
    at = text.charCodeAt(end + 1) === COLON ? end : end + 1
  }
  return gap < 0 ? exactly(groups) : withGap(groups, gap)
}

function exactly(groups: number[]): number[] | undefined {
  return groups.length === 8 ? groups : undefined
}

function withGap(groups: readonly number[], gap: number): number[] | undefined {
  const missing = 8 - groups.length
  return missing < 1 ? undefined : [...groups.slice(0, gap), ...zeros.slice(0, missing), ...groups.slice(gap)]
}

const zeros: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0]

function endOfGroup(text: string, from: number): number {
  let at = from
  while (at < text.length && isHexDigit(text.charCodeAt(at))) at++
  return at
}

function isHexDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)
}

function ipFromGroups(groups: readonly number[]): Ip {
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
  if (isMapped) return ipFromWords([(((groups[6] ?? 0) << 16) | (groups[7] ?? 0)) >>> 0])
  return brand(formatGroups(groups))
}

/** RFC 5952 §4: lower case, no leading zeros, `::` for the first longest run of two or more zero groups. */
function formatGroups(groups: readonly number[]): string {
  let start = 0
  let length = 1
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && groups[to] === 0) to++
    if (to - from > length) [start, length] = [from, to - from]
    if (to > from) from = to
  }
  const text = groups.map((group) => group.toString(16))
  if (length < 2) return text.join(':')
  return `${text.slice(0, start).join(':')}::${text.slice(start + length).join(':')}`
}
