// Reads heads in the plainest way that RFC 9112 and the strict rules allow, with regular expressions and no thought of speed: what the scanner is held to.

export interface PlainHead {
  /** Length of the head in characters. */
  readonly length: number
  /** Method and target, or the version and the status. */
  readonly first: readonly [string, string]
  readonly lines: readonly (readonly [name: string, value: string])[]
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const LINE = `${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n`
const requestHead = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e]+) HTTP/1\\.1\\r\\n((?:${LINE})*)\\r\\n`)
const responseHead = new RegExp(`^HTTP/1\\.([01]) ([1-9][0-9][0-9])(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?\\r\\n((?:${LINE})*)\\r\\n`)

/** Undefined: not complete, or not in order. */
export function readRequestHead(text: string): PlainHead | undefined {
  return found(requestHead.exec(text))
}

export function readResponseHead(text: string): PlainHead | undefined {
  return found(responseHead.exec(text))
}

function found(match: RegExpExecArray | null): PlainHead | undefined {
  if (!match) return undefined
  const [whole, a = '', b = '', block = ''] = match
  return { length: whole.length, first: [a, b], lines: readLines(block) }
}

export function readLines(block: string): PlainHead['lines'] {
  return block
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')] as const
    })
}

export function valuesOf(head: PlainHead, name: string): readonly string[] {
  return head.lines.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value)
}

/** The options of all Connection lines, in lower case. */
export function connectionOptions(head: PlainHead): readonly string[] {
  return valuesOf(head, 'connection')
    .flatMap((value) => value.split(','))
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
}

export type PlainFraming = 'none' | 'chunked' | 'until-close' | number

/** What frames a request's body; undefined: it must be refused (RFC 9112 §6). */
export function requestFraming(head: PlainHead): PlainFraming | undefined {
  const lengths = valuesOf(head, 'content-length')
  const codings = valuesOf(head, 'transfer-encoding')
  if (lengths.length + codings.length > 1) return undefined
  if (codings[0] !== undefined) return codings[0].toLowerCase() === 'chunked' ? 'chunked' : undefined
  if (lengths[0] === undefined) return 'none'
  return /^[0-9]{1,15}$/.test(lengths[0]) ? Number(lengths[0]) : undefined
}

export interface PlainQuestion {
  readonly method: string
  /** The protocol that was asked for. */
  readonly upgrade: string | undefined
}

/** As `requestFraming`, for the response to a request. */
export function responseFraming(head: PlainHead, { method, upgrade }: PlainQuestion): PlainFraming | undefined {
  const framing = requestFraming(head)
  const status = Number(head.first[1])
  if (framing === undefined || (status === 101 && !switches(head, upgrade)) || (framing === 'chunked' && head.first[0] === '0'))
    return undefined
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  return framing === 'none' ? 'until-close' : framing
}

function switches(head: PlainHead, upgrade: string | undefined): boolean {
  const protocols = valuesOf(head, 'upgrade').map((value) => value.toLowerCase())
  return upgrade !== undefined && connectionOptions(head).includes('upgrade') && protocols.length === 1 && protocols[0] === upgrade
}

const HOST = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])$/

/** A host with or without port, as the strict mode wants it. */
export function isPlainAuthority(text: string): boolean {
  const match = /^(.*?)(?::([0-9]{0,5}))?$/.exec(text)
  return match !== null && HOST.test(match[1] ?? '') && Number(match[2] ?? 0) <= 65_535
}
