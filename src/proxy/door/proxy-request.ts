// Finds out where an HTTP proxy's client wants to go, by the head of its first request.
import { isAuthority, parseAbsoluteTarget } from '../http/authority.ts'
import { HeadScanner } from '../http/head-scanner.ts'
import { kindIndex } from '../http/header-name.ts'

export interface ProxyRequest {
  readonly kind: 'connect' | 'request'
  readonly host: string
  readonly port: number
  /** Bytes of the head. */
  readonly length: number
  /** A CONNECT in HTTP/1.0, as Python's clients before 3.12 write it, without Host: this head says the same in HTTP/1.1. */
  readonly renewed?: Buffer
  /** A CONNECT whose Host is not its target again (RFC 9110 §7.2); only a port may be left out, as Java's clients do for 443. */
  readonly isForAnother?: true
}

export interface ProxyRequestLimits {
  readonly headers: number
  readonly headBytes: number
}

/** `unreadable`: whoever serves requests says what is wrong. */
export function readProxyRequest(
  bytes: Buffer,
  { start, end, limits }: { readonly start: number; readonly end: number; readonly limits: ProxyRequestLimits },
): ProxyRequest | 'more' | 'unreadable' {
  const scanner = new HeadScanner(limits.headers)
  const after = scanner.scanRequest(bytes, start, end)
  const isOld = after === -1 && scanner.problem?.status === 426 && methodOf(scanner) === 'CONNECT'
  const length = isOld ? scanner.scanRequest(inNewerVersion(scanner, start, end), 0, end - start) : after > 0 ? after - start : after
  if (length === -1) return 'unreadable'
  if (length === 0) return end - start > limits.headBytes ? 'unreadable' : 'more'
  if (methodOf(scanner) === 'CONNECT') return connectOf(scanner, length, isOld)
  const target = targetOf(scanner)
  const place = splitAuthority(parseAbsoluteTarget(target)?.authority ?? hostHeaders(scanner)[0] ?? '')
  return place === undefined ? 'unreadable' : { kind: 'request', ...place, port: place.port ?? 80, length }
}

function connectOf(scanner: HeadScanner, length: number, isOld: boolean): ProxyRequest | 'unreadable' {
  const target = targetOf(scanner)
  const place = hasBody(scanner) ? undefined : splitAuthority(target)
  const hosts = hostHeaders(scanner)
  // RFC 9112 §3.2: exactly one Host, and a valid one; before HTTP/1.1 there may be none.
  const named = hosts.length === 0 && isOld ? place : hosts.length === 1 ? splitAuthority(hosts[0] ?? '') : undefined
  if (place?.port === undefined || named === undefined) return 'unreadable'
  const isSame = named.host.toLowerCase() === place.host.toLowerCase() && (named.port ?? place.port) === place.port
  const renewed = isOld && Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, 'latin1')
  return { kind: 'connect', ...place, port: place.port, length, ...(renewed && { renewed }), ...(!isSame && { isForAnother: true }) }
}

/** The scanner has read as far as the version, and serves no older one. */
function inNewerVersion({ bytes, targetEnd }: HeadScanner, start: number, end: number): Buffer {
  const copy = Buffer.from(bytes.subarray(start, end))
  copy.write('1', targetEnd - start + ' HTTP/1.'.length, 'latin1')
  return copy
}

function methodOf({ bytes, methodStart, methodEnd }: HeadScanner): string {
  return bytes.toString('latin1', methodStart, methodEnd)
}

function targetOf({ bytes, targetStart, targetEnd }: HeadScanner): string {
  return bytes.toString('latin1', targetStart, targetEnd)
}

/** What would be the tunnel's to us may be a body to whoever stands before us. */
function hasBody(scanner: HeadScanner): boolean {
  for (let line = 0; line < scanner.count; line++) {
    const kind = scanner.kind(line)
    if (kind === kindIndex['content-length'] || kind === kindIndex['transfer-encoding']) return true
  }
  return false
}

function splitAuthority(authority: string): { readonly host: string; readonly port: number | undefined } | undefined {
  if (!isAuthority(authority, true)) return undefined
  const colon = authority.endsWith(']') ? -1 : authority.lastIndexOf(':')
  const host = (colon < 0 ? authority : authority.slice(0, colon)).replace(/^\[(.*)\]$/, '$1')
  const port = colon < 0 ? '' : authority.slice(colon + 1)
  if (port === '') return { host, port: undefined }
  return Number(port) > 0 ? { host, port: Number(port) } : undefined
}

function hostHeaders(scanner: HeadScanner): readonly string[] {
  const hosts: string[] = []
  for (let line = 0; line < scanner.count; line++) if (scanner.kind(line) === kindIndex.host) hosts.push(scanner.value(line))
  return hosts
}
