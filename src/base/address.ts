// Pairs an IP address with a port, as sockets and records name endpoints.
import { familyOf, type Ip, parseIp } from './ip.ts'

export interface Address {
  readonly ip: Ip
  readonly port: number
}

/** Reads `1.2.3.4:80` or `[::1]:80`; an IPv6 address needs its brackets (RFC 5952 §6), an IPv4 address may have none. */
export function parseAddress(text: string): Address | undefined {
  const colon = text.lastIndexOf(':')
  if (colon < 1) return undefined
  const port = parsePort(text.slice(colon + 1))
  const host = text.slice(0, colon)
  const isBracketed = host.startsWith('[') && host.endsWith(']')
  const inner = isBracketed ? host.slice(1, -1) : host
  const ip = parseIp(inner)
  if (ip === undefined || port === undefined || inner.includes(':') !== isBracketed) return undefined
  return { ip, port }
}

export function formatAddress(address: Address): string {
  return familyOf(address.ip) === 6 ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.ip === b.ip
}

/** A decimal port of 0–65535 in its one spelling: no sign, no leading zero. Zero is legal only where a port is asked of the system. */
export function parsePort(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65535 ? port : undefined
}
