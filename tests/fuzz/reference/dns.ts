// Reads a DNS query in the plainest way (RFC 1035 §4.1, RFC 6891 §6.1): what the reader of packets is held to.
export interface PlainQuery {
  readonly labels: readonly Buffer[]
  readonly type: number
  readonly class: number
  /** Where the question ends. */
  readonly end: number
}

export type PlainResult = 'drop' | 'not implemented' | 'malformed' | PlainQuery

export function readPlainQuery(packet: Buffer): PlainResult {
  if (packet.length < 12 || packet.readUInt16BE(2) >= 0x8000) return 'drop'
  if (((packet.readUInt16BE(2) >> 11) & 15) !== 0) return 'not implemented'
  if (packet.readUInt16BE(4) !== 1 || packet.readUInt16BE(6) !== 0 || packet.readUInt16BE(8) !== 0) return 'malformed'
  const labels: Buffer[] = []
  let at = 12
  for (;;) {
    const length = packet[at]
    if (length === undefined || length > 63 || at + 1 + length > packet.length) return 'malformed'
    at += 1 + length
    if (length === 0) break
    labels.push(packet.subarray(at - length, at))
  }
  if (at - 12 > 255 || at + 4 > packet.length) return 'malformed'
  return { labels, type: packet.readUInt16BE(at), class: packet.readUInt16BE(at + 2), end: at + 4 }
}

export type PlainEdns = { readonly payloadSize: number; readonly version: number } | 'none' | 'malformed'

/** The one OPT among the additional records of a query. */
export function readPlainEdns(packet: Buffer, from: number): PlainEdns {
  let found: PlainEdns = 'none'
  let at = from
  for (let count = packet.readUInt16BE(10); count > 0; count--) {
    const nameEnd = skipName(packet, at)
    if (nameEnd === undefined || nameEnd + 10 > packet.length) return 'malformed'
    const length = packet.readUInt16BE(nameEnd + 8)
    if (nameEnd + 10 + length > packet.length) return 'malformed'
    if (packet.readUInt16BE(nameEnd) === 41) {
      if (found !== 'none' || packet[at] !== 0) return 'malformed'
      found = { payloadSize: packet.readUInt16BE(nameEnd + 2), version: packet[nameEnd + 5] ?? 0 }
    }
    at = nameEnd + 10 + length
  }
  return found
}

/** Where a name ends that may end in a pointer; where it points is not looked at. */
function skipName(packet: Buffer, from: number): number | undefined {
  let at = from
  for (;;) {
    const length = packet[at]
    if (length === undefined) return undefined
    if (length >= 0xc0) return at + 2
    if (length > 63) return undefined
    at += 1 + length
    if (length === 0) return at
  }
}
