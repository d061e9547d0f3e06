// Proves that a WebSocket goes through sidecar and gateway as one flow, and lives exactly as long as its declaration.
import { createHash } from 'node:crypto'
import { type ChildProcess, spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { decide, decideRequest } from '../../src/runtime/index.ts'
import { parseAddress } from '../../src/base/index.ts'
import { runtimeFor } from '../simulation/pipeline.ts'
import {
  closeAfterwards,
  closedPort,
  deny,
  dialPeer,
  forward,
  gateway,
  http,
  local,
  origin,
  type Origin,
  type Peer,
  plane,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const handshake = handshakeWith(`Sec-WebSocket-Key: ${key}`)

function handshakeWith(...lines: readonly string[]): string {
  const all = [
    'GET /chat HTTP/1.1',
    'Host: a.example',
    'Connection: keep-alive, Upgrade',
    'Upgrade: WebSocket',
    'Sec-WebSocket-Version: 13',
    ...lines,
  ]
  return `${all.join('\r\n')}\r\n\r\n`
}

function acceptFor(sent: string): string {
  return createHash('sha1').update(`${sent}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

const switched = (accept = acceptFor(key)): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nServer: world\r\n\r\n`

/** Takes the handshake, greets at once behind it, and echoes what comes then. */
function echoing(peer: Peer): void {
  let isSwitched = false
  peer.socket.on('data', (data) => {
    if (isSwitched) return void peer.socket.write(data)
    const end = peer.text.indexOf('\r\n\r\n')
    if (end === -1) return
    isSwitched = true
    peer.write(`${switched()}hello `)
    if (peer.text.length > end + 4) peer.write(peer.text.slice(end + 4))
  })
  peer.socket.on('end', () => peer.socket.end('bye'))
}

function serving(upstream: Origin, strict = true): RuntimeParts {
  return { strict, connection: sniffThen(() => http), request: () => forward([upstream.target]) }
}

describe('a WebSocket', () => {
  it('is switched to, carries bytes both ways, half-closes, and is one record', async () => {
    const upstream = await origin(echoing)
    const { port, record, plane: dataPlane } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(`${handshake}early `)
    expect(await client.until('hello early ')).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\nsec-websocket-accept: [^\r]+\r\nserver: envoy\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello early $/,
    )
    expect(upstream.received()).toContain(`sec-websocket-key: ${key}\r\n`)
    expect(upstream.received()).toMatch(/connection: upgrade\r\nupgrade: websocket\r\n\r\nearly $/)
    expect(dataPlane.counters).toEqual({ opened: 1, recorded: 0, active: 1 })
    client.write('frame')
    await client.until('frame')
    client.socket.end()
    expect(await client.untilEnd()).toMatch(/framebye$/)
    expect(await record(0)).toMatchObject({
      kind: 'request',
      status: 101,
      flag: '-',
      details: 'via_upstream',
      bytesSent: 'early frame'.length,
      bytesReceived: 'hello early framebye'.length,
      requestPath: '/chat',
    })
    expect(dataPlane.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })

  it('goes at the pace of the slower side', async () => {
    const size = 12_000_000
    const upstream = await origin((peer) => {
      peer.socket.once('data', () => {
        peer.write(switched())
        peer.socket.write(Buffer.alloc(size, 'd'))
      })
    })
    const { port } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(handshake)
    await client.until('101')
    client.socket.pause()
    client.write(Buffer.alloc(size, 'u'))
    const peer = await upstream.peer(0)
    await until(() => peer.bytes > size, 'all that goes up', 15_000)
    client.socket.resume()
    await until(() => client.bytes > size, 'all that comes down', 15_000)
  })

  it('goes through sidecar and gateway, and each has its record', async () => {
    const upstream = await origin(echoing)
    const middle = await closedPort()
    const served = await gateway({ ...serving(upstream), boundListeners: [{ name: 'g', bind: local(middle), proxyProtocol: false }] })
    await served.plane.whenBound()
    const started = await plane({
      connection: sniffThen(() => http),
      request: () => forward([local(middle)], { path: 'gateway', cluster: { name: 'gw', gateway: true, proxyProtocol: false } }),
    })
    const client = await dialPeer(started.port)
    client.write(handshake)
    await client.until('hello ')
    client.write('through both')
    await client.until('through both')
    client.socket.end()
    await client.untilEnd()
    const [own, next] = [await started.record(0), await served.record(0)]
    expect(own).toMatchObject({ status: 101, bytesSent: 12, path: 'gateway' })
    expect(next).toMatchObject({ status: 101, bytesSent: 12, parent: own.id })
  })

  it('that is declined is an ordinary response, and the connection goes on', async () => {
    const upstream = await origin((peer) =>
      peer.socket.on('data', () => peer.write('HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 2\r\n\r\nno')),
    )
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    for (let round = 0; round < 2; round++) {
      client.text = ''
      client.write(handshake)
      expect(await client.until(/\r\n\r\nno$/)).toContain('HTTP/1.1 426')
      expect(await record(round)).toMatchObject({ status: 426 })
    }
  })

  const refused: Record<string, string> = {
    'without a key': handshakeWith(),
    'with a key that is none': handshakeWith('Sec-WebSocket-Key: short'),
    'with two keys': handshakeWith(`Sec-WebSocket-Key: ${key}`, `Sec-WebSocket-Key: ${key}`),
    'with a body': handshakeWith(`Sec-WebSocket-Key: ${key}`, 'Content-Length: 3'),
    'with another method': handshake.replace('GET', 'POST'),
  }
  for (const [name, text] of Object.entries(refused)) {
    it(`${name} is refused: 400`, async () => {
      const upstream = await origin(echoing)
      const { port, record } = await plane(serving(upstream))
      const client = await dialPeer(port)
      client.write(text)
      expect(await client.until('\r\n\r\n')).toContain('HTTP/1.1 400')
      expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'bad-request' } })
      expect(upstream.peers).toHaveLength(0)
    })
  }

  const unbelieved: Record<string, string> = {
    'another protocol': switched().replace('Upgrade: websocket', 'Upgrade: echo'),
    'no protocol': switched().replace('Upgrade: websocket\r\n', ''),
    'a switch that no Connection header names': switched().replace('Connection: Upgrade\r\n', ''),
    'an answer to another key': switched(acceptFor('x')),
    'no answer to the key': switched().replace(/Sec-WebSocket-Accept[^\n]*\n/, ''),
  }
  for (const [name, text] of Object.entries(unbelieved)) {
    it(`is not switched to by ${name}: 502`, async () => {
      const upstream = await origin((peer) => peer.socket.on('data', () => peer.write(`${text}SMUGGLED`)))
      const { port, record } = await plane(serving(upstream))
      const client = await dialPeer(port)
      client.write(handshake)
      expect(await client.until('protocol error')).not.toContain('SMUGGLED')
      expect(await record(0)).toMatchObject({ status: 502, flag: 'UPE' })
    })
  }

  it('that nobody asked for is not switched to', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.write(switched())))
    const { port, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('protocol error')).toContain('HTTP/1.1 502')
    expect(await record(0)).toMatchObject({ flag: 'UPE' })
  })

  it('is closed when nothing moves for too long, and reset with the side that is reset', async () => {
    const upstream = await origin(echoing)
    const { port, record } = await plane(serving(upstream), { limits: { tcpIdleMs: 150 } })
    const idle = await dialPeer(port)
    idle.write(handshake)
    await idle.until('hello ')
    await idle.untilEnd()
    expect(await record(0)).toMatchObject({ details: 'idle_timeout' })
    const reset = await dialPeer(port)
    reset.write(handshake)
    await reset.until('hello ')
    reset.socket.resetAndDestroy()
    expect(await record(1)).toMatchObject({ flag: 'DC' })
    await (await upstream.peer(1)).untilClosed()
  })

  it('ends with the proxy, also when it drains', async () => {
    const upstream = await origin(echoing)
    const started = await plane(serving(upstream))
    const client = await dialPeer(started.port)
    client.write(handshake)
    await client.until('hello ')
    await started.plane.drain(100)
    expect(await started.record(0)).toMatchObject({ details: 'drained', status: 101 })
  })

  it('is cut by a change that leads it elsewhere, and not by one that only adds another way', async () => {
    const [upstream, other] = [await origin(echoing), await origin(echoing)]
    const to = (name: string, ...origins: readonly Origin[]): RuntimeParts => ({
      connection: sniffThen(() => http),
      request: () =>
        forward(
          origins.map(({ target }) => target),
          { cluster: { name, gateway: false, proxyProtocol: false } },
        ),
    })
    const { port, set, record } = await plane(to('one', upstream))
    const client = await dialPeer(port)
    client.write(handshake)
    await client.until('hello ')
    set(to('two', other, upstream))
    set(to('one', other))
    client.write('still here')
    await client.until('still here')
    set(to('two', other))
    await client.untilClosed()
    expect(await record(0)).toMatchObject({ details: 'policy_changed', status: 101 })
  })

  it('is cut at once by a change that forbids it', async () => {
    const upstream = await origin(echoing)
    const { port, set, record } = await plane(serving(upstream))
    const client = await dialPeer(port)
    client.write(handshake)
    await client.until('hello ')
    set({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    await client.untilClosed()
    expect(await record(0)).toMatchObject({ verdict: 'deny', status: 101, details: 'policy_changed', reason: { code: 'not-declared' } })
    await (await upstream.peer(0)).untilClosed()
  })
})

describe('a live flow', () => {
  /** A real Redis, on a port of loopback. */
  async function redis(): Promise<number> {
    const port = await closedPort()
    const server: ChildProcess = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    )
    closeAfterwards({ close: () => server.kill('SIGKILL') })
    await expect
      .poll(
        () =>
          dialPeer(port).then(
            (peer) => peer.socket.destroy(),
            () => 'refused',
          ),
        { timeout: 5000 },
      )
      .not.toBe('refused')
    return port
  }

  const entry = (name: string, port: string, endpoint: string): string =>
    [
      'apiVersion: networking.istio.io/v1',
      'kind: ServiceEntry',
      `metadata: {name: ${name}, namespace: default}`,
      `spec: {hosts: ["${name}.example"], location: MESH_EXTERNAL, resolution: STATIC, ports: [${port}], ${endpoint}}`,
      '',
    ].join('\n')

  it('lives through a hundred changes of others, and is cut when its own declaration goes', async () => {
    const upstream = await origin(echoing)
    const store = await redis()
    const web = entry('a', `{number: 80, name: http, protocol: HTTP, targetPort: ${upstream.port}}`, 'endpoints: [{address: 127.0.0.1}]')
    const cache = entry(
      'redis',
      `{number: 6379, name: tcp, protocol: TCP, targetPort: ${store}}`,
      'addresses: [203.0.113.20], endpoints: [{address: 127.0.0.1}]',
    )
    const other = (index: number): string =>
      entry(
        `other-${index}`,
        `{number: ${index % 2 === 0 ? 80 : 9000 + index}, name: p, protocol: ${index % 2 === 0 ? 'HTTP' : 'TCP'}}`,
        'addresses: [203.0.113.99], endpoints: [{address: 198.51.100.1}]',
      )
    const judge = { decide, decideRequest }
    const onWeb = await plane(undefined, { judge, destination: parseAddress('203.0.113.10:80')! })
    const onRedis = await plane(undefined, { judge, destination: parseAddress('203.0.113.20:6379')! })
    const declare = (...documents: readonly string[]): void => {
      const runtime = runtimeFor(documents.join('---\n'))
      onWeb.runtime.set(runtime)
      onRedis.runtime.set(runtime)
    }
    declare(web, cache)
    const socket = await dialPeer(onWeb.port)
    socket.write(handshake)
    await socket.until('hello ')
    const client = await dialPeer(onRedis.port)
    client.write('PING\r\n')
    await client.until('+PONG')
    for (let index = 0; index < 100; index++) {
      declare(web, cache, other(index), other(index + 1))
      socket.text = ''
      client.text = ''
      socket.write(`frame ${index}.`)
      client.write(`ECHO ${index}\r\n`)
      await socket.until(`frame ${index}.`)
      await client.until(`${index}\r\n`)
    }
    expect([onWeb.closed.length, onRedis.closed.length]).toEqual([0, 0])
    declare(cache)
    await socket.untilClosed()
    expect(await onWeb.record(0)).toMatchObject({ details: 'policy_changed', verdict: 'deny', status: 101 })
    client.text = ''
    client.write('PING\r\n')
    await client.until('+PONG')
    declare(web)
    await client.untilClosed()
    expect(await onRedis.record(0)).toMatchObject({ details: 'policy_changed', verdict: 'deny' })
  })
})
