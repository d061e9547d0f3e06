// Reads and writes SOCKS5 (RFC 1928), as far as a door needs it: CONNECT without authentication.
import { type Ip, ipFromBytes } from '../../base/index.ts'

/** The first byte of everything that a client says. */
export const socksVersion = 5

/** RFC 1928 §6 */
export const socksReplies = { succeeded: 0, failure: 1, notAllowed: 2, unreachable: 4, noCommand: 7, noAddressType: 8 } as const

export type SocksReply = (typeof socksReplies)[keyof typeof socksReplies]

/** `length`: bytes that were read. */
export type Greeting = { readonly length: number; readonly isOpen: boolean }

export interface SocksTarget {
  readonly host: string | { readonly ip: Ip }
  readonly port: number
  readonly length: number
}

export type SocksRequest = SocksTarget | { readonly broken: string; readonly reply: SocksReply }

/** §3: the ways of authenticating that the client knows; only "none" is taken. */
export function readGreeting(bytes: Buffer, start: number, end: number): Greeting | 'more' {
  if (end - start < 2) return 'more'
  const count = bytes[start + 1] ?? 0
  if (end - start < 2 + count) return 'more'
  return { length: 2 + count, isOpen: bytes.subarray(start + 2, start + 2 + count).includes(0) }
}

/** §3: none, or that none is acceptable. */
export function greetingAnswer(isOpen: boolean): Buffer {
  return Buffer.from([socksVersion, isOpen ? 0 : 0xff])
}

/** §4 */
export function readSocksRequest(bytes: Buffer, start: number, end: number): SocksRequest | 'more' {
  if (end - start < 5) return end > start && bytes[start] !== socksVersion ? notSocks : 'more'
  if (bytes[start] !== socksVersion) return notSocks
  const type = bytes[start + 3] ?? 0
  const at = type === 3 ? start + 5 : start + 4
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? (bytes[start + 4] ?? 0) : -1
  if (length < 0) return { broken: `the address type ${type} is unknown`, reply: socksReplies.noAddressType }
  if (end < at + length + 2) return 'more'
  // What is asked for is said only when all of it is there: the answer may then be the last word.
  const command = bytes[start + 1] ?? 0
  if (command !== 1) return { broken: `${commands[command] ?? `the command ${command}`} is not carried out`, reply: socksReplies.noCommand }
  const address = bytes.subarray(at, at + length)
  const port = bytes.readUInt16BE(at + length)
  const host = type === 3 ? address.toString('latin1') : { ip: ipFromBytes(Uint8Array.from(address)) }
  return { host, port, length: at + length + 2 - start }
}

const notSocks = { broken: 'the request does not begin with the version of SOCKS5', reply: socksReplies.failure } as const
const commands: Readonly<Record<number, string>> = { 2: 'BIND', 3: 'UDP ASSOCIATE' }

/** §6; the address that was bound says nothing here. */
export function socksAnswer(reply: SocksReply): Buffer {
  return Buffer.from([socksVersion, reply, 0, 1, 0, 0, 0, 0, 0, 0])
}
