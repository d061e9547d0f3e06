// Proves on real sockets that a gateway binds what it is told, serves only whom it may, and joins its flows to those of the hop before.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAddress, parseCidr } from '../../src/base/index.ts'
import type { BoundListener } from '../../src/runtime/index.ts'
import {
  answering,
  closeAfterwards,
  closedPort,
  deny,
  dialPeer,
  forward,
  gateway,
  type GatewayPlane,
  http,
  listen,
  local,
  manager,
  type Origin,
  origin,
  plane,
  type Plane,
  portOf,
  sniffThen,
  until,
} from './proxy-kit.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  closeAfterwards({ close: () => rmSync(path, { recursive: true, force: true }) })
  return path
}

function onPort(port: number, changes: Partial<BoundListener> = {}): BoundListener {
  return { name: `127.0.0.1_${port}`, bind: local(port), proxyProtocol: false, ...changes }
}

describe('a gateway', () => {
  it('binds its listeners, follows changes, and lets go of what is gone', async () => {
    const [one, two] = [await closedPort(), await closedPort()]
    const upstream = await origin((peer) => peer.socket.end('origin'))
    const connection = () => forward([upstream.target])
    const { plane, set } = await gateway({ connection, boundListeners: [onPort(one)] })
    await plane.whenBound()
    expect(await (await dialPeer(one)).untilEnd()).toBe('origin')
    set({ connection, boundListeners: [onPort(two)] })
    await plane.whenBound()
    expect(await (await dialPeer(two)).untilEnd()).toBe('origin')
    await expect(dialPeer(one)).rejects.toThrow('ECONNREFUSED')
    expect(plane.listeners()).toEqual([{ name: `127.0.0.1_${two}`, bind: `127.0.0.1:${two}`, isListening: true }])
  })

  it('says which port is taken and what to do, once, and has it as soon as it is free', async () => {
    const squatter = createServer()
    await listen(squatter)
    const port = portOf(squatter)
    const problems: string[] = []
    const { plane } = await gateway(
      { connection: () => deny(), boundListeners: [onPort(port)] },
      { onProblem: (text) => problems.push(text), limits: { rebindMs: 100 } },
    )
    await until(() => problems.length > 0, 'the problem')
    expect(problems[0]).toContain(`127.0.0.1:${port}`)
    expect(problems[0]).toContain('EADDRINUSE')
    expect(problems[0]).toContain('ss -ltnp')
    expect(plane.unboundListeners()).toEqual([expect.stringContaining(`127.0.0.1_${port}`)])
    await new Promise((resolve) => squatter.close(resolve))
    await plane.whenBound()
    expect(problems).toHaveLength(1)
  })

  it('tells the decision which listener a connection came to', async () => {
    const port = await closedPort()
    const { plane, record } = await gateway({
      connection: ({ listener, destination }) => deny({ reason: { code: 'no-filter-chain', text: `${listener} ${destination.port}` } }),
      boundListeners: [onPort(port)],
    })
    await plane.whenBound()
    const client = await dialPeer(port)
    await client.untilEnd()
    client.socket.end()
    expect(await record(0)).toMatchObject({
      role: 'gateway',
      reason: { text: `127.0.0.1_${port} ${port}` },
      destination: `127.0.0.1:${port}`,
    })
  })

  it('refuses who is not named in --from, with a record', async () => {
    const port = await closedPort()
    const peers = [parseCidr('192.0.2.0/24')!]
    const { plane, record, runtime } = await gateway({ connection: () => forward([]), boundListeners: [onPort(port)] }, { peers })
    await plane.whenBound()
    const client = await dialPeer(port)
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'peer-not-allowed' } })
    expect(runtime.value).toBeDefined()
  })

  it('adds the peer to what the origin is told, and replaces what an outside peer says of itself', async () => {
    const port = await closedPort()
    const upstream = await origin(answering(ok))
    const edge = { ...manager, useRemoteAddress: true, serverName: 'istio-envoy' }
    const { plane } = await gateway({
      connection: () => ({ verdict: 'http', manager: edge }),
      request: () => forward([upstream.target]),
      boundListeners: [onPort(port, { proxyProtocol: true })],
    })
    await plane.whenBound()
    const ask = async (source: string): Promise<string> => {
      const client = await dialPeer(port)
      client.write(proxyHeader(source))
      client.write(
        'GET / HTTP/1.1\r\nHost: a.example\r\nx-forwarded-for: 192.0.2.1\r\nx-request-id: mine\r\nx-forwarded-proto: https\r\n\r\n',
      )
      const answer = await client.until('hi')
      client.socket.destroy()
      expect(answer).toContain('server: istio-envoy\r\n')
      return upstream.received().slice(upstream.received().lastIndexOf('GET '))
    }
    const outside = await ask('198.51.100.7:1000')
    expect(outside).toContain('x-forwarded-for: 192.0.2.1,198.51.100.7\r\nx-envoy-external-address: 198.51.100.7\r\n')
    expect(outside).toContain('x-forwarded-proto: http\r\n')
    expect(outside).not.toContain('mine')
    const inside = await ask('10.0.0.7:1000')
    expect(inside).toContain('x-request-id: mine\r\n')
    expect(inside).toContain('x-forwarded-proto: https\r\n')
    expect(inside).not.toContain('x-envoy-external-address')
  })
})

/** A PROXY protocol v2 header, TCP over IPv4, to 203.0.113.9:6379. */
function proxyHeader(source: string): Buffer {
  const [from, to] = [parseAddress(source)!, parseAddress('203.0.113.9:6379')!]
  const bytes = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12])
  const ends = Buffer.alloc(12)
  ends.set([...from.ip.split('.'), ...to.ip.split('.')].map(Number))
  ends.writeUInt16BE(from.port, 8)
  ends.writeUInt16BE(to.port, 10)
  return Buffer.concat([bytes, ends])
}

describe('a hop over a Unix socket', () => {
  const hop = { cluster: { name: 'outbound|80||gateway', gateway: true, proxyProtocol: 'hop' }, path: 'gateway' } as const

  async function chain(parts: { readonly isHttp: boolean; readonly upstream: Origin }): Promise<{ first: Plane; second: GatewayPlane }> {
    const pipe = join(directory(), '8080.sock')
    const second = await gateway({
      connection: () => (parts.isHttp ? http : forward([parts.upstream.target])),
      request: () => forward([parts.upstream.target]),
      boundListeners: [{ name: 'embedded', bind: { pipe }, proxyProtocol: true }],
    })
    await second.plane.whenBound()
    const first = await plane({
      connection: parts.isHttp ? sniffThen(() => http) : () => forward([{ pipe }], hop),
      request: () => forward([{ pipe }], hop),
    })
    return { first, second }
  }

  it('tells the gateway who asked for what over TCP, and joins both records', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.socket.end(`+${peer.text}`)))
    const { first, second } = await chain({ isHttp: false, upstream })
    const client = await dialPeer(first.port)
    client.write('PING\r\n')
    expect(await client.untilEnd()).toBe('+PING\r\n')
    client.socket.end()
    const [outer, inner] = [await second.record(0), await first.record(0)]
    expect(inner).toMatchObject({ path: 'gateway', role: 'sidecar', verdict: 'allow' })
    expect(outer).toMatchObject({
      role: 'gateway',
      parent: inner.id,
      destination: '203.0.113.10:80',
      source: { namespace: 'default', workload: 'app', address: inner.source.address, authenticated: false },
    })
    expect(upstream.received()).toBe('PING\r\n')
  })

  it('does the same for each request, and shows the origin nothing of it', async () => {
    const upstream = await origin(answering(ok))
    const { first, second } = await chain({ isHttp: true, upstream })
    const client = await dialPeer(first.port)
    for (let round = 0; round < 2; round++) {
      client.text = ''
      client.write(`GET /${round} HTTP/1.1\r\nHost: a.example\r\nx-sallyport-flow: forged\r\n\r\n`)
      await client.until('hi')
      const [outer, inner] = [await second.record(round), await first.record(round)]
      expect(outer).toMatchObject({ parent: inner.id, requestPath: `/${round}`, source: { workload: 'app' } })
      expect(outer.connection).not.toBe(inner.connection)
    }
    expect(upstream.received()).not.toMatch(/sallyport|forged/)
  })

  it('is never shared by two clients, because it names one of them', async () => {
    const upstream = await origin(answering(ok))
    const { first, second } = await chain({ isHttp: true, upstream })
    const sources: string[] = []
    for (let round = 0; round < 2; round++) {
      const client = await dialPeer(first.port)
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      await client.until('hi')
      client.socket.destroy()
      sources.push((await second.record(round)).source.address)
    }
    expect(new Set(sources).size).toBe(2)
    await until(() => second.plane.counters.active === 0, 'the end of the hops')
  })

  it('is refused without a valid PROXY protocol header', async () => {
    const pipe = join(directory(), 'x.sock')
    const { plane, record } = await gateway({
      connection: () => forward([]),
      boundListeners: [{ name: 'embedded', bind: { pipe }, proxyProtocol: true }],
    })
    await plane.whenBound()
    const client = await dialPeer(pipe)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'bad-request' }, flag: 'DPE', source: { address: 'unix' } })
  })

  it('replaces a socket file that a killed process left behind, but not one that is in use', async () => {
    const pipe = join(directory(), 'x.sock')
    const script = `require('net').createServer().listen(${JSON.stringify(pipe)}, () => process.kill(process.pid, 'SIGKILL'))`
    const { spawnSync } = await import('node:child_process')
    spawnSync(process.execPath, ['-e', script])
    expect(existsSync(pipe)).toBe(true)
    const boundListeners: BoundListener[] = [{ name: 'embedded', bind: { pipe }, proxyProtocol: false }]
    const one = await gateway({ connection: () => deny(), boundListeners })
    await one.plane.whenBound()
    const problems: string[] = []
    await gateway({ connection: () => deny(), boundListeners }, { onProblem: (text) => problems.push(text) })
    await until(() => problems.length > 0, 'the problem')
    expect(problems[0]).toContain('EADDRINUSE')
    await (await dialPeer(pipe)).untilEnd()
  })
})
