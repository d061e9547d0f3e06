// Makes sense of a scanned request head: where it goes, how its body is framed, and what must be refused.
import { parseAbsoluteTarget, isAuthority, sameAuthority } from './authority.ts'
import { knownMethods } from '../sniff/http1.ts'
import type { HeadScanner } from './head-scanner.ts'
import { headerKinds } from './header-name.ts'
import { normalizePath } from './path.ts'
import type { CompiledHttpManager } from '../../runtime/index.ts'
import type { ReasonCode } from '../../flow/index.ts'

export type BodyFraming = { readonly kind: 'none' } | { readonly kind: 'length'; readonly length: number } | { readonly kind: 'chunked' }

export interface RequestHead {
  readonly method: string
  /** Host, or the authority of an absolute URI or CONNECT. */
  readonly authority: string
  /** Path and query, normalised. `*` for OPTIONS of the server; the authority for CONNECT. */
  readonly path: string
  readonly originalPath: string
  /** What the client says of the scheme, by an absolute URI or x-forwarded-proto; Envoy believes it, for matching. */
  readonly scheme: 'http' | 'https' | undefined
  readonly body: BodyFraming
  readonly keepAlive: boolean
  readonly expectsContinue: boolean
  /** The one protocol that a connection may be switched to. */
  readonly upgrade: 'websocket' | undefined
  /** `TE: trailers` (RFC 9110 §10.1.4). */
  readonly takesTrailers: boolean
  /** Lower-case names that `Connection` nominates for removal. */
  readonly nominated: ReadonlySet<string> | undefined
  readonly headers: RequestHeaders
}

/** Values that the proxy itself looks at. */
export interface RequestHeaders {
  readonly accept?: string
  readonly userAgent?: string
  readonly requestId?: string
  readonly forwardedFor?: string
  readonly forwardedProto?: string
  readonly websocketKey?: string
  readonly flow?: string
  readonly source?: string
}

export interface RequestProblem {
  readonly status: number
  readonly code: ReasonCode
  readonly text: string
  /** Envoy's response code details, where it has a word for it. */
  readonly details?: string
}

export type RequestResult = { readonly head: RequestHead } | { readonly problem: RequestProblem }

const noBody: BodyFraming = { kind: 'none' }
const chunkedBody: BodyFraming = { kind: 'chunked' }

export interface RequestRules {
  readonly isStrict: boolean
  readonly pathNormalization: CompiledHttpManager['pathNormalization']
}

export function interpretRequest(scanner: HeadScanner, rules: RequestRules): RequestResult {
  const { bytes } = scanner
  const lines = new LineReader(scanner, rules)
  const problem = lines.read() ?? lines.check()
  if (problem) return { problem }
  const method = methodOf(bytes, scanner.methodStart, scanner.methodEnd)
  if (!knownMethods.has(method)) return refuse(400, 'the method is unknown')
  const target = bytes.toString('latin1', scanner.targetStart, scanner.targetEnd)
  const place = placeOf(method, target, lines.host, rules)
  if ('problem' in place) return place
  const upgrade = lines.upgrade()
  if (upgrade !== undefined && typeof upgrade !== 'string') return upgrade
  const body = lines.body()
  const { headers, expectsContinue, takesTrailers, nominated } = lines
  const isConnect = method === 'CONNECT'
  // It gives its data no meaning (RFC 9110 §9.3.6), so that one reader may take them for a body and another for the tunnel's.
  if (isConnect && body.kind !== 'none') return refuse(400, 'CONNECT has no body')
  // Behind one that is refused may come bytes of somebody else, which its client sent on too early (RFC 9931).
  const keepAlive = lines.keepAlive && !isConnect
  const flawed = upgrade && flawOfHandshake({ method, body, key: headers.websocketKey, isStrict: rules.isStrict })
  if (flawed !== undefined) return refuse(400, `the WebSocket handshake ${flawed}`, 'upgrade_failed')
  const { authority, path } = place
  const scheme = place.scheme ?? schemeOf(headers.forwardedProto)
  const originalPath = target
  return {
    head: {
      method,
      authority,
      path,
      originalPath,
      scheme,
      body,
      keepAlive,
      expectsContinue,
      upgrade,
      takesTrailers,
      nominated,
      headers,
    },
  }
}

function methodOf(bytes: Buffer, start: number, end: number): string {
  // By far the commonest one.
  const isGet = end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54
  return isGet ? 'GET' : bytes.toString('latin1', start, end)
}

function schemeOf(word: string | undefined): 'http' | 'https' | undefined {
  if (word === undefined) return undefined
  const lower = word.toLowerCase()
  return lower === 'http' || lower === 'https' ? lower : undefined
}

/** RFC 6455 §4.2.1. Without these checks two programs could disagree about where HTTP ends on this connection. */
function flawOfHandshake(parts: {
  readonly method: string
  readonly body: BodyFraming
  readonly key: string | undefined
  readonly isStrict: boolean
}): string | undefined {
  if (parts.body.kind === 'chunked' || (parts.body.kind === 'length' && parts.body.length > 0)) return 'has a body'
  if (!parts.isStrict) return undefined
  if (parts.method !== 'GET') return 'is no GET'
  if (parts.key === undefined || !/^[A-Za-z0-9+/]{22}==$/.test(parts.key)) return 'has no valid Sec-WebSocket-Key'
  return undefined
}

function refuse(status: number, text: string, details?: string, code: ReasonCode = 'bad-request'): { problem: RequestProblem } {
  return { problem: { status, code, text, ...(details !== undefined && { details }) } }
}

type Place = { readonly authority: string; readonly path: string; readonly scheme?: 'http' | 'https' | undefined }

function placeOf(method: string, target: string, host: string | undefined, rules: RequestRules): Place | { problem: RequestProblem } {
  if (host === undefined) return refuse(400, 'there is no Host header', 'missing_host_header')
  if (!isAuthority(host, rules.isStrict)) return refuse(400, 'the Host header is not a host with or without port', 'http.invalid_authority')
  if (method === 'CONNECT') {
    if (!isAuthority(target, rules.isStrict)) return refuse(400, 'the target of CONNECT is not a host and port')
    return { authority: target, path: target }
  }
  if (target === '*') {
    return method === 'OPTIONS' ? refuse(404, 'OPTIONS * names no host', 'absolute_path_rejected') : refuse(400, 'the request target is *')
  }
  if (target.startsWith('/')) return normalized(host, target, rules)
  const absolute = parseAbsoluteTarget(target)
  if (!absolute) return refuse(400, 'the request target is neither a path nor an http URI')
  if (!isAuthority(absolute.authority, rules.isStrict)) return refuse(400, 'the URI has no valid host', 'http.invalid_authority')
  // Differs from Istio: there the URI silently overrides Host.
  if (rules.isStrict && !sameAuthority(absolute.authority, host)) {
    return refuse(400, `the request is for ${absolute.authority}, but its Host header says ${host}`, undefined, 'name-mismatch')
  }
  const place = normalized(absolute.authority, absolute.path, rules)
  return 'problem' in place ? place : { ...place, scheme: absolute.scheme }
}

function normalized(authority: string, target: string, rules: RequestRules): Place | { problem: RequestProblem } {
  const path = normalizePath(target, rules.pathNormalization)
  return path === undefined ? refuse(400, 'the path cannot be normalised', 'path_normalization_failed') : { authority, path }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Collects what the header lines say, and notices what they contradict. */
class LineReader {
  host: string | undefined
  keepAlive = true
  expectsContinue = false
  takesTrailers = false
  nominated: Set<string> | undefined
  readonly headers: Writable<RequestHeaders> = {}
  #length: number | undefined
  #isChunked = false
  #upgrade: string | undefined
  readonly #scanner: HeadScanner
  readonly #isStrict: boolean

  constructor(scanner: HeadScanner, rules: RequestRules) {
    this.#scanner = scanner
    this.#isStrict = rules.isStrict
  }

  read(): RequestProblem | undefined {
    for (let line = 0; line < this.#scanner.count; line++) {
      const kind = this.#scanner.kind(line)
      if (kind === 0) continue
      const problem = this.#readLine(line, headerKinds[kind] ?? 'other')
      if (problem) return problem
    }
    return undefined
  }

  /** What only shows when all lines are known. */
  check(): RequestProblem | undefined {
    if (this.#isChunked && this.#length !== undefined) {
      return refuse(400, 'the request has both Content-Length and Transfer-Encoding').problem
    }
    const { nominated } = this
    if (!nominated) return undefined
    for (const name of neverNominated) {
      if (nominated.has(name)) return refuse(400, `Connection names ${name}, which is not for one hop`).problem
    }
    return undefined
  }

  /** What the client offers to switch to. */
  upgrade(): 'websocket' | undefined | { problem: RequestProblem } {
    if (this.#upgrade === undefined || !this.nominated?.has('upgrade')) return undefined
    const tokens = this.#upgrade.split(',').map((token) => token.trim().toLowerCase())
    // An offer of h2c may be ignored (RFC 9110 §7.8), and is by Envoy; Java's HttpClient makes one by default.
    const wanted = tokens.filter((token) => token !== '' && token !== 'h2c')
    if (wanted.length === 0) return undefined
    if (wanted.length === 1 && wanted[0] === 'websocket') return 'websocket'
    return refuse(403, `the upgrade to ${wanted.join(', ')} is not carried out`, 'upgrade_failed', 'protocol-not-supported')
  }

  body(): BodyFraming {
    if (this.#isChunked) return chunkedBody
    return this.#length === undefined || this.#length === 0
      ? this.#length === 0
        ? emptyBody
        : noBody
      : { kind: 'length', length: this.#length }
  }

  #value(line: number): string {
    return this.#scanner.value(line)
  }

  #readLine(line: number, kind: (typeof headerKinds)[number]): RequestProblem | undefined {
    switch (kind) {
      case 'host':
        if (this.host !== undefined) return refuse(400, 'there are two Host headers').problem
        this.host = this.#value(line)
        return undefined
      case 'content-length':
        return this.#readLength(line)
      case 'transfer-encoding':
        return this.#readCoding(this.#value(line))
      case 'connection':
        this.#readConnection(this.#value(line))
        return undefined
      case 'upgrade':
        this.#upgrade = this.#upgrade === undefined ? this.#value(line) : `${this.#upgrade},${this.#value(line)}`
        return undefined
      case 'te':
        this.takesTrailers ||= /(^|,)[ \t]*trailers[ \t]*(,|$)/i.test(this.#value(line))
        return undefined
      case 'expect':
        if (this.#value(line).toLowerCase() !== '100-continue')
          return refuse(417, 'Expect asks for something else than 100-continue').problem
        this.expectsContinue = true
        return undefined
      case 'content_length':
      case 'transfer_encoding':
        // Differs from Istio: there these pass, and an origin that turns hyphens into underscores reads another length.
        return this.#isStrict ? refuse(400, 'a header that frames the message is written with an underscore').problem : undefined
      default:
        this.#readHeader(line, kind)
        return undefined
    }
  }

  #readHeader(line: number, kind: (typeof headerKinds)[number]): void {
    const { headers } = this
    if (kind === 'x-forwarded-proto') headers.forwardedProto ??= this.#value(line)
    else if (kind === 'sec-websocket-key') headers.websocketKey = headers.websocketKey === undefined ? this.#value(line) : ''
    else if (kind === 'accept') headers.accept = this.#value(line)
    else if (kind === 'user-agent') headers.userAgent = this.#value(line)
    else if (kind === 'x-request-id') headers.requestId = this.#value(line)
    else if (kind === 'x-sallyport-flow') headers.flow = this.#value(line)
    else if (kind === 'x-sallyport-source') headers.source = this.#value(line)
    else if (kind === 'x-forwarded-for') {
      const value = this.#value(line)
      headers.forwardedFor = headers.forwardedFor === undefined ? value : `${headers.forwardedFor},${value}`
    }
  }

  #readLength(line: number): RequestProblem | undefined {
    if (this.#length !== undefined) return refuse(400, 'there are two Content-Length headers').problem
    const length = this.#scanner.natural(line)
    if (length < 0) return refuse(400, 'Content-Length is not a number of bytes').problem
    this.#length = length
    return undefined
  }

  #readCoding(value: string): RequestProblem | undefined {
    if (this.#isChunked) return refuse(400, 'there are two Transfer-Encoding headers').problem
    if (value.toLowerCase() !== 'chunked') return refuse(501, 'the only transfer coding that is served is chunked').problem
    this.#isChunked = true
    return undefined
  }

  #readConnection(value: string): void {
    for (const part of value.split(',')) {
      const name = part.trim().toLowerCase()
      if (name === 'close') this.keepAlive = false
      else if (name !== '' && name !== 'keep-alive') (this.nominated ??= new Set()).add(name)
    }
  }
}

const emptyBody: BodyFraming = { kind: 'length', length: 0 }

/** Removing these because a client says so would change where a request goes or where it ends (RFC 9110 §7.6.1). */
const neverNominated = [
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
  'cache-control',
]
