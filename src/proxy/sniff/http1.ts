// Tells whether bytes begin with an HTTP/1.1 request line, by the rules of Envoy's http_inspector (its http_parser).

export interface RequestLine {
  readonly method: string
  readonly target: string
  /** The Host header, when the whole head is there already. */
  readonly host?: string
}

/** `more`: could still become one. A string in `broken`: why it is not HTTP/1.1. */
export type RequestLineResult = { readonly line: RequestLine } | 'more' | { readonly broken: string }

/** The methods that http_parser 2.9 knows; any other, or one in lower case, is not HTTP to Envoy. */
export const knownMethods: ReadonlySet<string> = new Set(
  (
    'DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL ' +
    'REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE'
  ).split(' '),
)

const LONGEST_METHOD = Math.max(...Array.from(knownMethods, (method) => method.length))

/** Every beginning of a known method followed by a space: what may still become a method. */
const methodBeginnings: ReadonlySet<string> = new Set(
  Array.from(knownMethods).flatMap((method) => Array.from(method, (_, index) => method.slice(0, index + 1))),
)

const VERSION = 'HTTP/1.1'

export function readRequestLine(bytes: Buffer, start: number, end: number): RequestLineResult {
  const space = findByte(bytes, 0x20, start, Math.min(end, start + LONGEST_METHOD + 1))
  if (space === undefined) {
    const beginning = bytes.toString('latin1', start, Math.min(end, start + LONGEST_METHOD + 1))
    return beginning === '' || methodBeginnings.has(beginning) ? 'more' : { broken: 'no known method' }
  }
  const method = bytes.toString('latin1', start, space)
  if (!knownMethods.has(method)) return { broken: 'no known method' }
  return readTarget(bytes, skipSpaces(bytes, space, end), end, method)
}

function readTarget(bytes: Buffer, start: number, end: number, method: string): RequestLineResult {
  let at = start
  while (at < end && isTargetByte(bytes[at])) at++
  if (at > start && !isTargetStart(bytes[start], method)) return { broken: 'the request target is neither a path nor a URI' }
  if (at === end) return 'more'
  if (bytes[at] !== 0x20 || at === start) return { broken: 'the request line has no version, or a byte that no target has' }
  const version = skipSpaces(bytes, at, end)
  for (let index = 0; index < VERSION.length; index++) {
    if (version + index >= end) return 'more'
    if (bytes[version + index] !== VERSION.charCodeAt(index)) return { broken: 'the version is not HTTP/1.1' }
  }
  const after = bytes[version + VERSION.length]
  if (version + VERSION.length >= end) return 'more'
  if (after !== 0x0d && after !== 0x0a) return { broken: 'the version is not HTTP/1.1' }
  const host = findHost(bytes, version + VERSION.length, end)
  return { line: { method, target: bytes.toString('latin1', start, at), ...(host !== undefined && { host }) } }
}

/** For explanations and second judgements only: the HTTP codec reads the head again, and strictly. */
function findHost(bytes: Buffer, start: number, end: number): string | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', start, 'latin1')
  if (headEnd === -1 || headEnd >= end) return undefined
  const lines = bytes.toString('latin1', start, headEnd).split('\r\n')
  const hosts = lines.filter((line) => /^host:[^\r\n]*$/i.test(line))
  return hosts.length === 1 ? withoutBlanks(hosts[0] ?? '', 'host:'.length) : undefined
}

/** By hand: of an expression that looks for blanks at an end, a client could make a search that takes seconds. */
function withoutBlanks(line: string, from: number): string {
  const isBlank = (at: number): boolean => line[at] === ' ' || line[at] === '\t'
  let [start, end] = [from, line.length]
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return line.slice(start, end)
}

/** A path, `*`, or a URI's scheme; after CONNECT an authority. */
function isTargetStart(byte: number | undefined, method: string): boolean {
  if (byte === undefined) return false
  const isAlpha = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
  if (method === 'CONNECT') return isAlpha || byte === 0x5b || (byte >= 0x30 && byte <= 0x39)
  return byte === 0x2f || byte === 0x2a || isAlpha
}

function isTargetByte(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte < 0x7f
}

/** http_parser takes several spaces here; the HTTP codec behind it does not. */
function skipSpaces(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] === 0x20) at++
  return at
}

function findByte(bytes: Buffer, byte: number, start: number, end: number): number | undefined {
  for (let at = start; at < end; at++) if (bytes[at] === byte) return at
  return undefined
}
