// Sees every frame that arrives outside, before any server there does, by a packet socket of its own.
import { ipFromBytes } from '../../../src/base/index.ts'
import { call, families, interfaceIndex, mapShared, nameOf } from '../libc.ts'
import { declaredAddress } from '../attempts/declared.ts'
import type { Evidence, Ledger } from './ledger.ts'

export interface Capture {
  /** Writes down all that has arrived since the last time. Throws when the kernel had to drop a frame: nothing is sure then. */
  drain(): void
}

const [packetLevel, ignoreOutgoing, statistics, receiveRing] = [263, 23, 6, 5]
const everyProtocol = 0x0300 // ETH_P_ALL in network order
/** A ring in memory shared with the kernel: ordinary users may not make a socket's own buffer large enough. */
const ring = { blockSize: 1 << 20, blocks: 16, frameSize: 4096 } as const
const frames = (ring.blockSize * ring.blocks) / ring.frameSize
/** Offsets in `struct tpacket_hdr`. */
const header = { status: 0, captured: 12, macOffset: 16 } as const

/** In the network namespace that the calling thread is in. */
export function openCapture(device: string, ledger: Ledger): Capture {
  const fd = check('a packet socket outside', call('socket', families.packet, 3, 0))
  const wanted = Buffer.alloc(16)
  for (const [index, value] of [ring.blockSize, ring.blocks, ring.frameSize, frames].entries()) wanted.writeUInt32LE(value, index * 4)
  check('a ring for frames', call('setsockopt', fd, packetLevel, receiveRing, wanted, wanted.length))
  check('incoming frames only', call('setsockopt', fd, packetLevel, ignoreOutgoing, Buffer.from([1, 0, 0, 0]), 4))
  const memory = mapShared(fd, ring.blockSize * ring.blocks)
  const address = Buffer.alloc(20)
  address.writeUInt16LE(families.packet, 0)
  address.writeUInt16LE(everyProtocol, 2)
  address.writeInt32LE(interfaceIndex(fd, device), 4)
  check(`a packet socket on ${device}`, call('bind', fd, address, address.length))
  let next = 0
  return {
    drain() {
      for (; (memory.readUInt32LE(next * ring.frameSize + header.status) & 1) !== 0; next = (next + 1) % frames) {
        const frame = memory.subarray(next * ring.frameSize, (next + 1) * ring.frameSize)
        const start = frame.readUInt16LE(header.macOffset)
        const evidence = readFrame(Buffer.from(frame.subarray(start, start + frame.readUInt32LE(header.captured))))
        if (evidence !== undefined) ledger.add(evidence)
        frame.writeUInt32LE(0, header.status)
      }
      const dropped = droppedFrames(fd)
      if (dropped > 0) throw new Error(`${dropped} frames were lost before they were read: run it again on a calmer machine`)
    },
  }
}

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: ${nameOf(result)}`)
  return result
}

function droppedFrames(fd: number): number {
  const counts = Buffer.alloc(8)
  call('getsockopt', fd, packetLevel, statistics, counts, Buffer.from([8, 0, 0, 0]))
  return counts.readUInt32LE(4)
}

const protocolNames: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP', 136: 'UDP-Lite' }
const etherTypes = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const

/** Undefined for what a kernel says by itself on every link: who has which address, which groups it listens to. */
export function readFrame(frame: Buffer): Evidence | undefined {
  const etherType = frame.readUInt16BE(12)
  const packet = frame.subarray(14)
  if (etherType === etherTypes.arp) return undefined
  if (etherType === etherTypes.ipv4)
    return readPacket(packet[9] ?? 0, packet.subarray(16, 20), packet.subarray(((packet[0] ?? 0) & 15) * 4))
  if (etherType === etherTypes.ipv6) return readIpv6(packet)
  return { what: `a frame of type ${etherType.toString(16)}`, text: packet.toString('latin1') }
}

function readIpv6(packet: Buffer): Evidence | undefined {
  let [protocol, at] = [packet[6] ?? 0, 40]
  // Options that a router shall look at: group reports carry them.
  if (protocol === 0) [protocol, at] = [packet[40] ?? 0, 48 + (packet[41] ?? 0) * 8]
  const payload = packet.subarray(at)
  const type = payload[0] ?? 0
  const isHousekeeping = protocol === 58 && ((type >= 130 && type <= 137) || type === 143)
  return isHousekeeping ? undefined : readPacket(protocol, packet.subarray(24, 40), payload)
}

function readPacket(protocol: number, destination: Buffer, payload: Buffer): Evidence | undefined {
  const groupMembership = 2
  if (protocol === groupMembership) return undefined
  const address = ipFromBytes(destination)
  const hasPorts = [6, 17, 132, 136].includes(protocol)
  const port = hasPorts ? payload.readUInt16BE(2) : 0
  // What is sent there is read by the origin itself: a word in a body is no request.
  const isForOrigin = protocol === 6 && address === declaredAddress && (port === 80 || port === 443)
  if (isForOrigin) return { what: forOrigin, text: '' }
  const what = `${protocolNames[protocol] ?? `protocol ${protocol}`} to ${address}${hasPorts ? `:${port}` : ''}`
  return { what, text: payload.subarray(0, 4096).toString('latin1'), address }
}

/** Said of every packet to the one declared origin. */
export const forOrigin = 'TCP to the declared origin'
