// Proves on real sockets that HTTP/1.1 requests are decided one by one, forwarded canonically, and answered as Envoy would.
import { describe, expect, it } from 'vitest'
import {
  answering,
  closedPort,
  deny,
  dialPeer,
  forward,
  http,
  local,
  origin,
  type Origin,
  passthrough,
  plane,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

function serving(upstream: Origin, changes: Parameters<typeof forward>[1] = {}): RuntimeParts {
  return { connection: sniffThen(() => http), request: () => forward([upstream.target], changes) }
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: world\r\n\r\nhi'

describe('a request', () => {
  it('is forwarded canonically with the headers that Envoy adds, and its response too', async () => {
    const upstream = await origin(answering(ok))
    const { port, record, plane: dataPlane } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'GET /a/../b?c=d#e HTTP/1.1\r\nHOST: Origin.Example\r\nX-Mixed-Case:   kept  \r\nTE: trailers\r\nx-envoy-max-retries: 9\r\n\r\n',
    )
    const answer = await client.until('\r\n\r\nhi')
    const seen = upstream.received()
    expect(seen.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'UUID')).toBe(
      'GET /b?c=d HTTP/1.1\r\nhost: Origin.Example\r\nx-mixed-case: kept\r\nx-forwarded-proto: http\r\nx-request-id: UUID\r\nx-envoy-attempt-count: 1\r\nconnection: te\r\nte: trailers\r\n\r\n',
    )
    expect(answer.replace(/date: [^\r]+/, 'date: D').replace(/time: \d+/, 'time: T')).toBe(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: envoy\r\ndate: D\r\nx-envoy-upstream-service-time: T\r\n\r\nhi',
    )
    expect(await record(0)).toMatchObject({
      kind: 'request',
      method: 'GET',
      requestPath: '/b?c=d',
      host: 'origin.example',
      status: 200,
      verdict: 'allow',
      protocol: 'http',
      flag: '-',
      details: 'via_upstream',
      cluster: 'outbound|80||origin.example',
      upstream: `127.0.0.1:${upstream.port}`,
      bytesSent: 0,
      bytesReceived: 2,
    })
    client.socket.end()
    await client.untilEnd()
    expect(dataPlane.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })

  it('shares the connection with others, each decided on its own, over one upstream connection', async () => {
    const upstream = await origin(answering(ok))
    const started = await plane({
      connection: sniffThen(() => http),
      request: ({ authority }) => (authority === 'origin.example' ? forward([upstream.target]) : deny({ status: 403 })),
    })
    const client = await dialPeer(started.port)
    client.write('GET /1 HTTP/1.1\r\nHost: origin.example\r\n\r\n')
    await client.until('\r\n\r\nhi')
    client.text = ''
    client.write('GET /2 HTTP/1.1\r\nHost: other.example\r\n\r\n')
    expect(await client.until('Retrying')).toContain('HTTP/1.1 403 Forbidden')
    await client.until('protocol: HTTP\n')
    client.text = ''
    client.write('GET /3 HTTP/1.1\r\nHost: origin.example\r\n\r\n')
    await client.until('\r\n\r\nhi')
    expect(upstream.peers).toHaveLength(1)
    expect(upstream.received()).not.toContain('/2')
    const [one, two, three] = [await started.record(0), await started.record(1), await started.record(2)]
    expect([one.verdict, two.verdict, three.verdict]).toEqual(['allow', 'deny', 'allow'])
    expect(new Set([one.connection, two.connection, three.connection]).size).toBe(1)
    expect(new Set([one.id, two.id, three.id]).size).toBe(3)
  })

  it('is served in order when several come at once', async () => {
    const upstream = await origin(
      answering((head) => {
        const path = head.split(' ')[1]!
        return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
      }),
    )
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(Array.from({ length: 20 }, (_, index) => `GET /n${index} HTTP/1.1\r\nHost: a.example\r\n\r\n`).join(''))
    await client.until('/n19')
    const paths = [...client.text.matchAll(/\r\n\r\n(\/n\d+)/g)].map((match) => match[1])
    expect(paths).toEqual(Array.from({ length: 20 }, (_, index) => `/n${index}`))
    await record(19)
  })

  it('arrives whole when it is cut into single bytes', async () => {
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.text.endsWith('0\r\n\r\n')) peer.write(ok)
      })
    })
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    for (const character of 'POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n') {
      client.write(character)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.until('\r\n\r\nhi')
    const body = upstream.received().split('\r\n\r\n').slice(1).join('\r\n\r\n')
    expect(body.replaceAll(/[0-9]+\r\n|\r\n/g, '')).toBe('abc')
  })

  it('keeps x-request-id and x-forwarded-* of the client at a sidecar', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'GET / HTTP/1.1\r\nHost: a.example\r\nx-request-id: mine\r\nx-forwarded-proto: https\r\nx-forwarded-for: 192.0.2.1\r\n\r\n',
    )
    await client.until('hi')
    expect(upstream.received()).toContain('x-request-id: mine\r\nx-forwarded-proto: https\r\nx-forwarded-for: 192.0.2.1\r\n')
    expect(upstream.received().match(/x-request-id/g)).toHaveLength(1)
  })

  it('is told apart from a forged flow: only gateway clusters see the header, and only ours', async () => {
    const upstream = await origin(answering(ok))
    const started = await plane({
      connection: sniffThen(() => http),
      request: ({ path }) => forward([upstream.target], { cluster: { name: path, gateway: path === '/gateway', proxyProtocol: false } }),
    })
    const client = await dialPeer(started.port)
    client.write('GET /direct HTTP/1.1\r\nHost: a.example\r\nX-Sallyport-Flow: forged\r\nx-sallyport-source: a/b\r\n\r\n')
    await client.until('hi')
    expect(upstream.received()).not.toMatch(/sallyport/i)
    client.text = ''
    client.write('GET /gateway HTTP/1.1\r\nHost: a.example\r\nX-Sallyport-Flow: forged\r\n\r\n')
    await client.until('hi')
    const flow = await started.record(1)
    expect(upstream.received()).toContain(`x-sallyport-flow: ${flow.id}\r\nx-sallyport-source: default/app\r\n`)
    expect(upstream.received()).not.toContain('forged')
  })

  it('loses what the Connection header names', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: x-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nX-Other: 2\r\n\r\n',
    )
    await client.until('hi')
    expect(upstream.received()).toContain('x-other: 2')
    expect(upstream.received()).not.toMatch(/x-secret|keep-alive|connection/)
  })

  it('overrides Host by an absolute URI that says the same, and drops its user info', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET http://me:secret@A.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    expect(upstream.received()).toMatch(/^GET \/x\?y HTTP\/1\.1\r\nhost: A\.example\r\n/)
  })
})

describe('a body', () => {
  it('goes up and comes down by content length, at the pace of the slower side', async () => {
    const size = 8_000_000
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.bytes >= size)
          peer.socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`), Buffer.alloc(size, 'y')]))
      })
    })
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n`)
    client.write(Buffer.alloc(size, 'x'))
    await until(() => client.bytes > size, 'the body', 10_000)
    expect(await record(0)).toMatchObject({ bytesSent: size, bytesReceived: size, status: 200 })
  })

  it('is framed anew when it is chunked, without extensions and with the trailers that steer nothing', async () => {
    const upstream = await origin(
      answering(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\nSet-Cookie: a=b\r\n\r\n',
      ),
    )
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n1\r\n!\r\n0\r\nX-T:  1\r\nauthorization: x\r\nx-forwarded-for: y\r\n\r\n',
    )
    const answer = await client.until(/\r\n0\r\n.*\r\n\r\n$/s)
    expect(answer.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe('5\r\nabcde\r\n0\r\nx-trailer: t\r\n\r\n')
    expect(upstream.received().split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe('5\r\nwxyz!\r\n0\r\nx-t: 1\r\n\r\n')
    expect(await record(0)).toMatchObject({ bytesSent: 5, bytesReceived: 5 })
  })

  it('that ends with the connection becomes chunked, and the connection is not used again', async () => {
    const upstream = await origin((peer) =>
      peer.socket.on('data', () => peer.socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end')),
    )
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    for (let round = 1; round <= 2; round++) {
      client.text = ''
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      expect(await client.until('0\r\n\r\n')).toMatch(/transfer-encoding: chunked\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n$/)
      expect(upstream.peers).toHaveLength(round)
    }
  })

  it('is asked for when the client waits to be asked', async () => {
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.text.endsWith('body')) peer.write(ok)
      })
    })
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.write('body')
    await client.until('hi')
    expect(upstream.received()).not.toMatch(/expect/i)
  })

  const broken: Record<string, readonly [request: string, status: number]> = {
    'of no HTTP': ['HEAD / HTTP/7.1\r\n\r\n', 505],
    'with a broken line': ['HEAD / HTTP/1.1\r\nHost : a.example\r\n\r\n', 400],
    'without Host': ['HEAD / HTTP/1.1\r\nA: b\r\n\r\n', 400],
    'of HTTP/1.0': ['HEAD / HTTP/1.0\r\n\r\n', 426],
  }
  it.each(Object.entries(broken))('is absent when HEAD is refused, %s', async (_how, [request, status]) => {
    // Only who explains has a body at all.
    const runtime = { connection: () => http, request: () => forward([]), strict: true }
    const { port } = await plane(runtime)
    for (const [method, hasBody] of [
      ['HEAD', false],
      ['POST', true],
    ] as const) {
      const peer = await dialPeer(port)
      peer.write(request.replace('HEAD', method))
      const [head = '', body] = (await peer.untilEnd()).split('\r\n\r\n')
      expect(head).toContain(`HTTP/1.1 ${status} `)
      expect(body !== '').toBe(hasBody)
    }
  })

  it('is absent after HEAD, 204 and 304, whatever the headers say', async () => {
    const upstream = await origin(
      answering((head) => {
        if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'
        if (head.startsWith('GET /204')) return 'HTTP/1.1 204 No Content\r\n\r\n'
        return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n'
      }),
    )
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\nGET /204 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /304 HTTP/1.1\r\nHost: a.example\r\n\r\n',
    )
    expect((await record(2)).status).toBe(304)
    await until(() => client.text.split('\r\n\r\n').length === 4, 'three heads')
    const heads = client.text.split('\r\n\r\n')
    expect(heads).toHaveLength(4)
    expect(heads[0]).toContain('content-length: 1000')
    expect(heads[1]).not.toContain('content-length')
    expect(upstream.peers).toHaveLength(1)
  })

  it('may come after an interim response', async () => {
    const upstream = await origin(answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok}`))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('hi')).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  })
})

describe('an upstream that fails', () => {
  it('refuses connections: 503 URX,UF after three attempts', async () => {
    const dead = await closedPort()
    const { port, record } = await plane({ connection: sniffThen(() => http), request: () => forward([local(dead)]) })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('remote connection failure')).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\ncontent-length: 121\r\ncontent-type: text\/plain\r\ndate: [^\r]+\r\nserver: envoy\r\n\r\nupstream connect error or disconnect\/reset before headers\. retried and the latest reset reason: remote connection failure$/,
    )
    expect(await record(0)).toMatchObject({
      verdict: 'allow',
      status: 503,
      flag: 'URX,UF',
      details: 'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
    })
  })

  it('refuses connections under ALLOW_ANY: 503 UF after one attempt', async () => {
    const dead = await closedPort()
    const { port, record } = await plane({ connection: sniffThen(() => http), request: () => passthrough([local(dead)]) })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('503')
    expect(await record(0)).toMatchObject({ status: 503, flag: 'UF' })
  })

  it('closes before it answers: 503 UC', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.socket.end()))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('connection termination')).toContain('HTTP/1.1 503')
    expect(await record(0)).toMatchObject({ status: 503, flag: 'UC' })
  })

  it('answers with garbage: 502 UPE, and the connection is closed', async () => {
    const upstream = await origin(answering('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('protocol error')).toContain('HTTP/1.1 502')
    expect(await record(0)).toMatchObject({ status: 502, flag: 'UPE' })
    await (await upstream.peer(0)).untilEnd()
  })

  it('stops half-way: the client sees the response cut, not complete', async () => {
    const upstream = await origin((peer) =>
      peer.socket.on('data', () => peer.socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')),
    )
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.untilEnd()
    expect(client.text).not.toContain('0\r\n\r\n')
    expect(await record(0)).toMatchObject({ flag: 'UC', status: 200 })
  })

  it('takes too long: 504 UT', async () => {
    const upstream = await origin()
    const { port, record } = await plane(serving(upstream, { timeouts: { connect: 0, request: 120, idle: 0 } }))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('upstream request timeout')).toContain('HTTP/1.1 504')
    expect(await record(0)).toMatchObject({ flag: 'UT', status: 504, details: 'response_timeout' })
    expect(upstream.received()).toContain('x-envoy-expected-rq-timeout-ms: 120\r\n')
  })

  it('had closed a waiting connection: the request is sent again on a new one', async () => {
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.text.match(/GET/g)?.length === 1) peer.write(ok)
        else peer.socket.resetAndDestroy()
      })
    })
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    client.text = ''
    client.write('GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    expect(upstream.peers).toHaveLength(2)
    expect(await record(1)).toMatchObject({ status: 200, flag: '-' })
  })
})

describe('a refusal', () => {
  it('says in text what was refused, by what, and what would allow it', async () => {
    const reason = {
      code: 'not-declared',
      text: 'nothing declares d2iq.com',
      by: { kind: 'ConfigMap', namespace: 'istio-system', name: 'istio' },
    } as const
    const { port, record } = await plane({ connection: sniffThen(() => http), request: () => deny({ status: 403, reason }) })
    const client = await dialPeer(port)
    client.write('GET /x HTTP/1.1\r\nHost: d2iq.com\r\n\r\n')
    const answer = await client.until('protocol: HTTP\n')
    const flow = await record(0)
    expect(answer).toContain('HTTP/1.1 403 Forbidden\r\n')
    expect(answer).toContain('content-type: text/plain')
    expect(answer).toContain(`x-sallyport-decision: ${flow.id}\r\n`)
    expect(answer).toContain('GET http://d2iq.com/x')
    expect(answer).toContain('nothing declares d2iq.com [not-declared]')
    expect(answer).toContain('ConfigMap istio-system/istio (egress.yaml:7)')
    expect(answer).toContain('Retrying will not help.')
    expect(answer).toContain('  hosts:\n  - d2iq.com\n')
    expect(flow).toMatchObject({ verdict: 'deny', status: 403, reason: { code: 'not-declared' }, host: 'd2iq.com', path: 'none' })
  })

  it('is JSON for who asks for JSON', async () => {
    const { port, record } = await plane({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: d2iq.com\r\nAccept: application/json\r\nConnection: close\r\n\r\n')
    const [head = '', body = ''] = (await client.untilEnd()).split('\r\n\r\n')
    expect(head).toContain('content-type: application/json')
    expect(JSON.parse(body)).toMatchObject({ code: 'not-declared', retry: false, decision: (await record(0)).id, url: 'http://d2iq.com/' })
  })

  it('has no body and nothing of ours where Istio has none', async () => {
    const { port } = await plane({
      connection: sniffThen(() => http),
      request: () => deny({ status: 502, explain: false, details: 'direct_response' }),
      strict: false,
    })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: d2iq.com\r\nConnection: close\r\n\r\n')
    expect(await client.untilEnd()).toMatch(
      /^HTTP\/1\.1 502 Bad Gateway\r\ndate: [^\r]+\r\nserver: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n$/,
    )
  })

  it('of the whole connection is said in HTTP to a client that speaks it, and recorded as its request', async () => {
    const { port, record } = await plane({ connection: sniffThen(() => deny({ status: 403 })) })
    const client = await dialPeer(port)
    client.write('GET /y HTTP/1.1\r\nHost: d2iq.com\r\n\r\n')
    expect(await client.untilEnd()).toContain('HTTP/1.1 403')
    expect(await record(0)).toMatchObject({ kind: 'request', host: 'd2iq.com', requestPath: '/y', verdict: 'deny' })
  })

  it('of a connection of HTTP/2 that no request could get an answer on is said by a frame', async () => {
    const { port, record } = await plane({ connection: sniffThen(() => deny()) })
    const client = await dialPeer(port)
    client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const answer = Buffer.from(await client.untilEnd(), 'latin1')
    client.socket.end()
    expect(answer[3]).toBe(4)
    expect(answer[9 + 3]).toBe(7)
    expect(answer.readUInt32BE(9 + 9 + 4)).toBe(0x0d)
    expect(await record(0)).toMatchObject({ protocol: 'http2', reason: { code: 'not-declared' } })
  })

  it('of CONNECT holds even where a rule would forward it', async () => {
    const upstream = await origin(answering(ok))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n')
    expect(await client.until('CONNECT is not')).toContain('HTTP/1.1 501')
    expect(await record(0)).toMatchObject({ method: 'CONNECT', host: 'b.example', reason: { code: 'protocol-not-supported' } })
    expect(upstream.peers).toHaveLength(0)
  })

  it('of an offer of h2c is none: the offer is ignored', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(
      'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    )
    await client.until('hi')
    expect(upstream.received()).not.toMatch(/upgrade|http2-settings|connection/i)
  })

  it.each(['tls/1.0', 'websocket, tls/1.0'])('of an upgrade to %s names it', async (token) => {
    const upstream = await origin(answering(ok))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(`GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: ${token}\r\n\r\n`)
    expect(await client.untilEnd()).toContain('HTTP/1.1 403')
    expect(await record(0)).toMatchObject({ reason: { code: 'protocol-not-supported' }, details: 'upgrade_failed' })
    expect(upstream.peers).toHaveLength(0)
  })
})
