// Proves on real sockets that a cluster's limits hold, that endpoints which fail are left out, and that several addresses are tried.
import { describe, expect, it } from 'vitest'
import type { CompiledCluster, Target } from '../../src/runtime/index.ts'
import {
  answering,
  closedPort,
  dialPeer,
  forward,
  http,
  local,
  origin,
  type Peer,
  plane,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

const outlier = {
  consecutive5xx: 3,
  consecutiveGateway: 0,
  consecutiveLocal: 0,
  splitLocal: false,
  interval: 60_000,
  baseEjection: 60_000,
  maxEjection: 300_000,
  maxEjectionPercent: 100,
  panicPercent: 0,
}

function toward(targets: readonly Target[], changes: Partial<CompiledCluster> = {}): ReturnType<typeof forward> {
  return forward(targets, { cluster: { name: 'outbound|80||origin.example', gateway: false, proxyProtocol: false, ...changes } })
}

const requests = (targets: readonly Target[], changes: Partial<CompiledCluster>): RuntimeParts => ({
  connection: sniffThen(() => http),
  request: () => toward(targets, changes),
})
const connections = (targets: readonly Target[], changes: Partial<CompiledCluster>): RuntimeParts => ({
  connection: () => toward(targets, changes),
})

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'

async function send(port: number): Promise<Peer> {
  const client = await dialPeer(port)
  return client.write('GET / HTTP/1.1\r\nhost: origin.example\r\n\r\n')
}

const statusOf = ({ text }: Peer): string => text.slice(9, 12)

describe('requests over the limits of their cluster', () => {
  it('are turned away when as many are under way as may be (recorded: 503, UO, x-envoy-overloaded)', async () => {
    const upstream = await origin()
    const started = await plane(requests([upstream.target], { pool: { requests: 1 } }))
    const first = await send(started.port)
    const held = await upstream.peer(0)
    await held.until('\r\n\r\n')
    const second = await send(started.port)
    const answer = await second.until('overflow')
    expect(answer.replace(/date: [^\r]+/, 'date: D')).toBe(
      'HTTP/1.1 503 Service Unavailable\r\nx-envoy-overloaded: true\r\ncontent-length: 81\r\ncontent-type: text/plain\r\ndate: D\r\nserver: envoy\r\n\r\nupstream connect error or disconnect/reset before headers. reset reason: overflow',
    )
    expect(await started.record(0)).toMatchObject({
      verdict: 'allow',
      status: 503,
      flag: 'UO',
      details: 'upstream_reset_before_response_started{overflow}',
    })
    held.write(ok)
    await first.until('hi')
    held.socket.on('data', () => held.write(ok))
    second.text = ''
    second.write('GET / HTTP/1.1\r\nhost: origin.example\r\n\r\n')
    await second.until('hi')
    expect(upstream.peers).toHaveLength(1)
  })

  it('wait for a connection when there are as many as may be, as many as may wait, and get it when it is free', async () => {
    const upstream = await origin()
    const started = await plane(requests([upstream.target], { pool: { connections: 1, pending: 1 } }))
    const first = await send(started.port)
    const held = await upstream.peer(0)
    await held.until('\r\n\r\n')
    const second = await send(started.port)
    await until(() => started.plane.counters.opened === 2, 'the second request')
    const third = await send(started.port)
    await third.until('overflow')
    expect([statusOf(third), second.text]).toEqual(['503', ''])
    held.text = ''
    held.write(ok)
    await first.until('hi')
    await held.until('\r\n\r\n')
    held.write(ok)
    await second.until('hi')
    expect(upstream.peers).toHaveLength(1)
  })

  it('get a new connection when the one they waited for may serve no more', async () => {
    const upstream = await origin()
    const started = await plane(requests([upstream.target], { pool: { connections: 1, requestsPerConnection: 1 } }))
    const clients = [await send(started.port), await send(started.port), await send(started.port)]
    for (const index of [0, 1, 2]) {
      const peer = await upstream.peer(index)
      await peer.until('\r\n\r\n')
      expect(upstream.peers).toHaveLength(index + 1)
      peer.write(ok)
    }
    for (const client of clients) await client.until('hi')
    for (const peer of upstream.peers) await peer.untilEnd()
  })

  it('get one when the one that is free is not for them', async () => {
    const [one, two] = [await origin(), await origin()]
    const started = await plane({
      connection: sniffThen(() => http),
      request: ({ path }) => toward([path === '/one' ? one.target : two.target], { pool: { connections: 2 } }),
    })
    const ask = async (path: string): Promise<Peer> =>
      (await dialPeer(started.port)).write(`GET ${path} HTTP/1.1\r\nhost: a.example\r\n\r\n`)
    const held = [await ask('/one'), await ask('/two')]
    await one.peer(0)
    await (await two.peer(0)).until('\r\n\r\n')
    const third = await ask('/two')
    await until(() => started.plane.counters.opened === 3, 'the third request')
    const first = await one.peer(0)
    await first.until('\r\n\r\n')
    first.write(ok)
    await held[0]?.until('hi')
    // Its connection could serve nobody who waits: it goes, and makes room.
    await first.untilEnd()
    ;(await two.peer(1)).write(ok)
    await third.until('hi')
  })

  it('do not use the connections that were kept when there might be more of them', async () => {
    const upstream = await origin()
    const started = await plane(requests([upstream.target], {}))
    const [one, two] = [await send(started.port), await send(started.port)]
    for (const held of [await upstream.peer(0), await upstream.peer(1)]) {
      await held.until('\r\n\r\n')
      held.write(ok)
    }
    for (const client of [one, two]) await client.until('hi')
    started.set(requests([upstream.target], { pool: { connections: 1, pending: 1 } }))
    const first = await send(started.port)
    const third = await send(started.port)
    await until(() => started.plane.counters.opened === 4, 'both requests')
    const fourth = await send(started.port)
    await fourth.until('overflow')
    expect(upstream.peers).toHaveLength(2)
    const busy = upstream.peers.filter(({ socket }) => !socket.readableEnded)
    expect(busy).toHaveLength(1)
    busy[0]?.write(ok)
    await until(() => [first, third].some(({ text }) => text.endsWith('hi')), 'the first answer')
    busy[0]?.write(ok)
    for (const client of [first, third]) await client.until('hi')
  })

  it('that give up waiting leave their place', async () => {
    const upstream = await origin()
    const started = await plane(requests([upstream.target], { pool: { connections: 1, pending: 1 } }))
    await send(started.port)
    const held = await upstream.peer(0)
    await held.until('\r\n\r\n')
    const second = await send(started.port)
    await until(() => started.plane.counters.opened === 2, 'the second request')
    second.socket.resetAndDestroy()
    expect(await started.record(0)).toMatchObject({ flag: 'DC' })
    const third = await send(started.port)
    held.text = ''
    held.write(ok)
    await held.until('\r\n\r\n')
    held.write(ok)
    await third.until('hi')
  })

  it('do not share a connection made before their cluster was to be spoken to in another way', async () => {
    const upstream = await origin(answering(ok))
    const started = await plane(requests([upstream.target], {}))
    const client = await send(started.port)
    await client.until('hi')
    started.set(requests([upstream.target], { proxyProtocol: 'v1' }))
    client.text = ''
    client.write('GET / HTTP/1.1\r\nhost: origin.example\r\n\r\n')
    await client.until('hi')
    const source = `127.0.0.1 203.0.113.10 ${client.socket.localPort} 80`
    expect(upstream.peers.map(({ text }) => text.split('\r\n')[0])).toEqual(['GET / HTTP/1.1', `PROXY TCP4 ${source}`])
  })
})

describe('connections over the limits of their cluster', () => {
  it('are accepted and closed when there are as many as may be (recorded: UO)', async () => {
    const upstream = await origin()
    const started = await plane(connections([upstream.target], { pool: { connections: 2 } }))
    const held = [await dialPeer(started.port), await dialPeer(started.port)]
    await upstream.peer(1)
    const third = await dialPeer(started.port)
    expect(await third.untilEnd()).toBe('')
    expect(await started.record(0)).toMatchObject({ verdict: 'allow', flag: 'UO' })
    held[0]?.socket.resetAndDestroy()
    await started.record(1)
    await dialPeer(started.port)
    await upstream.peer(2)
  })

  it('end when their time is over', async () => {
    const upstream = await origin()
    const started = await plane(connections([upstream.target], { pool: { duration: 100 } }))
    const client = await dialPeer(started.port)
    const peer = await upstream.peer(0)
    await client.untilEnd()
    await peer.untilEnd()
    expect(await started.record(0)).toMatchObject({ flag: 'DT', details: 'max_connection_duration_reached' })
  })

  for (const [kind, first] of Object.entries({
    v1: 'PROXY TCP4 127.0.0.1 203.0.113.10 ',
    v2: '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\xcb\0\x71\x0a',
  })) {
    it(`announce their client by a PROXY protocol header, ${kind}`, async () => {
      const upstream = await origin()
      const started = await plane(connections([upstream.target], { proxyProtocol: kind === 'v1' ? 'v1' : 'v2' }))
      const client = await dialPeer(started.port)
      client.write('hello')
      const text = await (await upstream.peer(0)).until('hello')
      expect(text.startsWith(first)).toBe(true)
      const ports = kind === 'v1' ? `${client.socket.localPort} 80\r\n` : latin1(client.socket.localPort ?? 0, 80)
      expect(text.slice(first.length)).toBe(`${ports}hello`)
    })
  }
})

function latin1(...ports: number[]): string {
  return ports.map((port) => String.fromCharCode(port >> 8, port & 0xff)).join('')
}

describe('endpoints that fail', () => {
  it('are left out after as many bad answers in a row, and the others serve on', async () => {
    const [good, bad] = [
      await origin(answering(ok)),
      await origin(answering('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n')),
    ]
    const started = await plane(requests([good.target, bad.target], { balancing: 'round-robin', outlier }))
    const statuses: string[] = []
    for (let i = 0; i < 12; i++) {
      const client = await send(started.port)
      await client.until('\r\n\r\n')
      statuses.push(statusOf(client))
    }
    expect(statuses.filter((status) => status === '503')).toHaveLength(3)
    expect(statuses.slice(6)).toEqual(Array.from({ length: 6 }, () => '200'))
  })

  it('leave nothing when all of them fail: 503 without a try, UH', async () => {
    const bad = await origin(answering('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n'))
    const started = await plane(requests([bad.target], { outlier: { ...outlier, consecutive5xx: 1 } }))
    await (await send(started.port)).until('\r\n\r\n')
    expect(await (await send(started.port)).until('no healthy upstream')).toContain('503')
    expect(await started.record(1)).toMatchObject({ flag: 'UH', details: 'no_healthy_upstream' })
  })

  it('are left out by TCP connections that cannot be made', async () => {
    const good = await origin()
    const dead = local(await closedPort())
    const started = await plane(connections([dead, good.target], { outlier: { ...outlier, consecutive5xx: 2 } }))
    for (let i = 0; i < 6; i++) (await dialPeer(started.port)).write('x')
    await good.peer(5)
    // All reach the good one; only the first two tries met the dead one.
    const alone = await plane(connections([dead], { name: 'alone', outlier: { ...outlier, consecutive5xx: 1 } }))
    await (await dialPeer(alone.port)).untilEnd()
    await (await dialPeer(alone.port)).untilEnd()
    const flags = [(await alone.record(0)).flag, (await alone.record(1)).flag]
    expect(flags.toSorted()).toEqual(['UF,URX', 'UH'])
  })
})

describe('several addresses', () => {
  it('are tried at once when one is refused', async () => {
    const good = await origin(answering(ok))
    const started = await plane(requests([local(await closedPort()), good.target], {}))
    await (await send(started.port)).until('hi')
    expect(good.received()).toContain('x-envoy-attempt-count: 2')
  })
})
