// Holds what workloads see on the wire, over real sockets, with a real DNS server behind.
import dgram from 'node:dgram'
import net from 'node:net'
import { decode, encode, streamEncode } from 'dns-packet'
import type { DecodedPacket, Packet, RecordType } from 'dns-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { startNameServer } from '../support/name-server.ts'
import type { NameAnswer } from '../support/name-server.ts'
import { bindPortPair } from '../support/port-pair.ts'
import { parseIp, Watchable } from '../../src/base/index.ts'
import type { Runtime } from '../../src/runtime/index.ts'
import { createNameSource, createRefusalAddresses, serveDns } from '../../src/dns/index.ts'
import type { DnsService, DnsServiceOptions, RefusedQuery } from '../../src/dns/index.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

const many = Array.from({ length: 60 }, (_, index) => `203.0.113.${index + 1}`)
const table: Record<string, NameAnswer> = {
  'resolved.test': ['203.0.113.9', '2001:db8::9'],
  'lying.test': ['127.0.0.1', '169.254.169.254', '240.240.0.1', '203.0.113.9', '10.0.0.5'],
  'many.test': { addresses: many, ttl: 60 },
  'silent.test': { silent: true },
  'late.test': { addresses: ['203.0.113.7'], delayMs: 150 },
}

const runtime: Runtime = {
  version: 1,
  strict: true,
  outboundPolicy: 'REGISTRY_ONLY',
  knowsNames: true,
  boundListeners: [],
  declaredName: (name) => (table[name] ? { host: name, addresses: [] } : undefined),
  nameOfAddress: () => undefined,
  placed: (ref) => ref,
}

interface Setting {
  readonly port: number
  readonly service: DnsService
  readonly refused: RefusedQuery[]
}

async function setUp(changes: Partial<DnsServiceOptions> = {}): Promise<Setting> {
  const server = await startNameServer(table)
  const names = createNameSource({ server: server.server, hostsFile: '/nonexistent', limits: { tryMs: 100, tries: 1 } })
  const { udp, tcp, port } = await bindPortPair('127.0.0.1', 0, { allowHalfOpen: true })
  const refused: RefusedQuery[] = []
  const service = serveDns({
    udp: [udp],
    tcp: [tcp],
    runtime: new Watchable<Runtime | undefined>(runtime),
    names,
    refusals: createRefusalAddresses(),
    onRefused: (each) => refused.push(each),
    ...changes,
  })
  opened.push(server, names, service)
  return { port, service, refused }
}

/** Sends packets from one socket and gives what comes back, in order of arrival. */
async function exchange(port: number, packets: readonly Uint8Array[], expected = packets.length, waitMs = 2000): Promise<Buffer[]> {
  const client = dgram.createSocket('udp4')
  const replies: Buffer[] = []
  await new Promise<void>((resolve) => {
    const limit = setTimeout(resolve, waitMs)
    client.on('message', (reply) => {
      if (replies.push(reply) < expected) return
      clearTimeout(limit)
      resolve()
    })
    for (const packet of packets) client.send(packet, port, '127.0.0.1')
  })
  client.close()
  return replies
}

function question(type: string, name: string, extra: Packet = {}): Buffer {
  return encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: type as RecordType, name }], ...extra })
}

const edns = (udpPayloadSize: number, ednsVersion = 0): Packet => ({
  additionals: [{ type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] }],
})

async function ask(port: number, type: string, name: string, extra: Packet = {}): Promise<DecodedPacket & { rcode: string }> {
  const [reply] = await exchange(port, [question(type, name, extra)])
  if (reply === undefined) return expect.fail('no reply')
  return Object.assign(decode(reply), { rcode: rcodeOf(reply) })
}

function rcodeOf(reply: Buffer): string {
  return ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'][reply.readUInt16BE(2) & 0xf] ?? '?'
}

const dataOf = (packet: Packet): unknown[] => (packet.answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined))

describe('over UDP', () => {
  test('a declared name is answered with what it resolves to', async () => {
    const { port } = await setUp()
    const reply = await ask(port, 'A', 'resolved.test')
    expect(reply).toMatchObject({ id: 7, type: 'response', rcode: 'NOERROR', flag_rd: true, flag_ra: true, flag_aa: false, flag_tc: false })
    expect(reply.answers).toMatchObject([{ name: 'resolved.test', type: 'A', ttl: 5, data: '203.0.113.9' }])
    expect(dataOf(await ask(port, 'AAAA', 'resolved.test'))).toEqual(['2001:db8::9'])
  })

  test('what may not be told is left out and counted', async () => {
    const { port, service } = await setUp()
    expect(dataOf(await ask(port, 'A', 'lying.test'))).toEqual(['203.0.113.9', '10.0.0.5'])
    expect(service.counters.stripped).toBe(3)
  })

  test('what its caller judges may not be told either is left out', async () => {
    const { port } = await setUp({ mayTell: (ip) => ip !== parseIp('203.0.113.9') })
    expect(dataOf(await ask(port, 'A', 'resolved.test'))).toEqual([])
  })

  test('under istio everything is told', async () => {
    const { port } = await setUp({ runtime: new Watchable<Runtime | undefined>({ ...runtime, strict: false }) })
    expect(dataOf(await ask(port, 'A', 'lying.test'))).toEqual(table['lying.test'])
  })

  test('an undeclared name is refused by an address, told once, and nobody is asked', async () => {
    const { port, refused, service } = await setUp()
    expect(dataOf(await ask(port, 'A', 'Evil.test'))).toEqual([expect.stringMatching(/^240\.241\./)])
    expect(refused).toEqual([{ name: 'evil.test', type: 'A', as: 'refusal-address' }])
    expect(service.counters).toMatchObject({ queries: 1, asked: 0, refused: 1 })
  })

  test('the spelling of the question comes back as it was', async () => {
    const { port } = await setUp()
    const [reply] = await exchange(port, [question('A', 'ReSoLvEd.TeSt')])
    expect(reply?.subarray(12, 31)).toEqual(question('A', 'ReSoLvEd.TeSt').subarray(12, 31))
    expect(decode(reply ?? Buffer.alloc(0)).answers).toMatchObject([{ name: 'ReSoLvEd.TeSt' }])
  })

  test('HTTPS records are empty', async () => {
    const { port } = await setUp()
    expect(await ask(port, 'UNKNOWN_65', 'resolved.test')).toMatchObject({ rcode: 'NOERROR', answers: [] })
  })

  test('a resolver that says nothing is a failure, in time', async () => {
    const { port } = await setUp()
    expect(await ask(port, 'A', 'silent.test')).toMatchObject({ rcode: 'SERVFAIL', answers: [] })
  })

  test('what does not fit into 512 bytes is cut at a whole record', async () => {
    const { port } = await setUp()
    const reply = await ask(port, 'A', 'many.test')
    expect(reply).toMatchObject({ flag_tc: true, rcode: 'NOERROR' })
    expect(dataOf(reply)).toEqual(many.slice(0, 30))
  })

  test('a larger size is used when the client offers it, and EDNS is answered', async () => {
    const { port } = await setUp()
    const reply = await ask(port, 'A', 'many.test', edns(1232))
    expect(reply).toMatchObject({ flag_tc: false, additionals: [{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0 }] })
    expect(dataOf(reply)).toEqual(many)
  })

  test('an EDNS version of the future is told so', async () => {
    const { port } = await setUp()
    expect(await ask(port, 'A', 'resolved.test', edns(1232, 1))).toMatchObject({ additionals: [{ extendedRcode: 1 }], answers: [] })
  })

  test('without a configuration names fail, rather than not exist', async () => {
    const { port } = await setUp({ runtime: new Watchable<Runtime | undefined>(undefined) })
    expect(await ask(port, 'A', 'resolved.test')).toMatchObject({ rcode: 'SERVFAIL' })
  })

  test('a bug in what is told of refusals does not cost the answers', async () => {
    const warned: unknown[] = []
    const listen = (warning: Error): void => void warned.push(warning.message)
    process.on('warning', listen)
    const { port } = await setUp({
      onRefused: () => {
        throw new Error('a bug')
      },
    })
    expect(await ask(port, 'A', 'evil.test')).toMatchObject({ rcode: 'SERVFAIL' })
    expect(dataOf(await ask(port, 'A', 'resolved.test'))).toEqual(['203.0.113.9'])
    await expect.poll(() => warned).toContain('a bug')
    process.off('warning', listen)
  })

  test('more questions at one time than the limit fail at once', async () => {
    const { port, service } = await setUp({ limits: { inFlight: 2 } })
    const packets = [1, 2, 3, 4].map((id) => question('A', 'late.test', { id }))
    const replies = await exchange(port, packets)
    expect(replies.map((reply) => `${reply.readUInt16BE(0)} ${rcodeOf(reply)}`)).toEqual([
      '3 SERVFAIL',
      '4 SERVFAIL',
      '1 NOERROR',
      '2 NOERROR',
    ])
    expect(service.counters.limited).toBe(2)
  })
})

const malformed: Record<string, { readonly packet: () => Buffer; readonly gives: string | undefined }> = {
  'a response is not answered, so that two servers cannot talk for ever': {
    packet: () => encode({ type: 'response', id: 7, questions: [{ type: 'A', name: 'resolved.test' }] }),
    gives: undefined,
  },
  'less than a header is not answered': { packet: () => Buffer.alloc(11), gives: undefined },
  'nothing is not answered': { packet: () => Buffer.alloc(0), gives: undefined },
  'no question is an error of form': { packet: () => Buffer.from('000701000000000000000000', 'hex'), gives: 'FORMERR' },
  'two questions are': {
    packet: () => encode({ id: 7, questions: [1, 2].map(() => ({ type: 'A' as const, name: 'resolved.test' })) }),
    gives: 'FORMERR',
  },
  'a question that ends early is': { packet: () => question('A', 'resolved.test').subarray(0, -3), gives: 'FORMERR' },
  'a name that points at itself is': {
    packet: () => Buffer.concat([Buffer.from('000701000001000000000000', 'hex'), Buffer.from('c00c00010001', 'hex')]),
    gives: 'FORMERR',
  },
  'a name of more than 255 bytes is': { packet: () => question('A', Array(9).fill('a'.repeat(40)).join('.')), gives: 'FORMERR' },
  'two EDNS records are': {
    packet: () => question('A', 'resolved.test', { additionals: [1, 2].flatMap(() => edns(512).additionals ?? []) }),
    gives: 'FORMERR',
  },
  'a hundred records behind the question are': {
    packet: () =>
      question('A', 'resolved.test', { additionals: Array.from({ length: 100 }, () => ({ type: 'A', name: 'a', data: '1.1.1.1' })) }),
    gives: 'FORMERR',
  },
  'another operation is not carried out': { packet: () => question('A', 'resolved.test', { flags: 0x2800 }), gives: 'NOTIMP' },
  'a name with a dot inside a label is not the name that it looks like': {
    packet: () => Buffer.concat([Buffer.from('000701000001000000000000', 'hex'), Buffer.from('\x0dresolved.test\0\0\x01\0\x01', 'latin1')]),
    gives: 'NXDOMAIN',
  },
}

describe('of malformed packets', () => {
  for (const [sentence, { packet, gives }] of Object.entries(malformed)) {
    test(sentence, async () => {
      const { port } = await setUp()
      const [first] = await exchange(port, [packet(), question('A', 'resolved.test', { id: 9 })], gives === undefined ? 1 : 2)
      expect(first && `${first.readUInt16BE(0)} ${rcodeOf(first)}`).toBe(gives === undefined ? '9 NOERROR' : `7 ${gives}`)
    })
  }
})

/** Writes the chunks to a TCP connection, a turn apart, and gives all that comes back until the other side ends or `count` replies are in. */
async function converse(port: number, chunks: readonly Uint8Array[], count: number, half = false): Promise<DecodedPacket[]> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true)
  const replies: DecodedPacket[] = []
  let unread: Buffer = Buffer.alloc(0)
  const over = new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk])
      while (unread.length >= 2 && unread.length >= unread.readUInt16BE(0) + 2) {
        replies.push(decode(unread.subarray(2)))
        unread = unread.subarray(unread.readUInt16BE(0) + 2)
      }
      if (replies.length === count) resolve()
    })
  })
  for (const chunk of chunks) {
    socket.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (half) socket.end()
  await over
  socket.destroy()
  return replies
}

const streamed = (name: string, id: number): Buffer => streamEncode({ type: 'query', id, flags: 0x100, questions: [{ type: 'A', name }] })

describe('over TCP', () => {
  test('what was cut over UDP is whole', async () => {
    const { port } = await setUp()
    const [reply] = await converse(port, [streamed('many.test', 1)], 1)
    expect(dataOf(reply ?? {})).toEqual(many)
  })

  test('questions may come byte by byte, and several at once; a slow one holds nobody up', async () => {
    const { port } = await setUp()
    const bytes = Buffer.concat([streamed('late.test', 1), streamed('resolved.test', 2), streamed('evil.test', 3)])
    const single = Array.from(bytes.subarray(0, 40), (byte) => Uint8Array.of(byte))
    const replies = await converse(port, [...single, bytes.subarray(40)], 3)
    expect(replies.map((reply) => reply.id).at(-1)).toBe(1)
    expect(replies.map((reply) => reply.id).toSorted((a = 0, b = 0) => a - b)).toEqual([1, 2, 3])
  })

  test('what was asked before the client stopped sending is still answered, then the connection ends', async () => {
    const { port } = await setUp()
    const replies = await converse(port, [streamed('late.test', 1)], 2, true)
    expect(replies.map((reply) => reply.id)).toEqual([1])
  })

  test('more questions at one time than the limit wait their turn', async () => {
    const { port } = await setUp({ limits: { tcpInFlight: 2 } })
    const bytes = Buffer.concat(Array.from({ length: 50 }, (_, id) => streamed('late.test', id)))
    expect(await converse(port, [bytes], 50)).toHaveLength(50)
  })

  test('a message of absurd length ends the connection', async () => {
    const { port } = await setUp()
    expect(await converse(port, [Buffer.from('ffff00', 'hex')], 1)).toEqual([])
  })

  test('a connection that says nothing is ended', async () => {
    const { port } = await setUp({ limits: { tcpIdleMs: 30 } })
    expect(await converse(port, [], 1)).toEqual([])
  })

  test('more connections than the limit are turned away, and the first ones serve on', async () => {
    const { port, service } = await setUp({ limits: { tcpConnections: 1 } })
    const first = net.connect(port, '127.0.0.1')
    await new Promise<void>((resolve) => {
      first.once('data', () => resolve())
      first.write(streamed('resolved.test', 1))
    })
    expect(await converse(port, [streamed('resolved.test', 2)], 1)).toEqual([])
    expect(service.counters.limited).toBe(1)
    first.destroy()
  })
})
