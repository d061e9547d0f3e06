// Writes heads anew from what was scanned, so that what leaves is canonical whatever came in, with the headers that Envoy would add.
import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Ip } from '../../base/index.ts'
import type { HeaderChange } from '../../runtime/index.ts'
import { changeResponseHead } from './header-changes.ts'
import type { HeadScanner } from './head-scanner.ts'
import { kindIndex, kindSet } from './header-name.ts'
import type { Message, OutBuffer } from './out-buffer.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

export interface HopRules {
  /** The peer's address is appended to x-forwarded-for (gateway). */
  readonly peer?: Ip
  /** The peer is outside: what it says of the request's history is replaced. */
  readonly isEdge: boolean
  /** TLS has ended here. */
  readonly isSecure: boolean
  /** What the client has proven by its certificate. */
  readonly clientCert?: string | undefined
}

export interface WrittenRequest {
  readonly requestId: string
  /** Where the one digit of x-envoy-attempt-count stands. */
  readonly attemptAt: number
}

/** One hop's own business, written anew or left out (RFC 9110 §7.6.1), and what only a proxy may say. */
const droppedFromRequest = kindSet(
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
  'http2-settings',
  'expect',
  'x-sallyport-flow',
  'x-sallyport-source',
  'x-envoy-upstream-service-time',
  'x-envoy-*',
  // A client's word about who it is; Envoy removes it too, unless it is told otherwise. What was proven is written anew.
  'x-forwarded-client-cert',
)

const { host: HOST, 'content-length': CONTENT_LENGTH, trailer: TRAILER, server: SERVER, date: DATE } = kindIndex
const { 'x-request-id': REQUEST_ID, 'x-forwarded-proto': FORWARDED_PROTO, 'x-forwarded-for': FORWARDED_FOR } = kindIndex
const SERVICE_TIME = kindIndex['x-envoy-upstream-service-time']

const FORWARDED_PROTO_LINE = ascii('x-forwarded-proto: http\r\n')
const SECURE_PROTO_LINE = ascii('x-forwarded-proto: https\r\n')
const REQUEST_ID_NAME = ascii('x-request-id: ')
const FIRST_ATTEMPT_LINE = ascii('x-envoy-attempt-count: 1\r\n')
const SERVICE_TIME_NAME = ascii('x-envoy-upstream-service-time: ')
const EXPECTED_TIME_NAME = ascii('x-envoy-expected-rq-timeout-ms: ')
const CLIENT_CERT_NAME = ascii('x-forwarded-client-cert: ')
const FLOW_NAME = ascii('x-sallyport-flow: ')
const SOURCE_NAME = ascii('x-sallyport-source: ')
const LINE_END = '\r\n'

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

/** Writes all but the lines that depend on the decision and the empty line at the end: see `finishRequest`. */
export function writeRequest(out: OutBuffer, scanner: HeadScanner, head: RequestHead, hop: HopRules): WrittenRequest {
  out.text(head.method)
  out.text(' ')
  out.text(head.path)
  out.text(' HTTP/1.1\r\n')
  const parts = { head, hop }
  for (let line = 0; line < scanner.count; line++) writeRequestLine(out, scanner, line, parts)
  const requestId = (hop.isEdge ? undefined : head.headers.requestId) ?? randomUUID()
  if (hop.isEdge || head.headers.forwardedProto === undefined) out.line(hop.isSecure ? SECURE_PROTO_LINE : FORWARDED_PROTO_LINE)
  if (hop.isEdge || head.headers.requestId === undefined) writeLine(out, REQUEST_ID_NAME, requestId)
  out.line(FIRST_ATTEMPT_LINE)
  const attemptAt = out.length - 3
  if (hop.peer !== undefined) {
    const { forwardedFor } = head.headers
    out.text('x-forwarded-for: ')
    if (forwardedFor !== undefined) out.text(`${forwardedFor},`)
    out.text(hop.peer)
    out.text(LINE_END)
    if (hop.isEdge) out.text(`x-envoy-external-address: ${hop.peer}\r\n`)
  }
  if (hop.clientCert !== undefined) writeLine(out, CLIENT_CERT_NAME, hop.clientCert)
  if (head.body.kind === 'chunked') out.text('transfer-encoding: chunked\r\n')
  if (head.upgrade !== undefined) out.text(`connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`)
  else if (head.takesTrailers) out.text('connection: te\r\nte: trailers\r\n')
  return { requestId, attemptAt }
}

interface RequestParts {
  readonly head: RequestHead
  readonly hop: HopRules
}

function writeRequestLine(out: OutBuffer, scanner: HeadScanner, line: number, parts: RequestParts): void {
  const { head, hop } = parts
  const kind = scanner.kind(line)
  if (kind === HOST) {
    out.text('host: ')
    out.text(head.authority)
    out.text(LINE_END)
    return
  }
  if (kind === CONTENT_LENGTH) {
    if (head.body.kind === 'length') writeContentLength(out, head.body.length)
    return
  }
  if (droppedFromRequest[kind] === 1) return
  if (hop.isEdge && (kind === REQUEST_ID || kind === FORWARDED_PROTO)) return
  if (hop.peer !== undefined && kind === FORWARDED_FOR) return
  if (kind === TRAILER && head.body.kind !== 'chunked') return
  copyLine(out, scanner, line, head.nominated)
}

/** The lines that a decision adds, and the end of the head. */
export function finishRequest(
  out: OutBuffer,
  extra: { readonly timeoutMs: number; readonly flow: string | undefined; readonly workload: string | undefined },
): void {
  if (extra.timeoutMs > 0) writeLine(out, EXPECTED_TIME_NAME, String(extra.timeoutMs))
  if (extra.flow !== undefined) writeLine(out, FLOW_NAME, extra.flow)
  if (extra.workload !== undefined) writeLine(out, SOURCE_NAME, extra.workload)
  out.text(LINE_END)
}

function writeLine(out: OutBuffer, name: Uint8Array, value: string): void {
  out.line(name)
  out.text(value)
  out.text(LINE_END)
}

function writeContentLength(out: OutBuffer, length: number): void {
  out.text('content-length: ')
  out.text(String(length))
  out.text(LINE_END)
}

/** Where the digit of the attempt stands in a message; -1: nowhere. */
export function attemptPlace({ bytes, length }: Message): number {
  const at = bytes.indexOf(ATTEMPT_LINE)
  return at === -1 || at >= length ? -1 : at + ATTEMPT_LINE.length
}

const ATTEMPT_LINE = '\r\nx-envoy-attempt-count: '

/** The same message with another number of its attempt; at first it has one digit. */
export function numberAttempt(message: Buffer, attemptAt: number, attempt: number): Buffer {
  return Buffer.concat([message.subarray(0, attemptAt), Buffer.from(String(attempt), 'latin1'), message.subarray(attemptAt + 1)])
}

const droppedFromResponse = kindSet('transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade')

export interface ResponseRules {
  readonly serverName: string
  readonly date: string
  readonly serviceTimeMs: number
  /** The client's connection ends after this response. */
  readonly closes: boolean
  /** What the route changes in it. */
  readonly changes?: readonly HeaderChange[] | undefined
}

export function writeResponse(out: OutBuffer, scanner: HeadScanner, head: ResponseHead, rules: ResponseRules): void {
  writeStatus(out, head.status)
  const isChunked = head.body.kind === 'chunked' || head.body.kind === 'until-close'
  let hasServer = false
  let hasDate = false
  for (let line = 0; line < scanner.count; line++) {
    const kind = scanner.kind(line)
    if (kind === SERVER) {
      if (!hasServer) writeServer(out, rules.serverName)
      hasServer = true
    } else if (kind === CONTENT_LENGTH) {
      // 204 has none (RFC 9110 §8.6); for HEAD and 304 it says what a GET would have had.
      if (head.status !== 204) writeContentLength(out, head.declaredLength ?? 0)
    } else if (kind !== SERVICE_TIME && droppedFromResponse[kind] !== 1 && (kind !== TRAILER || isChunked)) {
      if (kind === DATE) hasDate = true
      copyLine(out, scanner, line, head.nominated)
    }
  }
  if (!hasDate) {
    out.text('date: ')
    out.text(rules.date)
    out.text(LINE_END)
  }
  if (!hasServer) writeServer(out, rules.serverName)
  out.line(SERVICE_TIME_NAME)
  out.number(rules.serviceTimeMs)
  out.text(LINE_END)
  if (rules.closes) out.text('connection: close\r\n')
  if (isChunked) out.text('transfer-encoding: chunked\r\n')
  out.text('\r\n')
  if (rules.changes) changeResponseHead(out, rules.changes)
}

function writeServer(out: OutBuffer, name: string): void {
  out.text('server: ')
  out.text(name)
  out.text(LINE_END)
}

export interface SwitchRules {
  readonly serverName: string
  readonly protocol: string
  readonly changes?: readonly HeaderChange[] | undefined
}

/** 101: the connection goes over to another protocol, and no line of HTTP follows. */
export function writeSwitch(out: OutBuffer, scanner: HeadScanner, head: ResponseHead, rules: SwitchRules): void {
  writeStatus(out, head.status)
  for (let line = 0; line < scanner.count; line++) {
    if (droppedFromSwitch[scanner.kind(line)] !== 1) copyLine(out, scanner, line, head.nominated)
  }
  out.text(`server: ${rules.serverName}\r\nconnection: upgrade\r\nupgrade: ${rules.protocol}\r\n\r\n`)
  if (rules.changes) changeResponseHead(out, rules.changes)
}

const droppedFromSwitch = kindSet(
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
  'content-length',
  'server',
  'trailer',
)

/** 1xx: passed on as it is, without the lines of one hop. */
export function writeInformational(out: OutBuffer, scanner: HeadScanner, head: ResponseHead): void {
  writeStatus(out, head.status)
  for (let line = 0; line < scanner.count; line++) {
    const kind = scanner.kind(line)
    if (kind !== CONTENT_LENGTH && kind !== TRAILER && droppedFromResponse[kind] !== 1) copyLine(out, scanner, line, head.nominated)
  }
  out.text('\r\n')
}

/** Made once for each status. */
const statusLines = new Map<number, Uint8Array>()

export function writeStatus(out: OutBuffer, status: number): void {
  let line = statusLines.get(status)
  if (line === undefined) {
    line = ascii(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`)
    statusLines.set(status, line)
  }
  out.line(line)
}

/**
 * The line as it came, but for its name's case. One that came in canonical form is copied in one piece; what it came in is no string at any time,
 * unless Connection names headers.
 */
function copyLine(out: OutBuffer, scanner: HeadScanner, line: number, nominated: ReadonlySet<string> | undefined): void {
  const { bytes } = scanner
  const start = scanner.nameStart(line)
  const end = scanner.nameEnd(line)
  if (nominated?.has(bytes.toString('latin1', start, end).toLowerCase())) return
  const valueStart = scanner.valueStart(line)
  const valueEnd = scanner.valueEnd(line)
  if (valueStart === end + 2 && bytes[end + 1] === SP && bytes[valueEnd] === CR) return out.canonicalLine(bytes, start, end, valueEnd + 2)
  out.lower(bytes, start, end)
  out.text(': ')
  out.copy(bytes, valueStart, valueEnd)
  out.text(LINE_END)
}

const SP = 0x20
const CR = 0x0d
