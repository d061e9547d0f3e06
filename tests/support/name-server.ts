// A small DNS server over UDP and TCP whose answers are a table, and which can be late, silent, failing or lying on request.
import net from 'node:net'
import { decode, encode } from 'dns-packet'
import type { Answer, DecodedPacket } from 'dns-packet'
import { bindPortPair } from './port-pair.ts'

/** Addresses of both families, or how the server misbehaves for the name. */
export type NameAnswer = readonly string[] | NameEntry

export interface NameEntry {
  readonly addresses?: readonly string[]
  /** Records of other types, owner included. */
  readonly records?: readonly Answer[]
  readonly ttl?: number
  readonly delayMs?: number
  /** No answer at all; `AAAA` for questions of that type only. */
  readonly silent?: boolean | 'AAAA'
  readonly fails?: 'SERVFAIL' | 'REFUSED'
}

export interface NameServer {
  /** `ADDR:PORT` */
  readonly server: string
  /** Questions so far, as `TYPE name`, the name as it was spelled. */
  readonly asked: readonly string[]
  set(name: string, answer: NameAnswer | undefined): void
  close(): Promise<void>
}

const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 }
const smallestUdp = 512
const recursionAvailable = 0x80
const truncated = 0x200

/** Names are looked up in lower case: the name itself, then `*` and what follows its first dot, and so on. */
export async function startNameServer(
  names: Readonly<Record<string, NameAnswer>>,
  options: { readonly address?: string; readonly port?: number; readonly onQuestion?: (question: string, peer: string) => void } = {},
): Promise<NameServer> {
  const table = new Map(Object.entries(names))
  const asked: string[] = []
  const address = options.address ?? '127.0.0.1'

  function respond(packet: Buffer, peer: string, transport: 'udp' | 'tcp', send: (reply: Buffer) => void): void {
    const query = decode(packet)
    const question = query.questions?.[0]
    if (question === undefined) return
    const text = `${question.type} ${question.name}`
    asked.push(text)
    options.onQuestion?.(text, peer)
    const entry = entryOf(table, question.name.toLowerCase())
    if (entry?.silent === true || entry?.silent === question.type) return
    const reply = replyTo(query, entry, transport)
    if (entry?.delayMs === undefined) send(reply)
    else setTimeout(() => send(reply), entry.delayMs)
  }

  const { udp, tcp, port } = await bindPortPair(address, options.port ?? 0)
  udp.on('message', (packet, peer) => respond(packet, peer.address, 'udp', (reply) => udp.send(reply, peer.port, peer.address)))
  const sockets = new Set<net.Socket>()
  tcp.on('connection', (socket) => {
    sockets.add(socket)
    serveStream(socket, (packet, send) => respond(packet, socket.remoteAddress ?? '', 'tcp', send))
    socket.on('close', () => sockets.delete(socket))
  })

  return {
    server: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    asked,
    set: (name, answer) => void (answer === undefined ? table.delete(name) : table.set(name, answer)),
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([new Promise((done) => udp.close(() => done(null))), new Promise((done) => tcp.close(done))])
    },
  }
}

function entryOf(table: ReadonlyMap<string, NameAnswer>, name: string): NameEntry | undefined {
  let found = table.get(name)
  for (let rest = name; found === undefined && rest.includes('.'); ) {
    rest = rest.slice(rest.indexOf('.') + 1)
    found = table.get(`*.${rest}`)
  }
  return found !== undefined && isAddresses(found) ? { addresses: found } : found
}

function isAddresses(answer: NameAnswer): answer is readonly string[] {
  return Array.isArray(answer)
}

function replyTo(query: DecodedPacket, entry: NameEntry | undefined, transport: 'udp' | 'tcp'): Buffer {
  const question = query.questions?.[0]
  const rcode = entry === undefined ? rcodes.NXDOMAIN : rcodes[entry.fails ?? 'NOERROR']
  const answers = rcode === rcodes.NOERROR && question !== undefined ? answersTo(question.type, question.name, entry) : []
  const flags = recursionAvailable | (query.flag_rd ? 0x100 : 0) | rcode
  const head = { type: 'response' as const, id: query.id ?? 0, questions: query.questions ?? [] }
  const whole = encode({ ...head, flags, answers })
  const limit = query.additionals?.find((record) => record.type === 'OPT')?.udpPayloadSize ?? smallestUdp
  return transport === 'tcp' || whole.length <= limit ? whole : encode({ ...head, flags: flags | truncated, answers: [] })
}

function answersTo(type: string, name: string, entry: NameEntry | undefined): Answer[] {
  const family = type === 'A' ? 4 : type === 'AAAA' ? 6 : 0
  const addresses = (entry?.addresses ?? []).filter((address) => net.isIP(address) === family)
  const ttl = entry?.ttl ?? 5
  const direct = addresses.map((data): Answer => ({ type: family === 4 ? 'A' : 'AAAA', name, ttl, data }))
  return [...direct, ...(entry?.records ?? []).filter((record) => record.type === type)]
}

function serveStream(socket: net.Socket, respond: (packet: Buffer, send: (reply: Buffer) => void) => void): void {
  let unread = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
      const end = 2 + unread.readUInt16BE(0)
      respond(unread.subarray(2, end), (reply) => {
        const prefix = Buffer.alloc(2)
        prefix.writeUInt16BE(reply.length)
        if (!socket.destroyed) socket.write(Buffer.concat([prefix, reply]))
      })
      unread = unread.subarray(end)
    }
  })
}
