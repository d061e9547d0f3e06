// Writes heads anew from what was scanned, so that what leaves is canonical whatever came in, with the headers that Envoy would add.
import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Ip } from '../../base/index.ts'
import type { HeaderChange } from '../../runtime/index.ts'
import { changeResponseHead } from './header-changes.ts'
import type { HeadScanner } from './head-scanner.ts'
import { type HeaderKind, headerKinds } from './header-name.ts'
import type { Message, OutBuffer } from './out-buffer.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

export interface HopRules {
  /** The peer's address is appended to x-forwarded-for (gateway). */
  readonly peer?: Ip
  /** The peer is outside: what it says of the request's history is replaced. */
  readonly isEdge: boolean
}

export interface WrittenRequest {
  readonly requestId: string
  /** Where the one digit of x-envoy-attempt-count stands. */
  readonly attemptAt: number
}

/** One hop's own business, written anew or left out (RFC 9110 §7.6.1), and what only a proxy may say. */
const droppedFromRequest: ReadonlySet<HeaderKind> = new Set<HeaderKind>([
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
])

/** Writes all but the lines that depend on the decision and the empty line at the end: see `finishRequest`. */
export function writeRequest(out: OutBuffer, scanner: HeadScanner, head: RequestHead, hop: HopRules): WrittenRequest {
  out.text(head.method)
  out.text(' ')
  out.text(head.path)
  out.text(' HTTP/1.1\r\n')
  for (let line = 0; line < scanner.count; line++) writeRequestLine(out, scanner, line, { head, hop })
  const requestId = (hop.isEdge ? undefined : head.headers.requestId) ?? randomUUID()
  if (hop.isEdge || head.headers.forwardedProto === undefined) out.text('x-forwarded-proto: http\r\n')
  if (hop.isEdge || head.headers.requestId === undefined) out.text(`x-request-id: ${requestId}\r\n`)
  out.text('x-envoy-attempt-count: 1\r\n')
  const attemptAt = out.length - 3
  if (hop.peer !== undefined) {
    const { forwardedFor } = head.headers
    out.text(`x-forwarded-for: ${forwardedFor === undefined ? '' : `${forwardedFor},`}${hop.peer}\r\n`)
    if (hop.isEdge) out.text(`x-envoy-external-address: ${hop.peer}\r\n`)
  }
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
  const kind = headerKinds[scanner.kind(line)] ?? 'other'
  if (kind === 'host') {
    out.text('host: ')
    out.text(head.authority)
    out.text('\r\n')
    return
  }
  if (kind === 'content-length') {
    if (head.body.kind === 'length') out.text(`content-length: ${head.body.length}\r\n`)
    return
  }
  if (droppedFromRequest.has(kind)) return
  if (hop.isEdge && (kind === 'x-request-id' || kind === 'x-forwarded-proto')) return
  if (hop.peer !== undefined && kind === 'x-forwarded-for') return
  if (kind === 'trailer' && head.body.kind !== 'chunked') return
  copyLine(out, scanner, line, head.nominated)
}

/** The lines that a decision adds, and the end of the head. */
export function finishRequest(
  out: OutBuffer,
  extra: { readonly timeoutMs: number; readonly flow: string | undefined; readonly workload: string | undefined },
): void {
  if (extra.timeoutMs > 0) out.text(`x-envoy-expected-rq-timeout-ms: ${extra.timeoutMs}\r\n`)
  if (extra.flow !== undefined) out.text(`x-sallyport-flow: ${extra.flow}\r\n`)
  if (extra.workload !== undefined) out.text(`x-sallyport-source: ${extra.workload}\r\n`)
  out.text('\r\n')
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

const droppedFromResponse: ReadonlySet<HeaderKind> = new Set<HeaderKind>([
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
])

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
    const kind = headerKinds[scanner.kind(line)] ?? 'other'
    if (kind === 'server') {
      if (!hasServer) out.text(`server: ${rules.serverName}\r\n`)
      hasServer = true
    } else if (kind === 'content-length') {
      // 204 has none (RFC 9110 §8.6); for HEAD and 304 it says what a GET would have had.
      if (head.status !== 204) out.text(`content-length: ${head.declaredLength}\r\n`)
    } else if (kind !== 'x-envoy-upstream-service-time' && !droppedFromResponse.has(kind) && (kind !== 'trailer' || isChunked)) {
      if (kind === 'date') hasDate = true
      copyLine(out, scanner, line, head.nominated)
    }
  }
  if (!hasDate) out.text(`date: ${rules.date}\r\n`)
  if (!hasServer) out.text(`server: ${rules.serverName}\r\n`)
  out.text(`x-envoy-upstream-service-time: ${rules.serviceTimeMs}\r\n`)
  if (rules.closes) out.text('connection: close\r\n')
  if (isChunked) out.text('transfer-encoding: chunked\r\n')
  out.text('\r\n')
  if (rules.changes) changeResponseHead(out, rules.changes)
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
    const kind = headerKinds[scanner.kind(line)] ?? 'other'
    if (!droppedFromSwitch.has(kind)) copyLine(out, scanner, line, head.nominated)
  }
  out.text(`server: ${rules.serverName}\r\nconnection: upgrade\r\nupgrade: ${rules.protocol}\r\n\r\n`)
  if (rules.changes) changeResponseHead(out, rules.changes)
}

const droppedFromSwitch: ReadonlySet<HeaderKind> = new Set<HeaderKind>([...droppedFromResponse, 'content-length', 'server', 'trailer'])

/** 1xx: passed on as it is, without the lines of one hop. */
export function writeInformational(out: OutBuffer, scanner: HeadScanner, head: ResponseHead): void {
  writeStatus(out, head.status)
  for (let line = 0; line < scanner.count; line++) {
    const kind = headerKinds[scanner.kind(line)] ?? 'other'
    if (kind !== 'content-length' && kind !== 'trailer' && !droppedFromResponse.has(kind)) copyLine(out, scanner, line, head.nominated)
  }
  out.text('\r\n')
}

export function writeStatus(out: OutBuffer, status: number): void {
  out.text(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`)
}

function copyLine(out: OutBuffer, scanner: HeadScanner, line: number, nominated: ReadonlySet<string> | undefined): void {
  const { bytes } = scanner
  const start = scanner.nameStart(line)
  const end = scanner.nameEnd(line)
  if (nominated?.has(bytes.toString('latin1', start, end).toLowerCase())) return
  out.lower(bytes, start, end)
  out.text(': ')
  out.copy(bytes, scanner.valueStart(line), scanner.valueEnd(line))
  out.text('\r\n')
}
