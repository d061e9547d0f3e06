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
  if (after === -1) return 'unreadable'
  if (after === 0) return end - start > limits.headBytes ? 'unreadable' : 'more'
  const method = bytes.toString('latin1', scanner.methodStart, scanner.methodEnd)
  const target = bytes.toString('latin1', scanner.targetStart, scanner.targetEnd)
  const length = after - start
  if (method === 'CONNECT') {
    const place = hasBody(scanner) ? undefined : splitAuthority(target)
    const hosts = hostHeaders(scanner)
    const named = hosts.length === 1 ? splitAuthority(hosts[0] ?? '') : undefined
    // RFC 9112 §3.2: exactly one Host, and a valid one.
    if (place?.port === undefined || named === undefined) return 'unreadable'
    const isSame = named.host.toLowerCase() === place.host.toLowerCase() && (named.port ?? place.port) === place.port
    return { kind: 'connect', ...place, port: place.port, length, ...(!isSame && { isForAnother: true }) }
  }
  const place = splitAuthority(parseAbsoluteTarget(target)?.authority ?? hostHeaders(scanner)[0] ?? '')
  return place === undefined ? 'unreadable' : { kind: 'request', ...place, port: place.port ?? 80, length }
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
