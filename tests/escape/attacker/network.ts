// The attacker's ordinary ways to a network: connections, datagrams and whatever a socket can be told to be.
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import tls from 'node:tls'
import http2 from 'node:http2'
import { bytesOf, parseIp } from '../../../src/base/index.ts'
import { call, families, interfaceIndex, nameOf, socketAddress } from '../libc.ts'
import type { Context } from './context.ts'

const answerMs = 400
const connectMs = 1500

export interface TcpAttack {
  /** `HOST:PORT`; `%*` as a zone stands for every interface. */
  readonly to: string
  /** Written one after the other, each when something was answered to the one before. */
  readonly send?: readonly string[]
  /** A TLS handshake with this server name comes first. */
  readonly tls?: string
  readonly alpn?: string
  /** Where the connection starts from, `ADDR:PORT`. */
  readonly from?: string
}

export async function tcp({ to, send, ...how }: TcpAttack, context: Context): Promise<string> {
  const said = await Promise.all(everyZone(to).map((target) => tcpTo(target, send ?? [context.token], how)))
  return said.join('; ')
}

async function tcpTo(to: string, send: readonly string[], how: Pick<TcpAttack, 'tls' | 'alpn' | 'from'>): Promise<string> {
  const { host, port } = splitTarget(to)
  const local = how.from === undefined ? undefined : splitTarget(how.from)
  const socket = net.connect({ host, port, ...(local === undefined ? {} : { localAddress: local.host, localPort: local.port }) })
  // Whoever is reset while he talks has had his answer.
  socket.on('error', () => undefined)
  socket.setTimeout(connectMs, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    const stream = how.tls === undefined ? socket : await secure(socket, how.tls, how.alpn ?? 'http/1.1')
    const received = await converse(stream, send)
    return `${to}: connected${received === '' ? '' : `, was told ${JSON.stringify(received.slice(0, 60))}`}`
  } catch (error) {
    return `${to}: ${codeOf(error)}`
  } finally {
    socket.destroy()
  }
}

async function secure(socket: net.Socket, serverName: string, protocol: string): Promise<tls.TLSSocket> {
  const stream = tls.connect({ socket, servername: serverName, rejectUnauthorized: false, ALPNProtocols: [protocol] })
  stream.on('error', () => undefined)
  await once(stream, 'secureConnect')
  return stream
}

async function converse(stream: net.Socket, send: readonly string[]): Promise<string> {
  let received = ''
  stream.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  for (const text of send) {
    const before = received.length
    stream.write(bytesOfText(text))
    await waitFor(() => received.length > before || stream.destroyed || stream.readableEnded, answerMs)
    if (stream.destroyed) break
  }
  return received
}

/** HTTP/2 without TLS and without an upgrade, as gRPC clients speak it. */
export async function h2({
  to,
  authority,
  host,
}: {
  readonly to: string
  readonly authority: string
  readonly host?: string
}): Promise<string> {
  const session = http2.connect(`http://${to}`)
  session.on('error', () => undefined)
  try {
    const request = session.request({ ':authority': authority, ':path': '/', ...(host === undefined ? {} : { host }) })
    request.on('error', () => undefined)
    request.end()
    const [headers] = await once(request, 'response', { signal: AbortSignal.timeout(connectMs) })
    return `answered ${headers[':status']}`
  } catch (error) {
    return codeOf(error)
  } finally {
    session.destroy()
  }
}

export interface UdpAttack {
  readonly to: string
  /** Text, or hexadecimal after `hex:`. */
  readonly data?: string
  readonly broadcast?: boolean
  /** Joins the group that it sends to, on every interface. */
  readonly multicast?: boolean
}

export async function udp({ to, data, broadcast, multicast }: UdpAttack, context: Context): Promise<string> {
  const said = await Promise.all(everyZone(to).map((target) => udpTo(target, bytesOfText(data ?? context.token), { broadcast, multicast })))
  return said.join('; ')
}

async function udpTo(to: string, data: Buffer, how: { broadcast: boolean | undefined; multicast: boolean | undefined }): Promise<string> {
  const { host, port } = splitTarget(to)
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.on('error', () => undefined)
  let answer = ''
  socket.on('message', (message) => {
    answer = `, was told ${message.length} bytes`
  })
  try {
    socket.bind()
    await once(socket, 'listening')
    if (how.broadcast) socket.setBroadcast(true)
    if (how.multicast) socket.setMulticastTTL(1)
    await new Promise<void>((resolve, reject) => socket.send(data, port, host, (error) => (error ? reject(error) : resolve())))
    await waitFor(() => answer !== '', answerMs / 2)
    return `${to}: sent${answer}`
  } catch (error) {
    return `${to}: ${codeOf(error)}`
  } finally {
    socket.close()
  }
}

export interface SocketAttack {
  readonly family: 'inet' | 'inet6' | 'smc'
  readonly type: 'stream' | 'datagram' | 'raw'
  readonly protocol?: number
  readonly to: string
  readonly data?: string
  readonly options?: readonly SocketOption[]
  /** Data in the very first packet of a connection (TCP Fast Open). */
  readonly fastOpen?: boolean
}

export interface SocketOption {
  readonly level: number
  readonly name: number
  /** Hexadecimal; `device` stands for every interface in turn. */
  readonly value: string
}

const socketTypes = { stream: 1, datagram: 2, raw: 3 } as const
const [nonBlocking, fastOpenFlag] = [0x800, 0x20000000]

/** A socket of any kind with any options, by system calls. */
export async function socket(attack: SocketAttack, context: Context): Promise<string> {
  const devices = attack.options?.some((option) => option.value === 'device') ? Object.keys(networkInterfaces()) : ['']
  const said = []
  for (const device of devices) said.push(`${device} ${await oneSocket(attack, bytesOfText(attack.data ?? context.token), device)}`.trim())
  return said.join('; ')
}

async function oneSocket(attack: SocketAttack, data: Buffer, device: string): Promise<string> {
  const fd = call('socket', families[attack.family], socketTypes[attack.type] | nonBlocking, attack.protocol ?? 0)
  if (fd < 0) return `socket: ${nameOf(fd)}`
  try {
    for (const { level, name, value } of attack.options ?? []) {
      const bytes = value === 'device' ? Buffer.from(`${device}\0`) : Buffer.from(value, 'hex')
      const result = call('setsockopt', fd, level, name, bytes, bytes.length)
      if (result < 0) return `setsockopt ${name}: ${nameOf(result)}`
    }
    const { host, port } = splitTarget(attack.to)
    const ip = parseIp(host)
    if (ip === undefined) return `${host} is no address`
    // A raw socket takes no port: 0 is the only one that every kernel accepts.
    const address = socketAddress(bytesOf(ip), attack.type === 'raw' ? 0 : port)
    if (attack.fastOpen) return `sendto: ${nameOf(call('sendto', fd, data, data.length, fastOpenFlag, address, address.length))}`
    if (attack.type !== 'stream') return `sendto: ${nameOf(call('sendto', fd, data, data.length, 0, address, address.length))}`
    const connected = call('connect', fd, address, address.length)
    await new Promise((resolve) => setTimeout(resolve, answerMs / 2))
    return `connect: ${nameOf(connected)}, write: ${nameOf(call('write', fd, data, data.length))}`
  } finally {
    call('close', fd)
  }
}

/** Puts a whole frame on every interface, past all of the kernel's own rules. */
export function frame({ data }: { readonly data: string }): string {
  const protocol = 0xb588 // ETH_P_802_EX1 in network order
  const fd = call('socket', families.packet, 3, protocol)
  if (fd < 0) return `socket: ${nameOf(fd)}`
  const said = Object.keys(networkInterfaces()).map((device) => {
    const bytes = Buffer.concat([Buffer.from('ffffffffffff02000000000188b5', 'hex'), Buffer.from(data)])
    const address = Buffer.alloc(20)
    address.writeUInt16LE(families.packet, 0)
    address.writeUInt16LE(protocol, 2)
    address.writeInt32LE(interfaceIndex(fd, device), 4)
    address[11] = 6
    return `${device}: ${nameOf(call('sendto', fd, bytes, bytes.length, 0, address, address.length))}`
  })
  call('close', fd)
  return said.join('; ')
}

export function splitTarget(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(':')
  return { host: target.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(target.slice(colon + 1)) }
}

function everyZone(target: string): readonly string[] {
  return target.includes('%*') ? Object.keys(networkInterfaces()).map((name) => target.replace('%*', `%${name}`)) : [target]
}

/** Text as it is, `hex:…` as bytes. */
export function bytesOfText(text: string): Buffer {
  return text.startsWith('hex:') ? Buffer.from(text.slice(4).replaceAll(/\s/g, ''), 'hex') : Buffer.from(text, 'latin1')
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

export async function waitFor(isDone: () => boolean, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms
  while (!isDone() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
  return isDone()
}
