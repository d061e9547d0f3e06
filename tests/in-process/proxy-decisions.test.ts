// Proves that the data plane carries out what the real runtime decides, from compiled resources to bytes on sockets.
import { connect as connectTls } from 'node:tls'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Address, parseAddress, Watchable } from '../../src/base/index.ts'
import type { FlowRecord } from '../../src/flow/index.ts'
import { createDataPlane, type DataPlane } from '../../src/proxy/index.ts'
import { compile, type Runtime } from '../../src/runtime/index.ts'
import {
  catchAll,
  blackHole,
  edsCluster,
  endpointsOf,
  listener,
  otherHosts,
  passthrough,
  refTo,
  routeTable,
  routeTo,
  sniffedHttpChain,
  snapshotOf,
  type SnapshotParts,
  tcpChain,
  virtualHost,
  virtualOutbound,
} from '../../src/runtime/snapshot-builder.test-kit.ts'
import { flowClosed } from '../../src/telemetry/index.ts'
import { answering, closeAfterwards, dialPeer, listen, origin, type Origin, portOf, until } from './proxy-kit.ts'

interface World {
  readonly plane: DataPlane
  readonly runtime: Watchable<Runtime | undefined>
  readonly records: FlowRecord[]
  /** Connects as a client that dialled this address. */
  readonly dial: (destination: string) => ReturnType<typeof dialPeer>
  readonly port: number
}

async function world(parts: SnapshotParts): Promise<World> {
  const runtime = new Watchable<Runtime | undefined>(runtimeOf(parts))
  const records: FlowRecord[] = []
  const unsubscribe = flowClosed.subscribe(({ record }) => records.push(record))
  let destination: Address | undefined
  const plane = createDataPlane({
    role: 'sidecar',
    runtime,
    names: { known: () => undefined, resolve: async () => ({ failed: 'no resolver in this test', expires: Number.MAX_SAFE_INTEGER }) },
    source: { namespace: 'default', workload: 'app', labels: {} },
    destinationOf: () => destination,
  })
  const server = createServer()
  await listen(server)
  plane.adoptSidecarServer(server, 4)
  closeAfterwards({
    close: async () => {
      plane.close()
      server.close()
      await plane.drain(5000)
      unsubscribe()
    },
  })
  const port = portOf(server)
  const dial = (text: string): ReturnType<typeof dialPeer> => {
    destination = parseAddress(text)
    return dialPeer(port)
  }
  return { plane, runtime, records, dial, port }
}

function runtimeOf(parts: SnapshotParts): Runtime {
  const { runtime, rejected } = compile(snapshotOf(parts), { addresses: [] })
  expect(rejected).toEqual([])
  return runtime
}

/** REGISTRY_ONLY with an HTTP port 80, and `d2iq.com` and a Redis declared or not. */
function mesh(declared: { readonly d2iq?: Origin; readonly redis?: Origin }): SnapshotParts {
  const { d2iq, redis } = declared
  const hosts = d2iq
    ? [virtualHost('d2iq.com:80', ['d2iq.com'], [routeTo('outbound|80||d2iq.com')], refTo('ServiceEntry/default/d2iq'))]
    : []
  const redisChain = tcpChain('outbound|6379||redis.example', { said: refTo('ServiceEntry/default/redis') })
  return {
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [sniffedHttpChain('80')], otherwise: catchAll() }),
      ...(redis ? [listener('203.0.113.40_6379', ['203.0.113.40:6379'], { chains: [redisChain] })] : []),
    ],
    routes: [routeTable('80', [...hosts, otherHosts()])],
    clusters: [
      blackHole(),
      passthrough(),
      ...(d2iq ? [edsCluster('outbound|80||d2iq.com', { said: refTo('ServiceEntry/default/d2iq') })] : []),
      ...(redis ? [edsCluster('outbound|6379||redis.example', { said: refTo('ServiceEntry/default/redis') })] : []),
    ],
    endpoints: [
      ...(d2iq ? [endpointsOf('outbound|80||d2iq.com', [`127.0.0.1:${d2iq.port}`])] : []),
      ...(redis ? [endpointsOf('outbound|6379||redis.example', [`127.0.0.1:${redis.port}`])] : []),
    ],
  }
}

const request = 'GET / HTTP/1.1\r\nHost: d2iq.com\r\n\r\n'

describe('under REGISTRY_ONLY', () => {
  it('a host is refused until it is declared, on the same connection', async () => {
    const d2iq = await origin(answering('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nd2iq'))
    const { dial, records, runtime } = await world(mesh({}))
    const client = await dial('203.0.113.10:80')
    client.write(request)
    expect(await client.until('protocol: HTTP\n')).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(d2iq.peers).toHaveLength(0)
    runtime.set(runtimeOf(mesh({ d2iq })))
    client.text = ''
    client.write(request)
    expect(await client.until('\r\n\r\nd2iq')).toContain('HTTP/1.1 200 OK')
    runtime.set(runtimeOf(mesh({})))
    client.text = ''
    client.write(request)
    expect(await client.until('HTTP/1.1')).toContain('403')
    await until(() => records.length === 3, 'three records')
    expect(records.map(({ verdict, reason, status }) => [verdict, reason.code, status])).toEqual([
      ['deny', 'not-declared', 403],
      ['allow', 'declared', 200],
      ['deny', 'not-declared', 403],
    ])
    expect(records[1]).toMatchObject({ by: { kind: 'ServiceEntry', name: 'd2iq' }, cluster: 'outbound|80||d2iq.com', redialled: true })
  })

  it('HTTP on a port that nothing declares gets its 403 too', async () => {
    const { dial, records } = await world(mesh({}))
    const client = await dial('203.0.113.10:8080')
    client.write(request)
    expect(await client.untilEnd()).toContain('HTTP/1.1 403')
    await until(() => records.length === 1, 'the record')
    expect(records[0]).toMatchObject({ kind: 'request', host: 'd2iq.com', destination: '203.0.113.10:8080' })
  })

  it('TLS gets an alert that its client understands', async () => {
    const { dial, records } = await world(mesh({}))
    const client = await dial('203.0.113.10:443')
    const message = await new Promise<string>((resolve) => {
      connectTls({ socket: client.socket, servername: 'nobody.example' }).on('error', (error) => resolve(error.message))
    })
    expect(message).toMatch(/unrecognized name/i)
    await until(() => records.length === 1, 'the record')
    expect(records[0]).toMatchObject({ protocol: 'tls', sni: 'nobody.example', verdict: 'deny' })
  })

  it('a client that waits for the server to speak is closed', async () => {
    const { dial, records } = await world(mesh({}))
    const client = await dial('203.0.113.40:6379')
    expect(await client.untilEnd()).toBe('')
    client.socket.end()
    await until(() => records.length === 1, 'the record')
    expect(records[0]).toMatchObject({ verdict: 'deny', reason: { code: 'not-declared' }, bytesSent: 0, bytesReceived: 0 })
  })

  it('a TCP destination opens when it is declared, and is cut when it no longer is', async () => {
    const redis = await origin((peer) => peer.socket.on('data', () => peer.write('+PONG\r\n')))
    const { dial, records, runtime } = await world(mesh({ redis }))
    const client = await dial('203.0.113.40:6379')
    client.write('PING\r\n')
    expect(await client.until('\r\n')).toBe('+PONG\r\n')
    runtime.set(runtimeOf(mesh({ redis, d2iq: redis })))
    client.write('PING\r\n')
    await client.until('+PONG\r\n+PONG\r\n')
    runtime.set(runtimeOf(mesh({})))
    await client.untilClosed(1000)
    await until(() => records.length === 1, 'the record')
    expect(records[0]).toMatchObject({
      verdict: 'deny',
      details: 'policy_changed',
      reason: { code: 'not-declared' },
      bytesSent: 12,
      bytesReceived: 14,
    })
  })
})
