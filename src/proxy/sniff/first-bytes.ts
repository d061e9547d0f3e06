// Classifies what a client said first: TLS, HTTP/1.1, the HTTP/2 preface, or something else.
import type { FirstBytes } from '../../flow/index.ts'
import { readRequestLine } from './http1.ts'
import { readClientHello } from './tls-client-hello.ts'

/** RFC 9113 §3.4 */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
/** `PRI * HTTP/2` */
const TELLING = 12
const TLS_HANDSHAKE = 22

/** Whether it can be nothing else: what is not HTTP/2 ends before the version. */
export function beginsAsHttp2(bytes: Buffer, start: number, end: number): boolean {
  const length = Math.min(end - start, PREFACE.length)
  return length >= TELLING && bytes.compare(PREFACE, 0, length, start, start + length) === 0
}

/** `more`: undecided until further bytes come. The order is Envoy's: TLS inspector, then HTTP inspector. */
export function classifyFirstBytes(bytes: Buffer, start: number, end: number): FirstBytes | 'more' {
  if (start === end) return 'more'
  if (bytes[start] === TLS_HANDSHAKE) {
    const result = readClientHello(bytes, start, end)
    if (result === 'more') return 'more'
    return 'broken' in result ? { protocol: 'other', note: result.broken } : { protocol: 'tls', ...result.hello }
  }
  const prefix = Math.min(end - start, PREFACE.length)
  if (bytes.compare(PREFACE, 0, prefix, start, start + prefix) === 0) return prefix < PREFACE.length ? 'more' : { protocol: 'http2' }
  const result = readRequestLine(bytes, start, end)
  if (result === 'more') return 'more'
  return 'broken' in result ? { protocol: 'other', note: result.broken } : { protocol: 'http1', ...result.line }
}
