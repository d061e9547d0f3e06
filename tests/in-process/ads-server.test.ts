// Holds what clients of the configuration server are sent over real gRPC, and what becomes of those that behave badly.
import { writeFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, credentials, status } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type ClientStatus,
  discoveryService,
  readClientStatus,
  ResourceView,
  serveAds,
  statusService,
  typeShortNames,
  typeUrls,
} from '../../src/xds/index.ts'
import { create } from '../../src/xds/create.ts'
import { NodeSchema } from '../../src/xds/gen/envoy/config/core/v3/base_pb.js'
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'
import { ClientStatusRequestSchema } from '../../src/xds/gen/envoy/service/status/v3/csds_pb.js'
import { DeltaClient, serve, StateClient, testNode } from './ads-kit.ts'

const { cluster, extension, listener, route } = typeUrls
const manyClusters = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`outbound|443||host-${i}.example.test`, 1]))

test('both dialects are served the same, and a change reaches both', async () => {
  const served = await serve({ clusters: { a: 1, b: 1 } })
  const [delta, state] = [new DeltaClient(served.address), new StateClient(served.address)]
  delta.subscribe(cluster, '*')
  state.subscribe(cluster)
  expect((await delta.accept()).names).toEqual(['a', 'b'])
  expect((await state.accept()).names).toEqual(['a', 'b'])
  served.publish({ clusters: { a: 1, b: 2 } })
  expect((await delta.accept()).names).toEqual(['b'])
  expect((await state.accept()).names).toEqual(['a', 'b'])
  await expect.poll(() => served.clients().map(({ types }) => types.map(({ state: now }) => now))).toEqual([['SYNCED'], ['SYNCED']])
})

test('a new stream with the versions of the last is sent nothing that it has', async () => {
  const served = await serve({ clusters: manyClusters })
  const first = new DeltaClient(served.address)
  first.subscribe(cluster, '*')
  const { versions } = await first.accept()
  first.close()
  const second = new DeltaClient(served.address)
  second.send({ typeUrl: cluster, resourceNamesSubscribe: ['*'], initialResourceVersions: { ...versions } })
  second.subscribe(route, 'none')
  expect((await second.accept()).removed).toEqual(['none'])
  expect(second.unheard).toEqual([])
})

test('who has accepted what is told as Envoy tells it, and a refusal keeps its text', async () => {
  const served = await serve({ clusters: { a: 1 }, listeners: { l: 1 } })
  const client = new DeltaClient(served.address)
  client.subscribe(cluster, '*')
  await client.accept()
  client.subscribe(listener, '*')
  client.nack(await client.next(), 'filter chain 3: no such filter')
  const told = async () =>
    (await askStatus(served.address)).map(({ node, types }) => [
      node.id,
      types.map(({ typeUrl, state, rejected }) => [typeShortNames[typeUrl], state, rejected?.text]),
    ])
  await expect.poll(told).toEqual([
    [
      testNode.id,
      [
        ['CDS', 'SYNCED', undefined],
        ['LDS', 'NACK', 'filter chain 3: no such filter'],
      ],
    ],
  ])
  expect(served.rejections).toEqual([`${testNode.id}: filter chain 3: no such filter`])
})

test('who only looks is not told of, and is shown what the node has', async () => {
  const asked: string[] = []
  const view = new ResourceView()
  const served = await serve(
    { clusters: { a: 1 } },
    {
      viewOf: (node) => {
        asked.push(JSON.stringify(node.labels))
        return { view, release: () => undefined }
      },
    },
  )
  const client = new DeltaClient(served.address)
  client.subscribe(cluster, '*')
  await expect.poll(() => served.clients().length).toBe(1)
  const looking = new DeltaClient(served.address)
  looking.send({ typeUrl: cluster, node: create(NodeSchema, { id: testNode.id, metadata: { SALLYPORT_OBSERVER: 'true' } }) })
  await expect.poll(() => asked).toEqual(['{"app":"web"}', '{"app":"web"}'])
  expect(served.clients()).toHaveLength(1)
})

describe('a client that', () => {
  const endings: Record<string, { readonly node: typeof testNode; readonly says: string; readonly code: number }> = {
    'has no node': { node: create(NodeSchema), says: 'has no node', code: status.INVALID_ARGUMENT },
    'is no proxy of Istio’s kind': { node: create(NodeSchema, { id: 'envoy' }), says: 'is not sidecar~IP~', code: status.INVALID_ARGUMENT },
    'gets no view': { node: testNode, says: 'nobody is at home', code: status.INVALID_ARGUMENT },
  }
  test.each(Object.entries(endings))('%s is told so', async (_name, { node, says, code }) => {
    const served = await serve({}, { viewOf: () => 'nobody is at home' })
    const client = new StateClient(served.address)
    client.send({ typeUrl: cluster, node })
    expect(await client.ended).toMatchObject({ code, details: expect.stringContaining(says) })
  })

  test('asks for a type that nobody serves is served the others', async () => {
    const served = await serve({ clusters: { a: 1 } })
    const client = new StateClient(served.address)
    client.subscribe('type.googleapis.com/envoy.service.runtime.v3.Runtime', 'x')
    client.subscribe(cluster)
    expect((await client.accept()).names).toEqual(['a'])
  })

  test('forges and repeats nonces changes nothing but its own subscription', async () => {
    const served = await serve({ clusters: { a: 1, b: 1 } })
    const client = new DeltaClient(served.address)
    client.subscribe(cluster, 'a')
    const first = await client.next()
    for (const nonce of ['', 'x', '99999999999999999999', '-1', first.nonce, first.nonce])
      client.send({ typeUrl: cluster, responseNonce: nonce })
    client.subscribe(cluster, 'b')
    expect((await client.accept()).names).toEqual(['b'])
    await expect.poll(() => served.clients()[0]?.types[0]?.state).toBe('SYNCED')
  })

  test('subscribes to 100,000 names is answered in pieces, while others are served', async () => {
    const served = await serve({ clusters: { a: 1 }, routes: { 'route-77': 1 } })
    const [greedy, modest] = [new DeltaClient(served.address), new DeltaClient(served.address)]
    greedy.subscribe(route, ...Array.from({ length: 100_000 }, (_, i) => `route-${i}`))
    modest.subscribe(cluster, '*')
    expect((await modest.accept()).names).toEqual(['a'])
    const removed: string[] = []
    const names: string[] = []
    while (removed.length + names.length < 100_000) {
      const piece = await greedy.accept()
      removed.push(...piece.removed)
      names.push(...piece.names)
    }
    expect([names, new Set(removed).size]).toEqual([['route-77'], 99_999])
    served.publish({ clusters: { a: 1 }, routes: { 'route-77': 2 } })
    expect((await greedy.accept()).names).toEqual(['route-77'])
  })

  test('subscribes to more is sent away', async () => {
    const served = await serve({}, { limits: { mostNames: 1000 } })
    const client = new DeltaClient(served.address)
    client.subscribe(route, ...Array.from({ length: 1001 }, (_, i) => `${i}`))
    expect(await client.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'a stream may name 1000 resources at the most' })
  })

  test('never says who it is is sent away', async () => {
    const served = await serve({}, { limits: { firstRequestMs: 50 } })
    const client = new DeltaClient(served.address)
    expect(await client.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED, details: 'no request came in 50 ms' })
  })

  test('never answers is sent away', async () => {
    const served = await serve({ clusters: { a: 1 } }, { limits: { answerMs: 50 } })
    const client = new DeltaClient(served.address)
    client.subscribe(cluster, '*')
    await client.next()
    expect(await client.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED, details: 'a response was not answered in 50 ms' })
  })

  test.each(Object.values(discoveryService))('never reads is cut off, and others are served meanwhile: $originalName', async ({ path }) => {
    const served = await serve({ clusters: manyClusters }, { limits: { writeMs: 300 } })
    const ended = Array.from({ length: 5 }, () => deafClient(served.address, path))
    await expect.poll(() => served.clients().length).toBe(5)
    const other = new DeltaClient(served.address)
    other.subscribe(cluster, '*')
    expect((await other.accept()).names).toHaveLength(3000)
    await expect.poll(() => served.clients().length, { timeout: 5000 }).toBe(1)
    expect(await Promise.all(ended)).toEqual(ended.map(() => constants.NGHTTP2_ENHANCE_YOUR_CALM))
  })

  test('is gone without a word is found out', async () => {
    const served = await serve({ clusters: { a: 1 } }, { limits: { keepaliveMs: 200 } })
    const relay = await blackHole(Number(served.address.split(':')[1]))
    const client = new DeltaClient(relay.address)
    client.subscribe(cluster, '*')
    await client.accept()
    await expect.poll(() => served.clients().length).toBe(1)
    relay.swallow()
    await expect.poll(() => served.clients().length, { timeout: 5000 }).toBe(0)
  })

  test('comes when there are as many as there may be is sent away', async () => {
    const served = await serve({ clusters: { a: 1 } }, { limits: { mostStreams: 1 } })
    const first = new DeltaClient(served.address)
    first.subscribe(cluster, '*')
    await first.accept()
    const second = new DeltaClient(served.address)
    expect(await second.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  })
})

test('two thousand that come back at once are sent nothing that they have, and the next change', { timeout: 60_000 }, async () => {
  const plan = { clusters: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`c${i}`, 1])) }
  const served = await serve(plan)
  const first = new DeltaClient(served.address)
  first.subscribe(cluster, '*')
  const { versions } = await first.accept()
  const clients = Array.from({ length: 2000 }, () => new DeltaClient(served.address, sharedChannel(served.address)))
  for (const client of clients) client.send({ typeUrl: cluster, resourceNamesSubscribe: ['*'], initialResourceVersions: { ...versions } })
  await expect.poll(() => served.clients().filter(({ types }) => types[0]?.state !== 'STALE').length, { timeout: 30_000 }).toBe(2001)
  served.publish({ clusters: { ...plan.clusters, c7: 2 } })
  const heard = await Promise.all(clients.map((client) => client.accept()))
  expect(new Set(heard.map(({ names }) => names.join()))).toEqual(new Set(['c7']))
  expect(clients.flatMap((client) => client.unheard)).toEqual([])
})

describe('a server', () => {
  test('on a Unix socket is its owner’s, takes the place of one that was killed, and not of one that lives', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ads-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'xds.sock')
    leaveSocket(path)
    const options = { address: path, viewOf: () => 'nobody' }
    const server = await serveAds(options)
    onTestFinished(() => server.close())
    expect(server.address).toBe(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await expect(serveAds(options)).rejects.toMatchObject({ code: 'SLP4201' })
    await expect(askStatus(`unix:${path}`)).resolves.toEqual([])
  })

  test('does not take a file for a socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ads-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'file')
    writeFileSync(path, '')
    await expect(serveAds({ address: path, viewOf: () => 'nobody' })).rejects.toMatchObject({ code: 'SLP4201' })
  })

  test('that ends tells its clients', async () => {
    const served = await serve({ clusters: { a: 1 } })
    const client = new DeltaClient(served.address)
    client.subscribe(cluster, '*')
    await client.accept()
    await served.close()
    expect(await client.ended).toMatchObject({ code: status.UNAVAILABLE, details: 'the server is going away' })
  })

  test('sends places only to who asks, and moves them without anything else', async () => {
    const place = { source: 'a.yaml', line: 3, placeOf: () => ({ line: 3, column: 1 }) }
    const plan = { clusters: { a: 1 }, names: { 'a.test': ['240.0.0.1'] } }
    const served = await serve({ ...plan, origins: { 'ServiceEntry/x/y': place } })
    const [records, engine] = [new DeltaClient(served.address), new DeltaClient(served.address)]
    for (const client of [records, engine]) client.subscribe(cluster, '*')
    records.subscribe(extension, '*')
    await records.accept()
    expect((await records.accept()).names).toEqual(['dns/a.test', 'origin/ServiceEntry/x/y'])
    await engine.accept()
    served.publish({ ...plan, origins: { 'ServiceEntry/x/y': { ...place, line: 9 } } })
    expect((await records.accept()).names).toEqual(['origin/ServiceEntry/x/y'])
    engine.subscribe(route, 'none')
    expect((await engine.accept()).removed).toEqual(['none'])
  })
})

function askStatus(address: string): Promise<readonly ClientStatus[]> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  onTestFinished(() => client.close())
  const { path, requestSerialize, responseDeserialize } = statusService.fetchClientStatus
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, create(ClientStatusRequestSchema), (error, response) =>
      error ? reject(error) : resolve(response === undefined ? [] : readClientStatus(response)),
    ),
  )
}

const channels = new Map<string, { readonly clients: Client[]; next: number }>()

/** A hundred streams on a connection. */
function sharedChannel(address: string): Client {
  const known = channels.get(address) ?? { clients: [], next: 0 }
  channels.set(address, known)
  if (known.next++ % 100 === 0) {
    const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
    onTestFinished(() => client.close())
    known.clients.push(client)
  }
  return known.clients.at(-1) ?? new Client(address, credentials.createInsecure())
}

/** Hands on what comes, until nothing goes through any more in either direction while both connections stay open. */
async function blackHole(port: number): Promise<{ readonly address: string; swallow(): void }> {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    sockets.push(near, far)
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    address: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    swallow() {
      for (const socket of sockets) {
        socket.unpipe()
        socket.resume()
      }
    },
  }
}

/** As a program leaves it that is killed. */
function leaveSocket(path: string): void {
  spawnSync(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ])
}

/** Asks for all clusters, and takes in no byte of the answer; resolves with the code of its end. */
function deafClient(address: string, path: string): Promise<number> {
  const session = connectHttp2(`http://${address}`)
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
  const { deltaAggregatedResources: delta, streamAggregatedResources: state } = discoveryService
  const init = { node: testNode, typeUrl: cluster }
  const request =
    path === delta.path
      ? delta.requestSerialize(create(DeltaDiscoveryRequestSchema, init))
      : state.requestSerialize(create(DiscoveryRequestSchema, init))
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(request.length, 1)
  stream.on('error', () => undefined)
  stream.write(Buffer.concat([frame, request]))
  return new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)))
}
