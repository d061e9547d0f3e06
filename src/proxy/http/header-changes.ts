// Carries out what a route changes in a message's head, on the written head and never on the lines that frame it.
import { type Ip, SallyportError } from '../../base/index.ts'
import type { HeaderChange } from '../../runtime/index.ts'
import { isAuthority } from './authority.ts'
import type { OutBuffer } from './out-buffer.ts'

export interface RequestChanges {
  readonly path?: string | undefined
  readonly authority?: string | undefined
  readonly headers?: readonly HeaderChange[] | undefined
}

/**
 * `out` holds a request's head without its last, empty line. A value that would break the head is a fault of whoever
 * compiled it, and thrown.
 */
export function changeRequestHead(out: OutBuffer, changes: RequestChanges): void {
  const lines = readLines(out)
  if (changes.path !== undefined) replacePath(lines, changes.path)
  if (changes.authority !== undefined) replaceAuthority(lines, changes.authority)
  for (const change of changes.headers ?? []) applyChange(lines, change, isOursInRequest)
  writeLines(out, lines, '')
}

/** `out` holds a response's whole head. */
export function changeResponseHead(out: OutBuffer, changes: readonly HeaderChange[]): void {
  const lines = readLines(out)
  for (const change of changes) applyChange(lines, change, isOursInResponse)
  writeLines(out, lines, '\r\n')
}

/** Changes the headers of an answer that is not written yet. */
export function changeHeaderList(
  headers: readonly (readonly [name: string, value: string])[],
  changes: readonly HeaderChange[],
): readonly (readonly [name: string, value: string])[] {
  const lines = ['', ...headers.map(([name, value]) => lineOf(name, value))]
  for (const change of changes) applyChange(lines, change, isOursInResponse)
  return lines.slice(1).map((line) => [nameOf(line), line.slice(line.indexOf(':') + 2)])
}

export interface MirrorLines {
  /** The proxy's own address. */
  readonly address: Ip | undefined
  /** For a gateway: the mirror's own flow, and whose workload it is. */
  readonly flow?: string
  readonly workload?: string
}

/** The copy of a message that begins with a whole head: Envoy marks it as internal, and as forwarded by itself. */
export function mirrorMessage(message: Buffer, { address, flow, workload }: MirrorLines): Buffer {
  const end = message.indexOf('\r\n\r\n')
  const lines = message.toString('latin1', 0, end).split('\r\n')
  const told = lines.find((line) => nameOf(line) === 'x-forwarded-for')
  const from = told === undefined ? '' : `${told.slice(told.indexOf(':') + 2)},`
  const kept = lines.filter((line, at) => at === 0 || !isReplacedInMirror(nameOf(line), address !== undefined))
  kept.push('x-envoy-internal: true')
  if (address !== undefined) kept.push(`x-forwarded-for: ${from}${address}`)
  if (flow !== undefined) kept.push(`x-sallyport-flow: ${flow}`)
  if (workload !== undefined) kept.push(`x-sallyport-source: ${workload}`)
  return Buffer.concat([Buffer.from(kept.join('\r\n'), 'latin1'), message.subarray(end)])
}

function isReplacedInMirror(name: string, hasAddress: boolean): boolean {
  return name.startsWith('x-sallyport-') || (hasAddress && name === 'x-forwarded-for')
}

/** What belongs to one hop or frames the message (RFC 9110 §7.6.1, RFC 9112 §6): no route has a say in it. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Besides: the authority has a field of its own in a plan, and these say what the proxy itself knows. */
function isOursInRequest(name: string): boolean {
  return framing.has(name) || name === 'host' || name === 'x-envoy-attempt-count' || name.startsWith('x-sallyport-')
}

/** Envoy writes `date` and `server` after everything else, so that changing them has no effect there either. */
function isOursInResponse(name: string): boolean {
  return framing.has(name) || name === 'date' || name === 'server' || name.startsWith('x-sallyport-')
}

function readLines(out: OutBuffer): string[] {
  const lines = out.bytes.toString('latin1', 0, out.length).split('\r\n')
  while (lines.at(-1) === '') lines.pop()
  return lines
}

function writeLines(out: OutBuffer, lines: readonly string[], end: string): void {
  out.reset()
  for (const line of lines) {
    out.text(line)
    out.text('\r\n')
  }
  out.text(end)
}

function replacePath(lines: string[], path: string): void {
  // Differs from Istio: there what is beyond ASCII goes out as it is, which no request target may hold (RFC 3986 §2).
  const target = path.replace(/[^\p{ASCII}]/gu, (character) => encodeURIComponent(character))
  if (!/^\/[\x21-\x7e]*$/.test(target)) throw broken(`the path ${JSON.stringify(path)}`)
  const [method = '', original = ''] = (lines[0] ?? '').split(' ')
  lines[0] = `${method} ${target} HTTP/1.1`
  if (original !== target) lines.push(lineOf('x-envoy-original-path', original))
}

function replaceAuthority(lines: string[], authority: string): void {
  if (!isAuthority(authority, true)) throw broken(`the authority ${JSON.stringify(authority)}`)
  const index = lines.findIndex((line, at) => at > 0 && nameOf(line) === 'host')
  const original = (lines[index] ?? '').slice('host: '.length)
  if (index > 0) lines[index] = lineOf('host', authority)
  if (original !== authority) lines.push(lineOf('x-envoy-original-host', original))
}

function applyChange(lines: string[], change: HeaderChange, isOurs: (name: string) => boolean): void {
  const { kind, name } = change
  if (isOurs(name)) return
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) throw broken(`the header name ${JSON.stringify(name)}`)
  const isThere = lines.some((line, at) => at > 0 && nameOf(line) === name)
  if (kind === 'add-if-absent' && isThere) return
  if ((kind === 'set' || kind === 'remove') && isThere) {
    for (let at = lines.length - 1; at > 0; at--) if (nameOf(lines[at] ?? '') === name) lines.splice(at, 1)
  }
  if (kind !== 'remove') lines.push(lineOf(name, bytesOf(change.value)))
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(':'))
}

function lineOf(name: string, value: string): string {
  return `${name}: ${value}`
}

/** One character for each byte of the UTF-8 form, as heads are written. */
function bytesOf(value: string): string {
  const bytes = Buffer.from(value, 'utf8').toString('latin1')
  for (const character of bytes) {
    const code = character.charCodeAt(0)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) throw broken('a header value with a control character')
  }
  return bytes.trim()
}

function broken(what: string): SallyportError {
  return new SallyportError('SLP0001', `a route asks for ${what}, which no HTTP message can carry`)
}
