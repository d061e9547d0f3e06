// Proves on real sockets what a proxy does that has too little memory or too few places: it says so, records it, serves on, and recovers.
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, closedPort, dialPeer, forward, http, local, sniffThen, startGateway, startOrigin, until } from './proxy-kit.ts'

const open: { close(): unknown }[] = []
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function setUp(options: Parameters<typeof startGateway>[1]) {
  const port = await closedPort()
  const upstream = await startOrigin(answering(ok))
  open.push(upstream)
  const gateway = await startGateway(
    {
      connection: sniffThen(() => http),
      request: () => forward([upstream.target]),
      boundListeners: [{ name: `127.0.0.1_${port}`, bind: local(port), proxyProtocol: false }],
    },
    options,
  )
  open.push(gateway)
  await gateway.plane.whenBound()
  return { port, gateway }
}

describe('a proxy whose memory runs short', () => {
  it('ends keep-alive, then answers 503 and takes no connection, and recovers', async () => {
    let pressure = 0
    const { port, gateway } = await setUp({ pressure: () => pressure })
    const clients = [await dialPeer(port), await dialPeer(port)]
    const ask = async (wanted: RegExp): Promise<void> => {
      // What memory there is is looked at a few times a second.
      await expect
        .poll(
          async () => {
            // One may have been told to go away just when it began to be short.
            const peer = clients.find(({ text }) => !text.includes('connection: close'))
            if (!peer) throw new Error('both clients were sent away')
            const from = peer.text.length
            peer.socket.write(get)
            await until(() => peer.text.length > from || peer.closed, 'an answer')
            return peer.text.slice(from)
          },
          { timeout: 5000, interval: 50 },
        )
        .toMatch(wanted)
    }
    await ask(/^HTTP\/1\.1 200 OK\r\n(?!.*connection: close)/s)
    pressure = 0.96
    await ask(/^HTTP\/1\.1 503 Service Unavailable\r\n.*connection: close\r\n/s)
    await until(() => gateway.closed.some(({ record }) => record.status === 503), 'the record of the refusal')
    expect(gateway.closed.find(({ record }) => record.status === 503)?.record).toMatchObject({
      kind: 'request',
      verdict: 'deny',
      flag: 'OM',
      details: 'overload',
      reason: { code: 'limit-reached' },
    })
    const refused = await dialPeer(port)
    await refused.untilEnd()
    await until(() => gateway.closed.some(({ record }) => record.kind === 'connection'), 'the record of the connection')
    expect(gateway.closed.find(({ record }) => record.kind === 'connection')?.record).toMatchObject({ flag: 'OM', details: 'overload' })
    pressure = 0.93
    await expect
      .poll(
        async () => {
          const peer = await dialPeer(port)
          peer.socket.write(get)
          return peer.untilEnd()
        },
        { timeout: 5000, interval: 50 },
      )
      .toMatch(/^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n/s)
    pressure = 0.1
    await expect
      .poll(
        async () => {
          const peer = await dialPeer(port)
          peer.socket.write(get)
          await until(() => peer.text.includes('hi') || peer.closed, 'an answer')
          peer.socket.end()
          return peer.text
        },
        { timeout: 5000, interval: 50 },
      )
      .toMatch(/^HTTP\/1\.1 200 OK\r\n(?!.*connection: close)/s)
  })
})

describe('a gateway with few places', () => {
  it('keeps some for who comes later, however many one peer would have', async () => {
    const { port } = await setUp({ limits: { connections: 20 } })
    const greedy = await dialMany(port, '127.0.0.2', 30)
    const modest = await dialMany(port, '127.0.0.3', 3)
    expect(modest.filter((socket) => !socket.destroyed)).toHaveLength(3)
    expect(greedy.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(20)
    expect(greedy.filter((socket) => !socket.destroyed).length).toBeGreaterThanOrEqual(16)
  })
})

describe('a proxy with less time than requests', () => {
  it('serves a burst one after the other, also to clients that have closed their side', async () => {
    const { port, gateway } = await setUp({ limits: { calmRequests: 1, turnMs: 0, turnGraceMs: 60_000, turnWaitMs: 60_000 } })
    const peers = await Promise.all(Array.from({ length: 200 }, () => dialPeer(port)))
    const answered = (times: number): boolean => peers.every(({ text }) => text.split('\r\n\r\nhi').length === times + 1)
    // Accepted one after the other, they would not come in one turn of the event loop.
    for (const { socket } of peers) socket.write(get)
    await until(() => answered(1), 'a first answer for each')
    for (const [index, { socket }] of peers.entries()) {
      if (index % 2 === 0) socket.end(get)
      else socket.write(get)
    }
    await until(() => answered(2), 'a second answer for each')
    expect(gateway.closed.filter(({ record }) => record.status === 200)).toHaveLength(400)
  })
})

/** One after the other, each as soon as the one before was answered or closed. */
async function dialMany(port: number, from: string, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  for (let index = 0; index < count; index++) {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    sockets.push(socket)
    open.push({ close: () => socket.destroy() })
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      socket.once('data', () => resolve())
      socket.once('close', () => resolve())
      socket.write(get)
    })
  }
  return sockets
}
