// Proves on real sockets that connections are decided, carried, cut and recorded as the decision says.
import { describe, expect, it } from 'vitest'
import type { ConnectionDecision, Target } from '../../src/runtime/index.ts'
import { closedPort, deny, dialPeer, forward, http, local, origin, passthrough, plane, sniffThen, until } from './proxy-kit.ts'

describe('a connection that is forwarded', () => {
  it('carries bytes both ways, keeps half-close, and is recorded once with its byte counts', async () => {
    const upstream = await origin((peer) => peer.socket.on('end', () => peer.socket.end(`got ${peer.text}`)))
    const { port, record, closed, plane: dataPlane } = await plane({ connection: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    client.write('hello')
    client.socket.end()
    expect(await client.untilEnd()).toBe('got hello')
    const flow = await record(0)
    expect(flow).toMatchObject({
      kind: 'connection',
      verdict: 'allow',
      reason: { code: 'declared' },
      by: { kind: 'ServiceEntry', name: 'origin', file: 'egress.yaml', line: 7 },
      protocol: 'tcp',
      path: 'direct',
      destination: '203.0.113.10:80',
      upstream: `127.0.0.1:${upstream.port}`,
      redialled: true,
      bytesSent: 5,
      bytesReceived: 9,
      flag: '-',
      source: { namespace: 'default', workload: 'app', authenticated: false },
    })
    expect(flow.upstreamLocal).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(closed).toHaveLength(1)
    expect(dataPlane.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })

  it('lets the server speak first', async () => {
    const upstream = await origin((peer) => peer.write('220 ready\r\n'))
    const { port } = await plane({ connection: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    expect(await client.until('\r\n')).toBe('220 ready\r\n')
  })

  it('carries bulk both ways unharmed at different speeds', async () => {
    const upstream = await origin((peer) => peer.socket.pipe(peer.socket))
    const { port, record } = await plane({ connection: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    const block = Buffer.alloc(1_000_003, 'abcdefghijklmnopqrstuvwxyz')
    const rounds = 24
    let sum = 0
    client.socket.removeAllListeners('data')
    client.socket.on('data', (data: Buffer) => {
      for (let index = 0; index < data.length; index += 997) {
        const expected = block[(sum + index) % block.length]
        if (data[index] !== expected) throw new Error(`byte ${sum + index} is wrong`)
      }
      sum += data.length
    })
    for (let round = 0; round < rounds; round++) {
      if (!client.socket.write(block)) await new Promise((resolve) => client.socket.once('drain', resolve))
    }
    client.socket.end()
    const flow = await record(0)
    await until(() => client.ended, 'the end of the echo')
    expect(sum).toBe(block.length * rounds)
    expect(flow).toMatchObject({ bytesSent: sum, bytesReceived: sum })
  })

  it('is recorded as UF,URX and closed without a byte when nobody answers', async () => {
    const port = await closedPort()
    const started = await plane({ connection: () => passthrough([local(port)]) })
    const client = await dialPeer(started.port)
    expect(await client.untilEnd()).toBe('')
    expect(client.error).toBeUndefined()
    client.socket.end()
    expect(await started.record(0)).toMatchObject({
      verdict: 'allow',
      path: 'passthrough',
      flag: 'UF,URX',
      details: 'delayed_connect_error:_Connection_refused',
      upstream: `127.0.0.1:${port}`,
    })
  })

  it('tries the next target when one refuses', async () => {
    const upstream = await origin((peer) => peer.socket.end('second'))
    const dead = await closedPort()
    const { port, record } = await plane({ connection: () => forward([local(dead), upstream.target]) })
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('second')
    client.socket.end()
    expect(await record(0)).toMatchObject({ flag: '-', upstream: `127.0.0.1:${upstream.port}` })
  })

  it('takes the targets in turn', async () => {
    const one = await origin((peer) => peer.socket.end('one'))
    const two = await origin((peer) => peer.socket.end('two'))
    const { port } = await plane({ connection: () => forward([one.target, two.target]) })
    const answers: string[] = []
    for (let index = 0; index < 4; index++) {
      const client = await dialPeer(port)
      answers.push(await client.untilEnd())
      client.socket.end()
    }
    expect(answers).toEqual(['one', 'two', 'one', 'two'])
  })

  it('passes a reset of the server on, and says UR', async () => {
    const upstream = await origin((peer) => peer.write('x'))
    const { port, record } = await plane({ connection: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    await client.until('x')
    ;(await upstream.peer(0)).socket.resetAndDestroy()
    await client.untilClosed()
    expect(client.error?.message).toContain('ECONNRESET')
    expect(await record(0)).toMatchObject({ flag: 'UR' })
  })

  it('passes a reset of the client on, and says DC', async () => {
    const upstream = await origin((peer) => peer.write('x'))
    const { port, record } = await plane({ connection: () => forward([upstream.target]) })
    const client = await dialPeer(port)
    await client.until('x')
    client.socket.resetAndDestroy()
    expect(await record(0)).toMatchObject({ flag: 'DC' })
    await (await upstream.peer(0)).untilClosed()
  })

  it('ends when both sides have been silent for the idle time', async () => {
    const upstream = await origin()
    const { port, record } = await plane({
      connection: () => forward([upstream.target], { timeouts: { connect: 0, request: 0, idle: 150 } }),
    })
    const client = await dialPeer(port)
    await client.untilEnd()
    expect(await record(0)).toMatchObject({ details: 'idle_timeout' })
  })

  it('gives up on a target that does not answer within the connect time', async () => {
    // TEST-NET-1 has no host that could answer; where it is unreachable the failure comes at once.
    const started = await plane({
      connection: () => forward([{ ...local(9), ip: '192.0.2.1' as never }], { timeouts: { connect: 100, request: 0, idle: 0 } }),
    })
    const client = await dialPeer(started.port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await started.record(0)).toMatchObject({ flag: 'UF,URX' })
  })
})

describe('a connection that is refused', () => {
  it('gets no byte and a clean end, also when it has spoken', async () => {
    const { port, record } = await plane({ connection: sniffThen(() => deny({ flag: 'UH', cluster: 'BlackHoleCluster' })) })
    const client = await dialPeer(port)
    client.write('EHLO there\r\n')
    expect(await client.untilEnd()).toBe('')
    client.write('more')
    client.socket.end()
    await client.untilClosed()
    expect(client.error).toBeUndefined()
    expect(await record(0)).toMatchObject({
      verdict: 'deny',
      reason: { code: 'not-declared' },
      flag: 'UH',
      cluster: 'BlackHoleCluster',
      path: 'none',
    })
  })

  it('is refused while no configuration has been loaded', async () => {
    const { port, record } = await plane(undefined)
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'no-configuration' } })
  })

  it('is refused as an internal error when the decision throws', async () => {
    const { port, record } = await plane({
      connection: () => {
        throw new Error('broken rule')
      },
    })
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ reason: { code: 'internal-error', text: 'the decision failed: broken rule' } })
  })

  it('did not come through the capture rules when it has no original destination', async () => {
    const { port, record } = await plane({ connection: () => forward([]) }, { destinationOf: () => undefined })
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'capture-bypass' } })
  })
})

describe('the silence of a client', () => {
  it('is a fact after the time that the decision allows', async () => {
    const upstream = await origin((peer) => peer.socket.end('banner'))
    const { port } = await plane({
      connection: sniffThen((facts) => (facts.first?.protocol === 'silent' ? forward([upstream.target]) : deny()), 100),
    })
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('banner')
  })

  it('is broken by the first byte: what follows may take its time', async () => {
    const upstream = await origin()
    const { port, record } = await plane({
      connection: sniffThen((facts) => (facts.first?.protocol === 'tls' ? forward([upstream.target]) : deny()), 100),
    })
    const client = await dialPeer(port)
    const hello = clientHello
    client.write(hello.subarray(0, 7))
    await new Promise((resolve) => setTimeout(resolve, 400))
    client.write(hello.subarray(7))
    expect(Buffer.from(await (await upstream.peer(0)).until('origin.example'), 'latin1')).toEqual(hello)
    client.socket.resetAndDestroy()
    expect(await record(0)).toMatchObject({ protocol: 'tls', sni: 'origin.example', bytesSent: hello.length })
  })
})

/** A minimal ClientHello for origin.example. */
const clientHello = makeHello('origin.example')

function makeHello(name: string): Buffer {
  const host = Buffer.from(name, 'latin1')
  const sni = Buffer.concat([uint16(host.length + 3), Buffer.from([0]), uint16(host.length), host])
  const extensions = Buffer.concat([uint16(0), uint16(sni.length), sni])
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    uint16(2),
    Buffer.from([0x13, 0x01]),
    Buffer.from([1, 0]),
    uint16(extensions.length),
    extensions,
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body])
  return Buffer.concat([Buffer.from([22, 3, 1]), uint16(message.length), message])
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

describe('names', () => {
  it('are resolved when the decision asks for them', async () => {
    const upstream = await origin((peer) => peer.socket.end('resolved'))
    const { port } = await plane(
      {
        connection: (facts) => {
          const known = facts.names('origin.example')
          if (!known) return { verdict: 'gather', need: 'addresses', name: 'origin.example', until: 1000 }
          return 'addresses' in known ? forward(known.addresses.map((ip) => ({ ip, port: upstream.port }))) : deny()
        },
      },
      { resolve: { 'origin.example': ['127.0.0.1'] } },
    )
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('resolved')
  })

  it('are not asked for over and over', async () => {
    const { port, record } = await plane({ connection: () => ({ verdict: 'gather', need: 'addresses', name: 'a.example', until: 0 }) })
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ reason: { code: 'internal-error' } })
  })
})

describe('a new configuration', () => {
  it('cuts at once what it forbids, and leaves the rest alone', async () => {
    const upstream = await origin((peer) => peer.write('x'))
    const { port, record, set, closed } = await plane({ connection: () => forward([upstream.target]) })
    const doomed = await dialPeer(port)
    await doomed.until('x')
    set({ connection: (facts) => forward([upstream.target], { reason: { code: 'declared', text: String(facts.random) } }) })
    doomed.write('still here')
    await (await upstream.peer(0)).until('still here')
    expect(closed).toHaveLength(0)
    set({ connection: () => deny({ flag: 'UH' }) })
    await doomed.untilClosed(1000)
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'not-declared' }, details: 'policy_changed', bytesSent: 10 })
    await (await upstream.peer(0)).untilClosed()
  })
})

describe('a connection that is still allowed by a new configuration', () => {
  const other = { ...forward([]).cluster, name: 'outbound|7000||other.example' }
  const cases: Record<string, { after: (target: Target) => ConnectionDecision; isCut: boolean }> = {
    'lives on in its cluster, whatever addresses that has now': { after: () => forward([local(1)]), isCut: false },
    'lives on in another cluster that has its address': { after: (target) => forward([target], { cluster: other }), isCut: false },
    'is cut when it would go elsewhere': { after: () => forward([local(1)], { cluster: other }), isCut: true },
    'is cut when its port now serves HTTP, whose requests are judged one by one': { after: () => http, isCut: true },
  }
  for (const [name, { after, isCut }] of Object.entries(cases)) {
    it(name, async () => {
      const upstream = await origin((peer) => peer.write('x'))
      const { port, record, set, closed } = await plane({ connection: () => forward([upstream.target]) })
      const client = await dialPeer(port)
      await client.until('x')
      set({ connection: () => after(upstream.target) })
      if (isCut) {
        await client.untilClosed(1000)
        expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'not-declared' }, details: 'policy_changed' })
        return
      }
      client.write('still here')
      await (await upstream.peer(0)).until('still here')
      expect(closed).toHaveLength(0)
    })
  }
})

describe('the probe of the seal', () => {
  it('gets its nonce, and is no flow', async () => {
    const { port, plane: dataPlane } = await plane(
      { connection: () => deny() },
      { probe: { addresses: ['203.0.113.10:80'], nonce: 'n0nce' } },
    )
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('n0nce')
    client.socket.end()
    expect(dataPlane.counters).toEqual({ opened: 0, recorded: 0, active: 0 })
  })
})

describe('a refused TLS client', () => {
  const cases = {
    'is told unrecognized_name when nothing declares the name': { code: 'not-declared', alert: 112 },
    'is told access_denied otherwise': { code: 'private-address', alert: 49 },
  } as const
  for (const [name, { code, alert }] of Object.entries(cases)) {
    it(name, async () => {
      const { port, record } = await plane({ connection: sniffThen(() => deny({ reason: { code, text: 'no' } })) })
      const client = await dialPeer(port)
      client.write(clientHello)
      const answer = Buffer.from(await client.untilEnd(), 'latin1')
      client.socket.end()
      expect([...answer]).toEqual([21, 3, 3, 0, 2, 2, alert])
      expect(await record(0)).toMatchObject({ protocol: 'tls', sni: 'origin.example', verdict: 'deny' })
    })
  }

  it('gets no byte where Istio would send none', async () => {
    const { port } = await plane({ connection: sniffThen(() => deny({ explain: false })) })
    const client = await dialPeer(port)
    client.write(clientHello)
    expect(await client.untilEnd()).toBe('')
  })
})

describe('many short connections', () => {
  it('leave nothing behind', async () => {
    const upstream = await origin((peer) => peer.socket.end('bye'))
    const { port, plane: dataPlane } = await plane({ connection: () => forward([upstream.target]) })
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const client = await dialPeer(port)
          await client.untilEnd()
          client.socket.end()
          await client.untilClosed()
        }),
      )
    }
    expect(dataPlane.counters).toEqual({ opened: 1000, recorded: 1000, active: 0 })
  })
})
