// Plays the one declared host, and reads what it is sent in every way that a server somewhere might: a request for another host must appear in none.
import http2 from 'node:http2'
import net from 'node:net'
import { declaredHost } from '../attempts/declared.ts'
import type { Ledger } from './ledger.ts'

/** How a server reads what the standard calls ambiguous. */
interface Reading {
  readonly prefers: 'length' | 'chunks'
  /** Takes what is not quite right: bare line feeds, spaces before colons, odd codings. */
  readonly isLoose: boolean
}

const readings: readonly Reading[] = (['length', 'chunks'] as const).flatMap((prefers) => [
  { prefers, isLoose: false },
  { prefers, isLoose: true },
])
const mostBytes = 64 * 1024

/** Servers for port 80 and for port 443, where only the server name can be read. */
export function createOrigin(ledger: Ledger): { readonly plain: net.Server; readonly secure: net.Server } {
  const second = http2.createServer((request, response) => {
    noteForeign(ledger, [request.headers[':authority'], request.headers.host], 'an HTTP/2 request for')
    response.end('ok')
  })
  return {
    plain: net.createServer((socket) => serve(socket, ledger, second)),
    secure: net.createServer((socket) => serveSecure(socket, ledger)),
  }
}

function serve(socket: net.Socket, ledger: Ledger, second: http2.Http2Server): void {
  let received = Buffer.alloc(0)
  let answered = 0
  socket.on('error', () => socket.destroy())
  const onData = (chunk: Buffer): void => {
    if (received.length === 0 && chunk.subarray(0, 14).toString('latin1') === 'PRI * HTTP/2.0') {
      socket.off('data', onData)
      socket.pause()
      socket.unshift(chunk)
      second.emit('connection', socket)
      return
    }
    received = Buffer.concat([received, chunk]).subarray(0, mostBytes)
    const text = received.toString('latin1')
    for (const reading of readings) for (const head of headsIn(text, reading)) judgeHead(head, ledger)
    const complete = headsIn(text, { prefers: 'chunks', isLoose: false }).length
    for (; answered < complete; answered++) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  }
  socket.on('data', onData)
}

function serveSecure(socket: net.Socket, ledger: Ledger): void {
  socket.on('error', () => socket.destroy())
  socket.once('data', (hello: Buffer) => {
    const text = hello.toString('latin1')
    if (!text.includes(declaredHost)) ledger.add({ what: 'a connection to the declared host’s TLS port that is not for it', text })
    socket.end()
  })
}

/** The heads of all requests that a server with this reading finds. */
export function headsIn(text: string, reading: Reading): readonly string[] {
  const heads: string[] = []
  let rest = text
  while (rest !== '' && heads.length < 64) {
    const end = reading.isLoose ? /\r?\n\r?\n/.exec(rest) : /\r\n\r\n/.exec(rest)
    if (end === null) break
    const head = rest.slice(0, end.index)
    heads.push(head)
    rest = rest.slice(end.index + end[0].length)
    const body = bodyLength(head, rest, reading)
    if (body === undefined) break
    rest = rest.slice(body)
  }
  return heads
}

/** Undefined when the reading has no more to say. */
function bodyLength(head: string, rest: string, { prefers, isLoose }: Reading): number | undefined {
  const lines = linesOf(head, isLoose)
  const lengths = valuesOf(lines, 'content-length', isLoose).map((value) => Number.parseInt(value, 10))
  const codings = valuesOf(lines, 'transfer-encoding', isLoose)
  const isChunked = codings.some((coding) => (isLoose ? coding.includes('chunked') : coding === 'chunked'))
  const length = (isLoose ? lengths.at(0) : lengths.at(-1)) ?? 0
  return isChunked && (prefers === 'chunks' || lengths.length === 0) ? chunksLength(rest, isLoose) : Number.isNaN(length) ? 0 : length
}

function chunksLength(rest: string, isLoose: boolean): number | undefined {
  let at = 0
  for (;;) {
    const line = (isLoose ? /^[^\n]*\n/ : /^[^\r]*\r\n/).exec(rest.slice(at))?.[0]
    // What overflows a small number is zero for a server that counts in 32 bits.
    const size = Number.parseInt(line ?? '', 16) % 2 ** 32
    if (line === undefined || Number.isNaN(size)) return undefined
    at += line.length
    if (size === 0) {
      const trailers = /^(?:[^\r\n]+\r?\n)*\r?\n/.exec(rest.slice(at))
      return trailers === null ? undefined : at + trailers[0].length
    }
    at += size
    const end = /^\r?\n/.exec(rest.slice(at)) ?? (isLoose ? /^[^\n]*\n/.exec(rest.slice(at)) : null)
    if (end === null) return undefined
    at += end[0].length
  }
}

function linesOf(head: string, isLoose: boolean): readonly string[] {
  return isLoose ? head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r\n|\n|\r/) : head.split('\r\n')
}

function valuesOf(lines: readonly string[], name: string, isLoose: boolean): readonly string[] {
  return lines.slice(1).flatMap((line) => {
    const [key = '', ...value] = line.split(':')
    return (isLoose ? key.trim() : key).toLowerCase() === name ? [value.join(':').trim().toLowerCase()] : []
  })
}

/** Said of what is for the declared host: that it arrives shows that the way there is open. */
export const honestRequest = 'an honest request to the declared host'

function judgeHead(head: string, ledger: Ledger): void {
  const lines = linesOf(head, true)
  const [method = '', target = ''] = (lines[0] ?? '').split(/\s+/)
  const inTarget = method === 'CONNECT' ? [target] : [/^[a-z]+:\/\/([^/?#]*)/i.exec(target)?.[1]]
  const hosts = [...inTarget, ...valuesOf(lines, 'host', true)]
  noteForeign(ledger, hosts, `a request (${method}) for`, head)
  if (hosts.includes(declaredHost)) ledger.add({ what: honestRequest, text: '' })
}

function noteForeign(ledger: Ledger, hosts: readonly (string | undefined)[], what: string, text?: string): void {
  const foreign = hosts.find((host) => host !== undefined && host.replace(/:(80|443)$/, '') !== declaredHost)
  if (foreign !== undefined) ledger.add({ what: `${what} ${foreign.slice(0, 60)}`, text: text ?? foreign })
}
