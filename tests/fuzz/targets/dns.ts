// Fuzzes the reading of DNS queries and the writing of replies, against a plain reading and another codec.
import { decode } from 'dns-packet'
import { type DnsRecord, type Query, readQuery, writeReply } from '../../../src/dns/wire.ts'
import type { Random } from '../random.ts'
import { readPlainEdns, readPlainQuery } from '../reference/dns.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'

export const dnsTarget: FuzzTarget = {
  name: 'dns',
  dictionary: 'dns',
  run,
}

function run(packet: Buffer, random: Random): string {
  const result = readQuery(packet)
  const plain = readPlainQuery(packet)
  if (result.kind === 'drop') {
    holdSame(plain, 'drop', 'a dropped packet')
    return 'drop'
  }
  if (result.kind === 'error') return refused(packet, result.reply)
  if (typeof plain === 'string') return hold(false, `a query is taken that is ${plain}`) ?? ''
  const { query } = result
  holdSame(query.rawQuestion.toString('latin1'), packet.toString('latin1', 12, plain.end), 'the question')
  holdSame([query.id, query.question.class], [packet.readUInt16BE(0), plain.class], 'identifier and class')
  const { question } = query
  hold(/^[a-z0-9_.\\-]*$/.test(question.name), 'a name holds what no host name has')
  const isPlain = plain.labels.length > 0 && plain.labels.every((label) => /^[A-Za-z0-9_-]+$/.test(label.toString('latin1')))
  holdSame(question.plain, isPlain, 'whether the name is plain')
  if (isPlain) holdSame(question.name, plain.labels.map((label) => label.toString('latin1').toLowerCase()).join('.'), 'the name')
  holdSame(borders(question.name), Math.max(0, plain.labels.length - 1), 'the number of labels')
  const edns = readPlainEdns(packet, plain.end)
  holdSame(query.edns, edns === 'none' ? undefined : edns, 'EDNS')
  return `query ${question.type.startsWith('TYPE') ? 'other' : question.type} ${question.plain} ${query.edns === undefined} ${replied(query, random)}`
}

function borders(name: string): number {
  return name.split('.').length - 1
}

function refused(packet: Buffer, reply: Buffer): string {
  const plain = readPlainQuery(packet)
  hold(plain !== 'drop', 'a packet is answered that should be dropped')
  const isOrdinary = typeof plain !== 'string' && packet.readUInt16BE(10) === 0
  hold(!isOrdinary, 'an ordinary query is refused')
  holdSame([reply.length, reply.readUInt16BE(0), reply.readUInt16BE(2) >> 15], [12, packet.readUInt16BE(0), 1], 'the error')
  const rcode = reply.readUInt16BE(2) & 15
  holdSame(rcode, plain === 'not implemented' ? 4 : 1, 'its code')
  return `error ${rcode} ${String(typeof plain === 'string' ? plain : 'edns')}`
}

const samples: readonly DnsRecord[] = [
  { type: 'A', data: '192.0.2.1' },
  { type: 'AAAA', data: '2001:db8::1' },
  { type: 'CNAME', data: 'target.example' },
  { type: 'TXT', data: ['a', 'b'.repeat(255)] },
  { type: 'MX', data: { preference: 10, exchange: 'mx.example' } },
  { type: 'SRV', data: { priority: 1, weight: 2, port: 443, target: 'srv.example' } },
]

/** The reply fits, can be read by another codec, and says what it should. */
function replied(query: Query, random: Random): string {
  const transport = random.oneIn(2) ? 'udp' : 'tcp'
  const records = Array.from({ length: random.below(4) === 0 ? random.below(200) : random.below(3) }, () => random.pick(samples))
  const reply = writeReply(
    query,
    { rcode: random.pick(['NOERROR', 'NXDOMAIN', 'BADVERS'] as const), records, ttl: 60, authoritative: true },
    transport,
  )
  const limit = transport === 'tcp' ? 65_535 : Math.min(4096, Math.max(512, query.edns?.payloadSize ?? 0))
  hold(reply.length <= limit, 'a reply is longer than it may be')
  const read = decode(reply)
  holdSame([read.id, read.type, read.questions?.length], [query.id, 'response', 1], 'what is written')
  holdSame(
    reply.toString('latin1', 12, 12 + query.rawQuestion.length),
    query.rawQuestion.toString('latin1'),
    'the question that is written',
  )
  const answers = read.answers ?? []
  holdSame(
    answers.map((answer) => answer.type),
    records.slice(0, answers.length).map((record) => record.type),
    'the records',
  )
  const isCut = answers.length < records.length
  holdSame((reply.readUInt16BE(2) & 0x0200) !== 0, isCut, 'whether it says that it is cut')
  return isCut ? 'cut' : 'whole'
}
