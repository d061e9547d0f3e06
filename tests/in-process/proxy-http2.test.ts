// Proves on real sockets, with Node's own HTTP/2 at both ends, what becomes of requests that come or leave by streams.
import http2, { type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttp1, type RequestListener, request as requestHttp1 } from 'node:http'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/index.ts'
import type { Target } from '../../src/runtime/index.ts'
import {
  answering,
  closeAfterwards,
  deny,
  dialPeer,
  forward,
  http,
  listen,
  local,
  origin,
  plane,
  portOf,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

/** An origin that speaks HTTP/2 only. */
async function origin2(
  onStream: OnStream,
  options: http2.ServerOptions = {},
): Promise<{ readonly target: Target; readonly sessions: () => number }> {
  const server = http2.createServer(options)
  let sessions = 0
  const open = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => {
    sessions++
    open.add(session)
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    onStream(stream, headers)
  })
  await listen(server)
  closeAfterwards({
    close: () => {
      for (const session of open) session.destroy()
      server.close()
    },
  })
  return { target: local(portOf(server)), sessions: () => sessions }
}

async function origin1(listener: RequestListener): Promise<Target> {
  const server = createHttp1(listener)
  await listen(server)
  closeAfterwards({
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return local(portOf(server))
}

function connect(port: number): ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  closeAfterwards({ close: () => session.destroy() })
  return session
}

interface Answer {
  readonly headers: IncomingHttpHeaders & http2.IncomingHttpStatusHeader
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  readonly interim: readonly IncomingHttpHeaders[]
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':authority': 'a.example', ':path': '/', ...headers })
    const answer = { headers: {} as Answer['headers'], body: '', trailers: {} as IncomingHttpHeaders, interim: [] as IncomingHttpHeaders[] }
    stream.setEncoding('latin1')
    stream.on('headers', (interim) => answer.interim.push(interim))
    stream.on('response', (head) => (answer.headers = head))
    stream.on('trailers', (trailers) => (answer.trailers = trailers))
    stream.on('data', (text: string) => (answer.body += text))
    stream.on('end', () => resolve(answer))
    stream.on('error', reject)
    stream.end(body)
  })
}

const always = { when: 'always' } as const
const cluster = { name: 'outbound|80||origin.example', gateway: false, proxyProtocol: false } as const

function serving(target: Target, http2Plan?: { readonly when: 'always' | 'like-client' }): RuntimeParts {
  return {
    connection: sniffThen(() => http),
    request: () => forward([target], { cluster: { ...cluster, ...(http2Plan && { http2: http2Plan }) } }),
  }
}

const echo: OnStream = (stream, headers) => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'x-seen': JSON.stringify(headers), 'content-type': 'text/plain' })
    stream.end(`${String(headers[':path'])} ${Buffer.concat(chunks).length}`)
  })
}

describe('a client of HTTP/2', () => {
  it('is served by an origin of HTTP/1.1, request by request, with a record of each', async () => {
    const target = await origin1((request, response) => {
      let length = 0
      request.on('data', (chunk: Buffer) => (length += chunk.length))
      request.on('end', () => response.end(`${request.method} ${request.url} ${request.headers.host} ${length}`))
    })
    const { port, record } = await plane(serving(target))
    const session = connect(port)
    expect(await ask(session, { ':path': '/one' })).toMatchObject({
      headers: { ':status': 200, server: 'envoy' },
      body: 'GET /one a.example 0',
    })
    expect((await ask(session, { ':method': 'POST', ':authority': 'b.example' }, 'hello')).body).toBe('POST / b.example 5')
    expect((await ask(session, { ':method': 'PUT', 'content-length': '5' }, 'hello')).body).toBe('PUT / a.example 5')
    expect(await record(0)).toMatchObject({
      protocol: 'http2',
      host: 'a.example',
      requestPath: '/one',
      status: 200,
      verdict: 'allow',
      flag: '-',
    })
    expect(await record(1)).toMatchObject({ protocol: 'http2', host: 'b.example', bytesSent: 5 })
    expect(await record(2)).toMatchObject({ method: 'PUT' })
  })

  it('has many requests under way at once, of which none waits for another', async () => {
    const others = deferred<void>()
    const target = await origin1((request, response) => {
      const answer = (): void => void response.end(request.url)
      if (request.url === '/slow') void others.promise.then(answer)
      else answer()
    })
    const { port } = await plane(serving(target))
    const session = connect(port)
    const slow = ask(session, { ':path': '/slow' })
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(session, { ':path': `/${index}` })))
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, index) => `/${index}`))
    others.resolve()
    expect((await slow).body).toBe('/slow')
  })

  it('gets a large body through its windows, and sends one', async () => {
    const size = 3_000_000
    const target = await origin1((request, response) => {
      let length = 0
      request.on('data', (chunk: Buffer) => (length += chunk.length))
      request.on('end', () => {
        response.setHeader('x-length', length)
        response.end(Buffer.alloc(size, 'x'))
      })
    })
    const { port, record } = await plane(serving(target))
    const answer = await ask(connect(port), { ':method': 'POST' }, Buffer.alloc(size, 'y'))
    expect(answer.headers['x-length']).toBe(String(size))
    expect(answer.body.length).toBe(size)
    expect(await record(0)).toMatchObject({ bytesSent: size, bytesReceived: size })
  })

  it('is told of a refusal by 403, with the reason, and may ask for something else', async () => {
    const target = await origin1((_, response) => response.end('hi'))
    const request: RuntimeParts['request'] = ({ authority }) => (authority === 'a.example' ? forward([target]) : deny({ status: 403 }))
    const { port, record } = await plane({ connection: sniffThen(() => http), request })
    const session = connect(port)
    const answer = await ask(session, { ':authority': 'b.example' })
    expect(answer.headers[':status']).toBe(403)
    expect(answer.body).toContain('no ServiceEntry declares')
    expect(answer.headers).not.toHaveProperty('connection')
    expect((await ask(session, {})).body).toBe('hi')
    expect(await record(0)).toMatchObject({ protocol: 'http2', host: 'b.example', verdict: 'deny', status: 403 })
    expect(await record(1)).toMatchObject({ verdict: 'allow' })
  })

  it('is refused request by request where its connection is', async () => {
    const { port, record } = await plane({ connection: sniffThen(() => deny({ status: 403 })) })
    expect((await ask(connect(port), {})).headers[':status']).toBe(403)
    expect(await record(0)).toMatchObject({ protocol: 'http2', kind: 'request', verdict: 'deny' })
  })

  it('that resets its stream ends the upstream of it, and of no other', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')))
    const { port, record } = await plane(serving(upstream.target))
    const session = connect(port)
    const stream = session.request({ ':authority': 'a.example', ':path': '/' })
    stream.on('error', () => undefined)
    await new Promise((resolve) => stream.once('data', resolve))
    stream.close(http2.constants.NGHTTP2_CANCEL)
    expect(await record(0)).toMatchObject({ flag: 'DC', status: 200 })
    await (await upstream.peer(0)).untilEnd()
    expect(session.destroyed).toBe(false)
  })

  it('that goes away ends all that it had under way', async () => {
    const upstream = await origin()
    const { port, record } = await plane(serving(upstream.target))
    const session = connect(port)
    for (const path of ['/one', '/two']) session.request({ ':authority': 'a.example', ':path': path }).on('error', () => undefined)
    await until(() => upstream.peers.length === 2, 'both requests')
    session.destroy()
    expect([(await record(0)).flag, (await record(1)).flag]).toEqual(['DC', 'DC'])
  })

  it('is told to go away when the proxy drains, after what is under way', async () => {
    const target = await origin1((_, response) => void setTimeout(() => response.end('late'), 100))
    const { port, plane: dataPlane } = await plane(serving(target))
    const session = connect(port)
    const left = new Promise((resolve) => session.once('goaway', resolve))
    const answer = ask(session, {})
    await until(() => dataPlane.counters.opened > 0, 'the request')
    void dataPlane.drain(5000)
    await left
    expect((await answer).body).toBe('late')
    await until(() => session.closed || session.destroyed, 'the end of the connection')
  })

  it('gets the interim response to its Expect, those of the origin, and trailers', async () => {
    const answer =
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n'
    const upstream = await origin(answering(answer))
    const { port } = await plane(serving(upstream.target))
    const { body, trailers, interim } = await ask(connect(port), {})
    expect({ body, sum: trailers['x-sum'], link: interim[0]?.['link'] }).toEqual({ body: 'hi', sum: '7', link: '</a>' })
  })

  it('of whom a changed configuration forbids a request is answered at once', async () => {
    const upstream = await origin()
    const { port, set, record } = await plane(serving(upstream.target))
    const answer = ask(connect(port), {})
    await upstream.peer(0)
    set({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    expect((await answer).headers[':status']).toBe(403)
    expect(await record(0)).toMatchObject({ verdict: 'deny', details: 'policy_changed' })
  })
})

describe('a listener that looks at nothing first, as a gateway’s', () => {
  it('serves both versions', async () => {
    const target = await origin1((request, response) => response.end(request.url))
    const { port, record } = await plane({ connection: () => http, request: () => forward([target]) })
    expect((await ask(connect(port), { ':path': '/two' })).body).toBe('/two')
    expect((await fetchHttp1(port, 'GET')).body).toBe('/')
    expect([(await record(0)).protocol, (await record(1)).protocol]).toEqual(['http2', 'http'])
  })

  it('takes the preface in single bytes, and what only begins like it for what it is', async () => {
    const { port, record } = await plane({ connection: () => http, request: () => deny({ status: 403 }) })
    const client = await dialPeer(port)
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0') client.write(byte)
    await until(() => client.bytes > 9, 'SETTINGS')
    expect(client.text.charCodeAt(3)).toBe(4)
    client.socket.destroy()
    expect(await record(0)).toMatchObject({ protocol: 'http2', details: 'no_request' })
    const other = await dialPeer(port)
    other.write('PRI * HTTP/1.1\r\n\r\n')
    expect(await other.untilEnd()).toContain('HTTP/1.1 400')
  })
})

describe('an origin of HTTP/2', () => {
  it('serves clients of HTTP/1.1 and HTTP/2 by one connection', async () => {
    const upstream = await origin2(echo)
    const { port, record } = await plane(serving(upstream.target, always))
    const session = connect(port)
    const first = await ask(session, { ':method': 'POST', ':path': '/a', 'x-own': 'yes', cookie: 'a=1' }, 'hello')
    expect(first.body).toBe('/a 5')
    expect(JSON.parse(String(first.headers['x-seen']))).toMatchObject({
      ':authority': 'a.example',
      ':scheme': 'http',
      'x-own': 'yes',
      'x-envoy-attempt-count': '1',
    })
    const second = await fetchHttp1(port, 'POST', 'hey')
    expect(second).toMatchObject({ status: 200, body: '/ 3' })
    expect(upstream.sessions()).toBe(1)
    expect(await record(0)).toMatchObject({ protocol: 'http2', status: 200 })
    expect(await record(1)).toMatchObject({ protocol: 'http', status: 200 })
  })

  it('is spoken to as the client speaks where the cluster says so', async () => {
    const upstream = await origin2(echo)
    const { port } = await plane(serving(upstream.target, { when: 'like-client' }))
    expect((await ask(connect(port), {})).headers[':status']).toBe(200)
    const plain = await origin1((request, response) => response.end(request.httpVersion))
    const { port: other } = await plane(serving(plain, { when: 'like-client' }))
    expect((await fetchHttp1(other, 'GET')).body).toBe('1.1')
  })

  it('has requests that come together made by one connection, and by more when its limit is reached', async () => {
    const upstream = await origin2(
      (stream) => void setTimeout(() => (stream.destroyed ? undefined : stream.respond({ ':status': 204 }, { endStream: true })), 50),
    )
    const { port } = await plane(serving(upstream.target, always))
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetchHttp1(port, 'GET')))
    expect(answers.every(({ status }) => status === 204)).toBe(true)
    expect(upstream.sessions()).toBe(1)
  })

  it('streams both ways, with trailers', async () => {
    const upstream = await origin2((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }))
      stream.on('data', (chunk: Buffer) => stream.write(`<${chunk.toString()}>`))
      stream.on('end', () => stream.end())
    })
    const { port } = await plane(serving(upstream.target, always))
    const stream = connect(port).request({
      ':method': 'POST',
      ':authority': 'a.example',
      ':path': '/s',
      te: 'trailers',
      'content-type': 'application/grpc',
    })
    let text = ''
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const trailers = new Promise<IncomingHttpHeaders>((resolve) => stream.on('trailers', resolve))
    for (const word of ['one', 'two', 'three']) {
      stream.write(word)
      await until(() => text.includes(`<${word}>`), word)
    }
    stream.end()
    expect(await trailers).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'fine' })
  })

  it('gives and takes large bodies at the pace of the other side', async () => {
    const size = 3_000_000
    const upstream = await origin2((stream) => {
      let length = 0
      stream.on('data', (chunk: Buffer) => (length += chunk.length))
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'x-length': length })
        stream.end(Buffer.alloc(size, 'x'))
      })
    })
    const { port } = await plane(serving(upstream.target, always))
    for (const answer of await Promise.all([1, 2, 3].map(() => ask(connect(port), { ':method': 'POST' }, Buffer.alloc(size, 'y'))))) {
      expect(answer.headers['x-length']).toBe(String(size))
      expect(answer.body.length).toBe(size)
    }
    const plain = await fetchHttp1(port, 'POST', 'z'.repeat(size))
    expect(plain.body.length).toBe(size)
  })

  it('that resets a stream is a failed upstream, as is one that is no HTTP/2', async () => {
    const upstream = await origin2((stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR))
    const { port, record } = await plane(serving(upstream.target, always))
    expect((await ask(connect(port), {})).headers[':status']).toBe(503)
    expect(await record(0)).toMatchObject({ flag: 'UC', status: 503 })
    const plain = await origin(answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
    const { port: other } = await plane(serving(plain.target, always))
    expect((await fetchHttp1(other, 'GET')).status).toBe(503)
  })

  it('that has gone away is connected to anew', async () => {
    let served = 0
    const upstream = await origin2((stream) => {
      served++
      stream.respond({ ':status': 200 })
      stream.end('hi')
      if (served === 1) stream.session?.goaway()
    })
    const { port } = await plane(serving(upstream.target, always))
    expect((await fetchHttp1(port, 'GET')).body).toBe('hi')
    expect((await fetchHttp1(port, 'GET')).body).toBe('hi')
  })

  it('answers HEAD and 204 without a body', async () => {
    const upstream = await origin2((stream, headers) => {
      if (headers[':path'] === '/none') stream.respond({ ':status': 204 }, { endStream: true })
      else stream.respond({ ':status': 200, 'content-length': '99' }, { endStream: true })
    })
    const { port } = await plane(serving(upstream.target, always))
    const session = connect(port)
    expect((await ask(session, { ':method': 'HEAD' })).headers).toMatchObject({ ':status': 200, 'content-length': '99' })
    expect((await ask(session, { ':path': '/none' })).headers[':status']).toBe(204)
    expect((await fetchHttp1(port, 'HEAD')).status).toBe(200)
  })
})

function fetchHttp1(port: number, method: string, body?: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = requestHttp1({ port, host: '127.0.0.1', method, headers: { host: 'a.example' }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}
