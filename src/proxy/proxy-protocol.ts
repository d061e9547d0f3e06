// Writes PROXY protocol headers and reads those of version 2, which carry a client's addresses, and its flow over a hop of our own.
import { type Address, bytesOf, familyOf, ipFromBytes } from '../base/index.ts'

export interface ProxyHeader {
  /** Absent for LOCAL and for addresses that are none (UNSPEC, Unix). */
  readonly source?: Address
  readonly destination?: Address
  /** The id of the sender's flow. */
  readonly flow?: string
  /** `NAMESPACE/WORKLOAD` of the sender's workload, unproven. */
  readonly workload?: string
}

/** PP2_TYPE_MIN_CUSTOM: 0xE0 to 0xEF are for applications. */
const TLV_FLOW = 0xe0
const TLV_WORKLOAD = 0xe1

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const FIXED = 16
/** Far more than we send, far less than the 65,535 that the format allows. */
const MAX_LENGTH = 2048

export function writeProxyHeader(header: ProxyHeader): Buffer {
  const tlvs = [tlv(TLV_FLOW, header.flow), tlv(TLV_WORKLOAD, header.workload)]
  const addresses = addressBlock(header.source, header.destination)
  const body = Buffer.concat([addresses.bytes, ...tlvs])
  const fixed = Buffer.alloc(FIXED)
  SIGNATURE.copy(fixed)
  // Version 2, command PROXY; then family and transport.
  fixed[12] = 0x21
  fixed[13] = addresses.family
  fixed.writeUInt16BE(body.length, 14)
  return Buffer.concat([fixed, body])
}

/** Text: `PROXY TCP4 SOURCE DESTINATION PORT PORT`. Addresses of two families are both written as IPv6. */
export function writeProxyHeaderV1({ source, destination }: Pick<ProxyHeader, 'source' | 'destination'>): Buffer {
  if (!source || !destination) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1')
  const isV4 = familyOf(source.ip) === 4 && familyOf(destination.ip) === 4
  const ips = [source.ip, destination.ip].map((ip) => (isV4 || familyOf(ip) === 6 ? ip : `::ffff:${ip}`))
  return Buffer.from(`PROXY ${isV4 ? 'TCP4' : 'TCP6'} ${ips.join(' ')} ${source.port} ${destination.port}\r\n`, 'latin1')
}

function addressBlock(source: Address | undefined, destination: Address | undefined): { family: number; bytes: Buffer } {
  if (!source || !destination) return { family: 0x00, bytes: Buffer.alloc(0) }
  const isV4 = familyOf(source.ip) === 4 && familyOf(destination.ip) === 4
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  const parts = [source, destination].map((address) => (isV4 ? bytesOf(address.ip) : bytes16(address)))
  return { family: isV4 ? 0x11 : 0x21, bytes: Buffer.concat([...parts, ports]) }
}

/** An IPv4 address beside an IPv6 one is written in its mapped form. */
function bytes16(address: Address): Uint8Array {
  const bytes = bytesOf(address.ip)
  return bytes.length === 16 ? bytes : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytes])
}

function tlv(type: number, text: string | undefined): Buffer {
  if (text === undefined) return Buffer.alloc(0)
  const value = Buffer.from(text, 'utf8').subarray(0, 512)
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value])
}

export type ProxyHeaderResult = { readonly header: ProxyHeader; readonly length: number } | 'more' | { readonly broken: string }

/** Version 1 is not taken: nothing of ours sends it, and a text header could be a client's own bytes. */
export function readProxyHeader(bytes: Buffer, start: number, end: number): ProxyHeaderResult {
  const known = Math.min(SIGNATURE.length, end - start)
  if (bytes.compare(SIGNATURE, 0, known, start, start + known) !== 0) return { broken: 'the PROXY protocol signature is missing' }
  if (end - start < FIXED) return 'more'
  const command = bytes.readUInt8(start + 12)
  const length = bytes.readUInt16BE(start + 14)
  if (command >> 4 !== 2 || (command & 0x0f) > 1) return { broken: 'the PROXY protocol version or command is unknown' }
  if (length > MAX_LENGTH) return { broken: 'the PROXY protocol header is too long' }
  if (end - start < FIXED + length) return 'more'
  const body = bytes.subarray(start + FIXED, start + FIXED + length)
  const header = parseBody(bytes.readUInt8(start + 13), (command & 0x0f) === 1, body)
  return header ? { header, length: FIXED + length } : { broken: 'the PROXY protocol header is malformed' }
}

/** Bytes of each address, by family and transport; only stream transports are served. */
const addressBytes: Readonly<Record<number, number>> = { 0x00: 0, 0x11: 4, 0x21: 16 }

function parseBody(family: number, isProxied: boolean, body: Buffer): ProxyHeader | undefined {
  const size = addressBytes[family]
  if (size === undefined) return undefined
  const block = size === 0 ? 0 : 2 * size + 4
  if (body.length < block) return undefined
  const tlvs = parseTlvs(body.subarray(block))
  if (!tlvs) return undefined
  if (!isProxied || size === 0) return tlvs
  return {
    source: { ip: ipFromBytes(body.subarray(0, size)), port: body.readUInt16BE(2 * size) },
    destination: { ip: ipFromBytes(body.subarray(size, 2 * size)), port: body.readUInt16BE(2 * size + 2) },
    ...tlvs,
  }
}

function parseTlvs(bytes: Buffer): { flow?: string; workload?: string } | undefined {
  const found: { flow?: string; workload?: string } = {}
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < 3) return undefined
    const type = bytes.readUInt8(at)
    const length = bytes.readUInt16BE(at + 1)
    if (bytes.length - at - 3 < length) return undefined
    const text = bytes.toString('utf8', at + 3, at + 3 + length)
    if (type === TLV_FLOW) {
      if (!isFlowId(text)) return undefined
      found.flow = text
    } else if (type === TLV_WORKLOAD) {
      if (!isWorkload(text)) return undefined
      found.workload = text
    }
    at += 3 + length
  }
  return found
}

export function isFlowId(text: string): boolean {
  return /^[0-9A-Za-z-]{1,64}$/.test(text)
}

/** `NAMESPACE/WORKLOAD`, both as Kubernetes allows names. */
export function isWorkload(text: string): boolean {
  return /^[0-9a-z-]{1,63}\/[0-9A-Za-z._-]{1,253}$/.test(text)
}
