// Reads a DNS question from the wire and writes the reply to it, so that everything between deals in plain values and no packet can harm it.
import { encode } from 'dns-packet'
import type { Answer, OptAnswer } from 'dns-packet'

/** Response codes that are ever sent (RFC 1035 §4.1.1, RFC 6891 for BADVERS). */
export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const
export type Rcode = keyof typeof rcodes

/** One record to answer with; its owner is always the name that was asked. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'; readonly data: string }
  | { readonly type: 'TXT'; readonly data: readonly string[] }
  | { readonly type: 'MX'; readonly data: { readonly preference: number; readonly exchange: string } }
  | {
      readonly type: 'SRV'
      readonly data: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
    }
  | {
      readonly type: 'CAA'
      readonly data: { readonly flags: number; readonly tag: 'issue' | 'issuewild' | 'iodef'; readonly value: string }
    }
  | { readonly type: 'SOA'; readonly data: SoaFields }
  | { readonly type: 'HINFO'; readonly data: { readonly cpu: string; readonly os: string } }

export interface SoaFields {
  readonly mname: string
  readonly rname: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

export interface Question {
  /** Lower case, no trailing dot, '' for the root; bytes that no host name has are written as `\DDD` (RFC 4343 §2.1). */
  readonly name: string
  /** Made of letters, digits, hyphens and underscores only: the one kind of name that is ever looked up. */
  readonly plain: boolean
  /** `A`, `HTTPS`, …, or `TYPE1234` (RFC 3597). */
  readonly type: string
  readonly class: number
}

export interface Query {
  readonly id: number
  readonly question: Question
  /** The question as it came: replies echo it byte for byte, so that mixed case (0x20) survives. */
  readonly rawQuestion: Buffer
  readonly recursionDesired: boolean
  readonly edns: { readonly payloadSize: number; readonly version: number } | undefined
}

export interface Reply {
  readonly rcode: Rcode
  readonly records: readonly DnsRecord[]
  /** Seconds, for every record. */
  readonly ttl: number
  readonly authoritative: boolean
}

/** `drop`: not even an error is owed (a response, or too short to name). */
export type ReadResult =
  | { readonly kind: 'drop' }
  | { readonly kind: 'error'; readonly reply: Buffer }
  | { readonly kind: 'query'; readonly query: Query }

const headerLength = 12
const smallestUdp = 512
// What we say we take, and the most we send in one datagram (RFC 9715 asks for no more than this on real networks; loopback has no less).
const ourPayloadSize = 1232
const largestUdp = 4096
const mostAdditional = 16
const typeOpt = 41
/** Type, class, TTL and length, which follow the name of a record (RFC 1035 §4.1.3). */
const recordFields = 10
const flags = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 }

const typeNames: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  64: 'SVCB',
  65: 'HTTPS',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
  257: 'CAA',
}

export function readQuery(packet: Buffer): ReadResult {
  if (packet.length < headerLength || (packet.readUInt16BE(2) & flags.response) !== 0) return { kind: 'drop' }
  if (((packet.readUInt16BE(2) >> 11) & 0xf) !== 0) return { kind: 'error', reply: bareError(packet, 'NOTIMP') }
  const body = packet.readUInt16BE(4) === 1 ? readQuestion(packet) : undefined
  const edns = body === undefined ? 'malformed' : readEdns(packet, headerLength + body.rawQuestion.length)
  if (body === undefined || edns === 'malformed') return { kind: 'error', reply: bareError(packet, 'FORMERR') }
  const recursionDesired = (packet.readUInt16BE(2) & flags.recursionDesired) !== 0
  return { kind: 'query', query: { id: packet.readUInt16BE(0), recursionDesired, edns, ...body } }
}

/** `largest`: the most bytes that fit, or the query's own limit for UDP. Records that do not fit are left out and TC is set. */
export function writeReply(query: Query, reply: Reply, transport: 'udp' | 'tcp'): Buffer {
  const largest = transport === 'tcp' ? 0xffff : udpLimit(query)
  const opt = query.edns === undefined ? Buffer.alloc(0) : encodeOpt(rcodes[reply.rcode] >> 4)
  const kept: Buffer[] = []
  let length = headerLength + query.rawQuestion.length + opt.length
  for (const record of reply.records) {
    const bytes = encodeRecord(record, reply.ttl)
    if (length + bytes.length > largest) break
    kept.push(bytes)
    length += bytes.length
  }
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(query.id, 0)
  header.writeUInt16BE(replyFlags(query, reply, kept.length < reply.records.length), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(kept.length, 6)
  header.writeUInt16BE(opt.length > 0 ? 1 : 0, 10)
  return Buffer.concat([header, query.rawQuestion, ...kept, opt])
}

function replyFlags(query: Query, reply: Reply, truncated: boolean): number {
  return (
    flags.response |
    flags.recursionAvailable |
    (query.recursionDesired ? flags.recursionDesired : 0) |
    (reply.authoritative ? flags.authoritative : 0) |
    (truncated ? flags.truncated : 0) |
    (rcodes[reply.rcode] & 0xf)
  )
}

function udpLimit(query: Query): number {
  return Math.min(largestUdp, Math.max(smallestUdp, query.edns?.payloadSize ?? 0))
}

/** The record alone, its owner written as a pointer to the question. */
function encodeRecord(record: DnsRecord, ttl: number): Buffer {
  const rooted = { ...record, data: Array.isArray(record.data) ? [...record.data] : record.data, name: '.', ttl, class: 'IN' }
  const bytes = encode({ answers: [rooted as Answer] })
  return Buffer.concat([Buffer.from([0xc0, headerLength]), bytes.subarray(headerLength + 1)])
}

function encodeOpt(extendedRcode: number): Buffer {
  const opt: OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: ourPayloadSize,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
  return encode({ additionals: [opt] }).subarray(headerLength)
}

function bareError(packet: Buffer, rcode: Rcode): Buffer {
  const reply = Buffer.alloc(headerLength)
  reply.writeUInt16BE(packet.readUInt16BE(0), 0)
  reply.writeUInt16BE(flags.response | (packet.readUInt16BE(2) & (0x7800 | flags.recursionDesired)) | rcodes[rcode], 2)
  return reply
}

function readQuestion(packet: Buffer): { readonly question: Question; readonly rawQuestion: Buffer } | undefined {
  const labels: string[] = []
  let at = headerLength
  for (;;) {
    const length = packet[at]
    // A first name has nothing before it that a compression pointer could mean (RFC 1035 §4.1.4).
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) break
    if (at + length > packet.length) return undefined
    labels.push(labelText(packet.subarray(at, at + length)))
    at += length
  }
  if (at - headerLength > 255 || at + 4 > packet.length) return undefined
  const type = packet.readUInt16BE(at)
  const question = {
    name: labels.join('.'),
    plain: labels.length > 0 && labels.every((label) => /^[a-z0-9_-]+$/.test(label)),
    type: typeNames[type] ?? `TYPE${type}`,
    class: packet.readUInt16BE(at + 2),
  }
  return { question, rawQuestion: packet.subarray(headerLength, at + 4) }
}

/** A dot inside a label must not look like the border of two. */
function labelText(label: Buffer): string {
  let text = ''
  for (const byte of label) {
    const character = String.fromCharCode(byte).toLowerCase()
    text += /[a-z0-9_-]/.test(character) && byte < 0x80 ? character : `\\${String(byte).padStart(3, '0')}`
  }
  return text
}

/** Strict: a record that is cut short is not read with what follows it, nor with less than it says. */
function readEdns(packet: Buffer, from: number): Query['edns'] | 'malformed' {
  const count = packet.readUInt16BE(10)
  if (packet.readUInt16BE(6) + packet.readUInt16BE(8) > 0 || count > mostAdditional) return 'malformed'
  let edns: Query['edns']
  let at = from
  for (let index = 0; index < count; index++) {
    const fields = skipName(packet, at)
    if (fields === undefined || fields + recordFields > packet.length) return 'malformed'
    if (packet.readUInt16BE(fields) === typeOpt) {
      // RFC 6891 §6.1.1 and §6.1.2: one, owned by the root.
      if (edns !== undefined || packet[at] !== 0) return 'malformed'
      edns = { payloadSize: packet.readUInt16BE(fields + 2), version: packet.readUInt8(fields + 5) }
    }
    at = fields + recordFields + packet.readUInt16BE(fields + recordFields - 2)
    if (at > packet.length) return 'malformed'
  }
  return edns
}

/** Where an owner's name ends; where a pointer in it leads is of no interest here. */
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
