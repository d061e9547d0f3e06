// Makes sense of a scanned response head: how its body is framed, and whether its connection may be used again.
import type { HeadScanner } from './head-scanner.ts'
import { headerKinds, kindIndex } from './header-name.ts'

export type ResponseFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }

export interface ResponseHead {
  readonly status: number
  readonly body: ResponseFraming
  readonly keepAlive: boolean
  readonly nominated: ReadonlySet<string> | undefined
  /** Content-Length as sent, kept where there is no body to measure (HEAD, 304). */
  readonly declaredLength: number | undefined
}

/** `upgrade` is the protocol that the request asked to switch to. A string says why the response cannot be trusted. */
export function interpretResponse(scanner: HeadScanner, method: string, upgrade?: string): ResponseHead | string {
  let length: number | undefined
  let isChunked = false
  let saysClose = false
  let saysKeepAlive = false
  let nominated: Set<string> | undefined
  for (let line = 0; line < scanner.count; line++) {
    const index = scanner.kind(line)
    if (index === kindIndex['content-length']) {
      if (length !== undefined) return 'two Content-Length headers'
      length = scanner.natural(line)
      if (length < 0) return 'Content-Length is not a number'
      continue
    }
    const kind = headerKinds[index]
    if (kind !== 'transfer-encoding' && kind !== 'connection') continue
    const value = scanner.value(line).toLowerCase()
    if (kind === 'transfer-encoding') {
      if (isChunked || value !== 'chunked' || scanner.minorVersion === 0) return 'an unknown transfer coding'
      isChunked = true
    } else {
      if (value === 'keep-alive') {
        saysKeepAlive = true
        continue
      }
      for (const part of value.split(',')) {
        const name = part.trim()
        if (name === 'close') saysClose = true
        else if (name === 'keep-alive') saysKeepAlive = true
        else if (name !== '') (nominated ??= new Set()).add(name)
      }
    }
  }
  if (isChunked && length !== undefined) return 'both Content-Length and Transfer-Encoding'
  if (scanner.status === 101) {
    if (upgrade === undefined) return 'a switch of protocols that nobody asked for'
    if (!nominated?.has('upgrade') || !switchesTo(scanner, upgrade)) return 'a switch to another protocol than was asked for'
  }
  const body = framingOf(scanner.status, method, isChunked, length)
  // RFC 9112 §9.3: `close` wins, whatever stands beside it.
  const closes = saysClose || (scanner.minorVersion === 0 && !saysKeepAlive)
  // 204 has no body (RFC 9110 §8.6); where it announces one, who knows what comes next on this connection.
  const isContradictory = scanner.status === 204 && (isChunked || (length ?? 0) > 0)
  const keepAlive = !closes && !isContradictory && body.kind !== 'until-close'
  return { status: scanner.status, body, keepAlive, nominated, declaredLength: length }
}

function switchesTo(scanner: HeadScanner, protocol: string): boolean {
  let isSaid = false
  for (let line = 0; line < scanner.count; line++) {
    if (headerKinds[scanner.kind(line)] !== 'upgrade') continue
    if (isSaid || scanner.value(line).toLowerCase() !== protocol) return false
    isSaid = true
  }
  return isSaid
}

/** RFC 9112 §6.3 */
function framingOf(status: number, method: string, isChunked: boolean, length: number | undefined): ResponseFraming {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' }
  if (isChunked) return { kind: 'chunked' }
  return length === undefined ? { kind: 'until-close' } : { kind: 'length', length }
}
