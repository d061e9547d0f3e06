// Turns the fields of HTTP/2 heads into the HTTP/1.1 heads that the rest of the proxy reads, after every check of RFC 9113 §8, and back.
import { isAuthority, sameAuthority } from '../http/authority.ts'
import type { HeadScanner } from '../http/head-scanner.ts'
import type { OutBuffer } from '../http/out-buffer.ts'
import type { FieldList } from './hpack-decoder.ts'
import type { HpackEncoder } from './hpack-encoder.ts'

/** How the body of a message is measured; undefined: it has none. */
export type BodyRule = { readonly kind: 'length'; readonly length: number } | { readonly kind: 'chunked' } | undefined

export interface HeadInHttp1 {
  /** With its empty line. */
  readonly text: string
  readonly body: BodyRule
  readonly method: string
  /** Responses only; 0 otherwise. */
  readonly status: number
}

/** A string says what is wrong. */
export type HeadResult = HeadInHttp1 | string

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** A field's name: a token without capitals. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** No space or tab at either end (RFC 9113 §8.2.1), and no control character but the tab (RFC 9110 §5.5). */
const VALUE = /^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$/
const PATH = /^[!-~]+$/

/** Of one connection, and so without a meaning here (RFC 9113 §8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

const requestPseudo: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path'])
const responsePseudo: ReadonlySet<string> = new Set([':status'])

interface Sorted {
  readonly pseudo: ReadonlyMap<string, string>
  readonly lines: readonly string[]
  readonly length: number | undefined
  readonly host: string | undefined
}

/** `isWhole`: no body follows. */
export function requestInHttp1(fields: FieldList, isWhole: boolean): HeadResult {
  const sorted = sort(fields, requestPseudo)
  if (typeof sorted === 'string') return sorted
  const method = sorted.pseudo.get(':method')
  if (method === undefined || !TOKEN.test(method)) return 'the request has no valid :method'
  const target = targetOf(method, sorted)
  if ('problem' in target) return target.problem
  const body = bodyOf(sorted.length, isWhole)
  if (typeof body === 'string') return body
  const lines = [`${method} ${target.target} HTTP/1.1`]
  if (target.host !== undefined) lines.push(`host: ${target.host}`)
  for (const line of sorted.lines) lines.push(line)
  if (body?.kind === 'length' || sorted.length !== undefined) lines.push(`content-length: ${sorted.length ?? 0}`)
  if (body?.kind === 'chunked') lines.push('transfer-encoding: chunked')
  return { text: `${lines.join('\r\n')}\r\n\r\n`, body, method, status: 0 }
}

/** `method` is that of the request. */
export function responseInHttp1(fields: FieldList, isWhole: boolean, method: string): HeadResult {
  const sorted = sort(fields, responsePseudo)
  if (typeof sorted === 'string') return sorted
  const said = sorted.pseudo.get(':status') ?? ''
  if (!/^[1-9][0-9]{2}$/.test(said)) return 'the response has no valid :status'
  const status = Number(said)
  if (status === 101) return 'HTTP/2 knows no 101'
  if (status < 200 && isWhole) return 'an interim response ends the stream'
  const lines = [`HTTP/1.1 ${said} `, ...sorted.lines]
  const hasNoBody = method === 'HEAD' || status < 200 || status === 204 || status === 304
  if (hasNoBody) {
    if (sorted.length !== undefined && status >= 200 && status !== 204) lines.push(`content-length: ${sorted.length}`)
    return { text: `${lines.join('\r\n')}\r\n\r\n`, body: { kind: 'length', length: 0 }, method, status }
  }
  const body = bodyOf(sorted.length, isWhole)
  if (typeof body === 'string') return body
  if (body?.kind === 'chunked') lines.push('transfer-encoding: chunked')
  else lines.push(`content-length: ${sorted.length ?? 0}`)
  return { text: `${lines.join('\r\n')}\r\n\r\n`, body, method, status }
}

/** Lines of a trailer section with their line ends; `undefined` when they are not valid. */
export function trailersInHttp1(fields: FieldList): string | undefined {
  let text = ''
  for (const [index, name] of fields.names.entries()) {
    const value = fields.values[index] ?? ''
    if (name.startsWith(':') || flawOf(name, value) !== undefined) return undefined
    text += `${name}: ${value}\r\n`
  }
  return text
}

function sort(fields: FieldList, known: ReadonlySet<string>): Sorted | string {
  const pseudo = new Map<string, string>()
  const lines: string[] = []
  let cookies = ''
  let length: number | undefined
  let host: string | undefined
  let isRegular = false
  for (const [index, name] of fields.names.entries()) {
    const value = fields.values[index] ?? ''
    if (name.startsWith(':')) {
      if (isRegular) return 'a pseudo-header comes after a header'
      if (!known.has(name)) return `the pseudo-header ${JSON.stringify(name)} has no meaning here`
      if (pseudo.has(name)) return `there are two ${name}`
      if (!VALUE.test(value)) return `${name} holds a byte that it must not`
      pseudo.set(name, value)
      continue
    }
    isRegular = true
    const flaw = flawOf(name, value)
    if (flaw !== undefined) return flaw
    if (name === 'content-length') {
      if (length !== undefined) return 'there are two content-length headers'
      if (!/^[0-9]{1,15}$/.test(value)) return 'content-length is not a number of bytes'
      length = Number(value)
    } else if (name === 'host') {
      if (host !== undefined) return 'there are two host headers'
      host = value
    } else if (name === 'cookie') {
      // They come one by one for the sake of compression (RFC 9113 §8.2.3).
      cookies = cookies === '' ? value : `${cookies}; ${value}`
    } else lines.push(`${name}: ${value}`)
  }
  if (cookies !== '') lines.push(`cookie: ${cookies}`)
  return { pseudo, lines, length, host }
}

function flawOf(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'a header name holds a byte that it must not'
  if (!VALUE.test(value)) return `the header ${name} holds a byte that it must not, or begins or ends with a space`
  if (connectionFields.has(name)) return `the header ${name} belongs to HTTP/1.1`
  if (name === 'te' && value !== 'trailers') return 'te says something else than trailers'
  return undefined
}

function targetOf(
  method: string,
  { pseudo, host }: Sorted,
): { readonly target: string; readonly host: string | undefined } | { readonly problem: string } {
  const [authority, path, scheme] = [pseudo.get(':authority'), pseudo.get(':path'), pseudo.get(':scheme')]
  if (method === 'CONNECT') {
    if (path !== undefined || scheme !== undefined) return { problem: 'CONNECT has a :path or a :scheme' }
    if (authority === undefined || !PATH.test(authority)) return { problem: 'CONNECT has no valid :authority' }
    return { target: authority, host: authority }
  }
  if (scheme === undefined || !/^https?$/i.test(scheme)) return { problem: 'the request has no :scheme, or one that is not of HTTP' }
  if (path === undefined || !PATH.test(path)) return { problem: 'the request has no valid :path' }
  if (!path.startsWith('/') && !(method === 'OPTIONS' && path === '*')) return { problem: 'the :path is no path' }
  // Where both are said they have to agree: the reader of HTTP/1.1 judges that, as of an absolute URI and its Host.
  const isDouble = authority !== undefined && host !== undefined && !sameAuthority(authority, host)
  if (isDouble && isAuthority(authority, true) && path.startsWith('/')) return { target: `http://${authority}${path}`, host }
  return { target: path, host: authority ?? host }
}

function bodyOf(length: number | undefined, isWhole: boolean): BodyRule | string {
  if (isWhole) return length === undefined || length === 0 ? undefined : 'the message has no body, but a content-length'
  return length === undefined ? { kind: 'chunked' } : { kind: 'length', length }
}

/** What no field of HTTP/2 says: it is framed otherwise, or the business of one hop. */
const dropped: ReadonlySet<string> = new Set([...connectionFields, 'host'])

/** The block of a response whose head was scanned. */
export function responseBlock(encoder: HpackEncoder, scanner: HeadScanner, out: OutBuffer): void {
  encoder.begin(out)
  encoder.field(out, ':status', String(scanner.status))
  regularFields(encoder, scanner, out)
}

/** The block of a request whose head was scanned. Its scheme is what x-forwarded-proto says. */
export function requestBlock(encoder: HpackEncoder, scanner: HeadScanner, out: OutBuffer): void {
  const { bytes } = scanner
  const method = bytes.toString('latin1', scanner.methodStart, scanner.methodEnd)
  encoder.begin(out)
  encoder.field(out, ':method', method)
  encoder.field(out, ':scheme', valueOf(scanner, 'x-forwarded-proto') === 'https' ? 'https' : 'http')
  encoder.field(out, ':authority', valueOf(scanner, 'host') ?? '')
  encoder.field(out, ':path', bytes.toString('latin1', scanner.targetStart, scanner.targetEnd))
  regularFields(encoder, scanner, out)
}

/** `lines` with their line ends. */
export function trailersBlock(encoder: HpackEncoder, lines: string, out: OutBuffer): void {
  encoder.begin(out)
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) encoder.field(out, line.slice(0, colon), line.slice(colon + 2))
  }
}

function regularFields(encoder: HpackEncoder, scanner: HeadScanner, out: OutBuffer): void {
  for (let line = 0; line < scanner.count; line++) {
    const name = nameOf(scanner, line)
    if (!dropped.has(name)) encoder.field(out, name, scanner.value(line))
  }
}

function nameOf(scanner: HeadScanner, line: number): string {
  return scanner.bytes.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line)).toLowerCase()
}

function valueOf(scanner: HeadScanner, name: string): string | undefined {
  for (let line = 0; line < scanner.count; line++) if (nameOf(scanner, line) === name) return scanner.value(line)
  return undefined
}
