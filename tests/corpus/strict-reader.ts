// Reads HTTP/1.1 messages as the strictest reader would, who takes canonical form only and gives up at the first byte that is anything else.

export interface StrictRequest {
  readonly method: string
  readonly target: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  readonly trailers: ReadonlyMap<string, string>
}

export interface StrictResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Names that a reader who merges trailers into the head would go by (RFC 9110 §6.5.1). */
const steering =
  /^(host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|authorization|cookie|set-cookie|x-(envoy|forwarded|sallyport)-.*)$/

export interface StrictResult<Message> {
  readonly messages: readonly Message[]
  /** What is left: the beginning of a message that has not come whole. */
  readonly rest: string
  /** Why what was sent is not canonical. */
  readonly problem?: string
}

/** How a message ends: `more` = not yet. */
type Piece<Message> = { readonly message: Message; readonly length: number } | 'more' | { readonly problem: string }

const REQUEST_LINE = /^([A-Z][A-Z-]*) ([\x21-\x7e]+) HTTP\/1\.1$/
const STATUS_LINE = /^HTTP\/1\.1 ([1-9][0-9][0-9]) [A-Za-z' -]+$/
/** Lower case, one space, no space at the ends, nothing that ends a line or a string. */
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9a-z]+): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/
/** Of these a strict reader wants one at most. */
const single = ['host', 'content-length', 'transfer-encoding', 'date', 'server', 'x-request-id', 'x-forwarded-proto']

export function readRequests(text: string): StrictResult<StrictRequest> {
  return readAll(text, readRequest)
}

/** `methods`: of the requests that are answered, in order. Interim responses are messages of their own. */
export function readResponses(text: string, methods: readonly string[]): StrictResult<StrictResponse> {
  let answered = 0
  return readAll(text, (rest) => {
    const piece = readResponse(rest, methods[answered] ?? 'GET')
    if (typeof piece === 'object' && 'message' in piece && piece.message.status >= 200) answered++
    return piece
  })
}

function readAll<Message>(text: string, read: (rest: string) => Piece<Message>): StrictResult<Message> {
  const messages: Message[] = []
  let at = 0
  while (at < text.length) {
    const piece = read(text.slice(at))
    if (piece === 'more') break
    if ('problem' in piece) return { messages, rest: text.slice(at), problem: piece.problem }
    messages.push(piece.message)
    at += piece.length
  }
  return { messages, rest: text.slice(at) }
}

interface Head {
  readonly first: string
  readonly headers: ReadonlyMap<string, string>
  readonly length: number
}

function readHead(text: string): Head | 'more' | { readonly problem: string } {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return 'more'
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const match = HEADER_LINE.exec(line)
    if (!match) return { problem: `a header line is not canonical: ${JSON.stringify(line.slice(0, 80))}` }
    const [, name = '', value = ''] = match
    if (headers.has(name) && single.includes(name)) return { problem: `${name} is there twice` }
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  if (headers.has('content-length') && headers.has('transfer-encoding')) return { problem: 'the body is framed in two ways' }
  return { first, headers, length: end + 4 }
}

function readRequest(text: string): Piece<StrictRequest> {
  const head = readHead(text)
  if (head === 'more' || 'problem' in head) return head
  const [, method = '', target = ''] = REQUEST_LINE.exec(head.first) ?? []
  if (method === '') return { problem: `the request line is not canonical: ${JSON.stringify(head.first.slice(0, 80))}` }
  if (!/^[A-Za-z0-9._~:[\]-]+$/.test(head.headers.get('host') ?? '')) return { problem: 'the Host is not canonical' }
  return withBody({ method, target, headers: head.headers }, text, head)
}

function readResponse(text: string, method: string): Piece<StrictResponse> {
  const head = readHead(text)
  if (head === 'more' || 'problem' in head) return head
  const status = Number(STATUS_LINE.exec(head.first)?.[1])
  if (Number.isNaN(status)) return { problem: `the status line is not canonical: ${JSON.stringify(head.first.slice(0, 80))}` }
  const base = { status, headers: head.headers }
  if (status < 200 || status === 204) {
    if (head.headers.has('content-length') || head.headers.has('transfer-encoding'))
      return { problem: `${status} with the framing of a body` }
    return { message: { ...base, body: '' }, length: head.length }
  }
  if (method === 'HEAD' || status === 304) return { message: { ...base, body: '' }, length: head.length }
  if (!head.headers.has('content-length') && !head.headers.has('transfer-encoding')) return { problem: 'the body ends with the connection' }
  return withBody(base, text, head)
}

interface Body {
  readonly body: string
  readonly trailers: ReadonlyMap<string, string>
}

function withBody<Base extends object>(base: Base, text: string, head: Head): Piece<Base & Body> {
  const coding = head.headers.get('transfer-encoding')
  if (coding !== undefined) {
    if (coding !== 'chunked') return { problem: `a transfer coding of ${coding}` }
    return withChunks(base, text, head.length)
  }
  const length = head.headers.get('content-length') ?? '0'
  if (!/^(0|[1-9][0-9]*)$/.test(length)) return { problem: 'the length is not canonical' }
  const end = head.length + Number(length)
  return text.length < end ? 'more' : { message: { ...base, body: text.slice(head.length, end), trailers: new Map() }, length: end }
}

function withChunks<Base extends object>(base: Base, text: string, from: number): Piece<Base & Body> {
  let body = ''
  let at = from
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return /^[0-9a-f]{0,12}\r?$/.test(text.slice(at)) ? 'more' : { problem: 'a chunk size is not canonical' }
    const line = text.slice(at, end)
    if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(line)) return { problem: 'a chunk size is not canonical' }
    const size = Number.parseInt(line, 16)
    at = end + 2
    if (size === 0) return withTrailers({ ...base, body }, text, at)
    const last = text.slice(at + size, at + size + 2)
    if (!'\r\n'.startsWith(last)) return { problem: 'a chunk does not end with CR LF' }
    if (last.length < 2) return 'more'
    body += text.slice(at, at + size)
    at += size + 2
  }
}

/** Lines in canonical form that steer nothing, and the empty line. */
function withTrailers<Base extends object>(
  base: Base,
  text: string,
  from: number,
): Piece<Base & { readonly trailers: ReadonlyMap<string, string> }> {
  const trailers = new Map<string, string>()
  let at = from
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return 'more'
    const line = text.slice(at, end)
    at = end + 2
    if (line === '') return { message: { ...base, trailers }, length: at }
    const [, name = '', value = ''] = HEADER_LINE.exec(line) ?? []
    if (name === '' || steering.test(name))
      return { problem: `a trailer is not canonical, or steers the message: ${JSON.stringify(line.slice(0, 80))}` }
    trailers.set(name, value)
  }
}
