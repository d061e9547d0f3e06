// Proves on real sockets what becomes of HTTP/1.1 connections whose client leaves, dawdles or waits, and when the proxy or its configuration changes.
import { describe, expect, it } from 'vitest'
import { answering, deny, dialPeer, forward, http, origin, type Origin, plane, type RuntimeParts, sniffThen, until } from './proxy-kit.ts'

function serving(upstream: Origin, changes: Parameters<typeof forward>[1] = {}): RuntimeParts {
  return { connection: sniffThen(() => http), request: () => forward([upstream.target], changes) }
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: world\r\n\r\nhi'

describe('a client that leaves', () => {
  it('in the middle of a response ends its upstream, and is recorded as DC', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('abc')
    client.socket.resetAndDestroy()
    expect(await record(0)).toMatchObject({ flag: 'DC', status: 200, bytesReceived: 3 })
    await (await upstream.peer(0)).untilEnd()
  })

  it.each([
    ['resets its connection in the middle of a body', 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nabc', 'reset'],
    ['resets its connection after a whole request', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', 'reset'],
    ['closes its side in the middle of a body', 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nabc', 'end'],
    ['closes its side and waits longer than a client would', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', 'end'],
  ] as const)('is noticed while its request has no connection yet: it %s', async (_, request, how) => {
    const upstream = await origin()
    // The one connection that there may be is taken, so that a second request has to wait for its own.
    const cluster = { name: 'narrow', gateway: false, proxyProtocol: false, pool: { connections: 1 } } as const
    const { port, record, plane: dataPlane } = await plane(serving(upstream, { cluster }), { limits: { halfClosedMs: 100 } })
    const first = await dialPeer(port)
    first.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    const client = await dialPeer(port)
    client.write(request)
    await until(() => dataPlane.counters.opened === 2, 'the second request')
    if (how === 'reset') client.socket.resetAndDestroy()
    else client.socket.end()
    expect(await record(0)).toMatchObject({ flag: 'DC', verdict: 'allow' })
    expect(upstream.peers).toHaveLength(1)
  })

  it('is still read while its request has no connection yet, up to a limit, and loses nothing', async () => {
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.text.includes('GET')) setTimeout(() => peer.write(ok), 150)
        else if (peer.bytes > 500_000) peer.write(ok)
      })
    })
    const cluster = { name: 'narrow', gateway: false, proxyProtocol: false, pool: { connections: 1 } } as const
    const { port, record } = await plane(serving(upstream, { cluster }))
    const first = await dialPeer(port)
    first.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    const client = await dialPeer(port)
    client.write('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 500000\r\n\r\n')
    client.write('x'.repeat(500_000))
    await client.until('hi')
    expect(await record(1)).toMatchObject({ status: 200, bytesSent: 500_000 })
  })

  it('after it has asked still gets its answer when it only closed its own side', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.socket.end('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.untilEnd()).toContain('hi')
  })

  it('without a request is recorded once', async () => {
    const upstream = await origin(answering(ok))
    const { port, record, plane: dataPlane } = await plane({ connection: () => http, request: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    client.socket.end()
    expect(await record(0)).toMatchObject({ kind: 'connection', protocol: 'http', reason: { code: 'bad-request' } })
    expect(dataPlane.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })
})

describe('an idle client', () => {
  it('that never finishes its head gets 408', async () => {
    const upstream = await origin(answering(ok))
    const { port, record } = await plane(serving(upstream), { limits: { headMs: 150 } })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.ex')
    expect(await client.untilEnd()).toContain('HTTP/1.1 408')
    expect(await record(0)).toMatchObject({ status: 408, verdict: 'deny' })
  })

  it('that sends its head line by line has no more time for it', async () => {
    const upstream = await origin(answering(ok))
    const { port, record } = await plane(serving(upstream), { limits: { headMs: 300, headers: 10_000 } })
    const slow = await dialPeer(port)
    slow.write('GET / HTTP/1.1\r\nHost: a.example\r\n')
    const drip = setInterval(() => slow.write('a: b\r\n'), 20)
    expect(await slow.untilEnd()).toContain('HTTP/1.1 408')
    clearInterval(drip)
    expect(await record(0)).toMatchObject({ status: 408, details: 'request_header_timeout' })
  })

  it('that drips its body gets 408', async () => {
    const upstream = await origin()
    const { port, record } = await plane(serving(upstream), { limits: { bodyMs: 150, bodyBytes: 1000 } })
    const slow = await dialPeer(port)
    slow.write('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5000\r\n\r\nx')
    const drip = setInterval(() => slow.write('x'), 20)
    expect(await slow.untilEnd()).toContain('HTTP/1.1 408')
    clearInterval(drip)
    expect(await record(0)).toMatchObject({ status: 408, details: 'request_body_too_slow' })
  })

  it('whose body waits for a slow origin is not blamed for it', async () => {
    const size = 20_000_000
    const upstream = await origin((peer) => {
      peer.socket.pause()
      setTimeout(() => peer.socket.resume(), 700)
      peer.socket.on('data', () => peer.bytes > size && peer.write(ok))
    })
    const { port, record } = await plane(serving(upstream), { limits: { bodyMs: 150, bodyBytes: 1000 } })
    const held = await dialPeer(port)
    held.write(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n`)
    held.write(Buffer.alloc(size, 'x'))
    await held.until('hi')
    expect(await record(0)).toMatchObject({ status: 200, bytesSent: size })
  })

  it('between two requests is let go', async () => {
    const upstream = await origin(answering(ok))
    const { port } = await plane(serving(upstream), { limits: { keepAliveMs: 150 } })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    await client.untilEnd()
  })
})

describe('a new configuration', () => {
  it('counts for the next request of a connection that is kept open', async () => {
    const upstream = await origin(answering(ok))
    const { port, set } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    set({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    client.text = ''
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('HTTP\n')).toContain('HTTP/1.1 403')
    set(serving(upstream))
    client.text = ''
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
  })

  it('lets an idle connection go that it no longer serves as HTTP', async () => {
    const upstream = await origin(answering(ok))
    const { port, set } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    set({ connection: () => forward([upstream.target]) })
    await client.untilEnd()
  })

  it('ends a request that it forbids, and leaves one alone that it still allows', async () => {
    const upstream = await origin()
    const { port, set, record, closed } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    set(serving(upstream))
    expect(closed).toHaveLength(0)
    set({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    expect(await client.until('HTTP/1.1')).toContain('403')
    expect(await record(0)).toMatchObject({ verdict: 'deny', details: 'policy_changed' })
    await (await upstream.peer(0)).untilEnd()
  })
})

describe('draining', () => {
  it('lets the request under way end, tells the client to go, and then is done', async () => {
    const upstream = await origin()
    const started = await plane(serving(upstream))
    const idle = await dialPeer(started.port)
    const busy = await dialPeer(started.port)
    busy.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    const peer = await upstream.peer(0)
    await peer.until('\r\n\r\n')
    const drained = started.plane.drain(5000)
    peer.write(ok)
    expect(await busy.untilEnd()).toContain('connection: close')
    busy.socket.end()
    expect(await idle.untilEnd()).toBe('')
    idle.socket.end()
    await drained
    expect(started.plane.counters.active).toBe(0)
  })

  it('cuts what does not end in time', async () => {
    const upstream = await origin()
    const started = await plane(serving(upstream))
    const client = await dialPeer(started.port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    await started.plane.drain(100)
    expect(await started.record(0)).toMatchObject({ details: 'drained' })
  })
})
