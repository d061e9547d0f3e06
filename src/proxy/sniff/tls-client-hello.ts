// Reads server name and ALPN from a ClientHello, however it is cut into segments and records (RFC 8446 §4.1.2, §5.1).

export interface ClientHello {
  /** Lower case; a trailing dot stays, as in Envoy. */
  readonly sni?: string
  readonly alpn: readonly string[]
}

/** `more`: a ClientHello so far, but not all of it. A string: why it is none. */
export type ClientHelloResult = { readonly hello: ClientHello } | 'more' | { readonly broken: string }

const CONTENT_HANDSHAKE = 22
const HANDSHAKE_CLIENT_HELLO = 1
const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
const MAX_RECORD = 16_384
/** One byte a record is legal, and clients that test proxies do it. */
const MAX_RECORDS = 2048
const MAX_HELLO = 65_536
const EXTENSION_SERVER_NAME = 0
const EXTENSION_ALPN = 16

export function readClientHello(bytes: Buffer, start: number, end: number): ClientHelloResult {
  const pieces: Buffer[] = []
  const message = new MessageLength()
  let at = start
  while (at < end && !message.isComplete) {
    const problem = pieces.length >= MAX_RECORDS ? 'the ClientHello is cut into too many records' : badRecordHeader(bytes, at, end)
    if (problem !== undefined) return { broken: problem }
    if (end - at < RECORD_HEADER) return 'more'
    const length = bytes.readUInt16BE(at + 3)
    const piece = bytes.subarray(at + RECORD_HEADER, Math.min(end, at + RECORD_HEADER + length))
    pieces.push(piece)
    message.add(piece)
    if (message.problem !== undefined) return { broken: message.problem }
    at += RECORD_HEADER + length
  }
  if (!message.isComplete) return 'more'
  const body = Buffer.concat(pieces)
  const hello = parseHello(new Reader(body, MESSAGE_HEADER, message.length))
  return hello ? { hello } : { broken: 'the ClientHello is malformed' }
}

/** Follows the length of the first handshake message while its pieces come in. */
class MessageLength {
  length = Number.POSITIVE_INFINITY
  problem: string | undefined
  #total = 0
  readonly #header = Buffer.alloc(MESSAGE_HEADER)

  get isComplete(): boolean {
    return this.#total >= this.length
  }

  add(piece: Buffer): void {
    if (this.#total < MESSAGE_HEADER) {
      piece.copy(this.#header, this.#total)
      if (this.#total + piece.length >= MESSAGE_HEADER) this.length = MESSAGE_HEADER + this.#header.readUIntBE(1, 3)
    }
    this.#total += piece.length
    if (this.#total > 0 && this.#header[0] !== HANDSHAKE_CLIENT_HELLO) this.problem = 'the first handshake message is not a ClientHello'
    else if (this.length !== Number.POSITIVE_INFINITY && this.length > MAX_HELLO) this.problem = 'the ClientHello is too long'
  }
}

/** Judges as many bytes of a record's header as there are. */
function badRecordHeader(bytes: Buffer, at: number, end: number): string | undefined {
  if (bytes[at] !== CONTENT_HANDSHAKE) return 'a record is not a handshake record'
  if (at + 1 < end && bytes[at + 1] !== 3) return 'the record version is not TLS'
  if (at + 2 < end && (bytes[at + 2] ?? 0) > 4) return 'the record version is not TLS'
  if (at + 4 >= end) return undefined
  const length = bytes.readUInt16BE(at + 3)
  if (length === 0 || length > MAX_RECORD) return 'the record length is out of bounds'
  return undefined
}

function parseHello(reader: Reader): ClientHello | undefined {
  reader.skip(2 + 32)
  const session = reader.block(1)
  const suites = reader.block(2)
  const compressions = reader.block(1)
  if (!session || !suites || !compressions) return undefined
  if (session.left > 32 || suites.left < 2 || suites.left % 2 !== 0 || compressions.left < 1) return undefined
  // A ClientHello of TLS 1.0 may end here, without extensions.
  if (reader.left === 0) return { alpn: [] }
  const extensions = reader.block(2)
  if (!extensions || reader.left !== 0) return undefined
  return parseExtensions(extensions)
}

function parseExtensions(reader: Reader): ClientHello | undefined {
  let sni: string | undefined
  let alpn: readonly string[] | undefined
  const seen = new Set<number>()
  while (reader.left > 0) {
    const type = reader.uint(2)
    const body = reader.block(2)
    if (type === undefined || !body || seen.has(type)) return undefined
    seen.add(type)
    if (type === EXTENSION_SERVER_NAME) {
      sni = parseServerName(body)
      if (sni === undefined) return undefined
    } else if (type === EXTENSION_ALPN) {
      alpn = parseAlpn(body)
      if (!alpn) return undefined
    }
  }
  return { ...(sni !== undefined && { sni }), alpn: alpn ?? [] }
}

/** RFC 6066 §3: exactly one host_name. Printable ASCII without space: anything else can be read in two ways. */
function parseServerName(body: Reader): string | undefined {
  const list = body.block(2)
  if (!list || body.left !== 0) return undefined
  const type = list.uint(1)
  const name = list.block(2)
  if (type !== 0 || !name || list.left !== 0) return undefined
  const text = name.text()
  return text.length > 0 && text.length <= 255 && /^[\x21-\x7e]+$/.test(text) ? text.toLowerCase() : undefined
}

/** RFC 7301 §3.1 */
function parseAlpn(body: Reader): readonly string[] | undefined {
  const list = body.block(2)
  if (!list || body.left !== 0 || list.left === 0) return undefined
  const names: string[] = []
  while (list.left > 0) {
    const name = list.block(1)
    if (!name || name.left === 0) return undefined
    names.push(name.text())
  }
  return names
}

/** Walks over length-prefixed blocks; whatever runs out of bounds is undefined. */
class Reader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  /** Going past the end makes every later read fail. */
  skip(count: number): void {
    this.#at += count
  }

  uint(size: number): number | undefined {
    if (this.left < size) return undefined
    const value = this.#bytes.readUIntBE(this.#at, size)
    this.#at += size
    return value
  }

  block(lengthSize: number): Reader | undefined {
    const length = this.uint(lengthSize)
    if (length === undefined || this.left < length) return undefined
    const inner = new Reader(this.#bytes, this.#at, this.#at + length)
    this.#at += length
    return inner
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end)
  }
}
