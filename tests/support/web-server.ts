// HTTP servers, plain (HTTP/1.1 and HTTP/2 on one port) and over TLS, that answer for every host with what they saw; request headers and paths steer the answer.
import { createHash } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { localOf, peerOf } from './endpoints.ts'
import type { Seen, SeenRequest } from './seen.ts'

export interface WebOptions {
  readonly log: (seen: Seen) => void
  /** Addresses whose every answer is a 503. */
  readonly broken: readonly string[]
  /** A WebSocket's handshake is answered, and from then on every byte is sent back. */
  readonly echoes?: boolean
  /** A folder of `NAME.crt` and `NAME.key`, and the names in it. */
  readonly certificates: { readonly folder: string; readonly names: readonly string[] }
}

export interface WebServers {
  readonly plain: http.Server
  readonly secure: tls.Server
}

/**
 * Steering: `x-world-status: 503` · `x-world-delay-ms: 1500` · `x-world-reset: 1` (the connection is destroyed instead) ·
 * `x-world-fail-first: 2` with `x-world-key: K` (503 for the first two requests with this key) · `x-world-half: 1` (destroyed amid the body) ·
 * path `/bytes/N` (a body of N bytes).
 */
export function createWebServers(options: WebOptions): WebServers {
  const failed = new Map<string, number>()
  const serve = (request: Request, response: Response): void => {
    const chunks = { length: 0 }
    request.on('data', (chunk: Buffer) => (chunks.length += chunk.length))
    request.on('error', () => request.destroy())
    request.on('end', () => {
      const seen = describe(request, chunks.length)
      options.log(seen)
      const status = options.broken.some((ip) => seen.local.startsWith(`${ip}:`)) ? 503 : steeredStatus(request, failed)
      const delay = Number(request.headers['x-world-delay-ms'] ?? 0)
      setTimeout(() => answer(request, response, { seen, status }), delay)
    })
  }
  const plain = http.createServer({ maxHeaderSize: 262_144, keepAliveTimeout: 60_000 }, serve)
  takePrefaces(plain, http2.createServer(serve))
  if (options.echoes === true) plain.on('upgrade', echo)
  plain.on('clientError', (error, socket) => {
    options.log({ proto: 'http-error', error: error.message })
    // As Node's own HTTPS server does, which the recorded world had.
    if ('encrypted' in socket) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })
  return { plain, secure: createSecureServer(plain, options) }
}

type Request = http.IncomingMessage | http2.Http2ServerRequest
type Response = http.ServerResponse | http2.Http2ServerResponse

/** Connections that begin as HTTP/2 does go to the other server. */
function takePrefaces(plain: http.Server, other: http2.Http2Server): void {
  const others = plain.listeners('connection')
  plain.removeAllListeners('connection')
  plain.on('connection', (socket: Socket) => {
    socket.once('readable', () => {
      const first: unknown = socket.read()
      if (Buffer.isBuffer(first)) socket.unshift(first)
      if (Buffer.isBuffer(first) && first.toString('latin1', 0, 14) === 'PRI * HTTP/2.0') other.emit('connection', socket)
      else for (const listener of others) Reflect.apply(listener, plain, [socket])
    })
    socket.on('error', () => undefined)
  })
}

/** RFC 6455 §4.2.2. */
function echo(request: http.IncomingMessage, socket: Duplex): void {
  const key = `${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = createHash('sha1').update(key).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${accept}`]
  socket.on('error', () => socket.destroy())
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.pipe(socket)
}

function createSecureServer(plain: http.Server, options: WebOptions): tls.Server {
  const { folder, names } = options.certificates
  const pair = (name: string): tls.SecureContextOptions => ({
    cert: readFileSync(join(folder, `${name}.crt`)),
    key: readFileSync(join(folder, `${name}.key`)),
  })
  const contexts = new Map(names.map((name) => [name, tls.createSecureContext(pair(name))]))
  const server = tls.createServer({
    ...pair('default'),
    ALPNProtocols: ['http/1.1'],
    SNICallback: (name, done) => done(null, contexts.get(certificateFor(name, names))),
  })
  server.on('secureConnection', (socket) => {
    shown.set(socket, certificateFor(socket.servername || '', names))
    plain.emit('connection', socket)
  })
  server.on('tlsClientError', (error, socket) => {
    options.log({ proto: 'tls-error', local: localOf(socket), peer: peerOf(socket), error: error.message })
  })
  return server
}

/** Which certificate a connection was shown. */
const shown = new WeakMap<Socket, string>()

function certificateFor(sni: string, names: readonly string[]): string {
  const wildcard = `_.${sni.split('.').slice(1).join('.')}`
  return [sni, wildcard].find((name) => names.includes(name)) ?? 'default'
}

function describe(request: Request, bodyLength: number): SeenRequest {
  const { socket, rawHeaders } = request
  const headers: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) headers.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''])
  const secure = socket instanceof tls.TLSSocket ? { sni: String(socket.servername || ''), certificate: shown.get(socket) ?? '' } : {}
  return {
    proto: socket instanceof tls.TLSSocket ? 'https' : 'http',
    version: request.httpVersion,
    method: request.method ?? '',
    target: request.url ?? '',
    local: localOf(socket),
    peer: peerOf(socket),
    headers,
    bodyLength,
    ...secure,
  }
}

function steeredStatus(request: Request, failed: Map<string, number>): number {
  const first = Number(request.headers['x-world-fail-first'] ?? 0)
  const key = String(request.headers['x-world-key'] ?? '')
  const times = (failed.get(key) ?? 0) + 1
  if (first > 0) failed.set(key, times)
  return first > 0 && times <= first ? 503 : Number(request.headers['x-world-status'] ?? 200)
}

function answer(request: Request, response: Response, result: { readonly seen: SeenRequest; readonly status: number }): void {
  if (response.destroyed) return
  if (request.headers['x-world-reset'] !== undefined) {
    request.socket.destroy()
    return
  }
  const size = /^\/bytes\/(\d+)$/.exec(request.url ?? '')?.[1]
  const body = size === undefined ? Buffer.from(JSON.stringify(result.seen)) : Buffer.alloc(Number(size), 'x')
  const head = { 'content-type': 'application/json', 'content-length': body.length, 'x-world-addr': result.seen.local, server: 'world' }
  response.writeHead(result.status, head)
  const isHalf = request.headers['x-world-half'] !== undefined
  const content = request.method === 'HEAD' ? Buffer.alloc(0) : body
  if (response instanceof http.ServerResponse) {
    if (isHalf) response.write(body.subarray(0, body.length / 2), () => request.socket.destroy())
    else response.end(content)
  } else response.end(content)
}
