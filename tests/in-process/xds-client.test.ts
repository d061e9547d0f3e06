// Holds a gateway that gets its configuration from a server written after the protocol alone: what is put into force, refused, and asked for.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { ResourceSchema } from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'
import { edsCluster, endpointsJson, httpListener, listener, routeTable, staticCluster, tcpListener } from '../support/xds-resources.ts'
import { pack, types, type XdsServer } from '../support/xds-server.ts'
import { closedPort } from './proxy-kit.ts'
import { control, gateway, get, listenToStderr, load, origin, server, simpleWorld } from './xds-kit.ts'

interface Running {
  readonly xds: XdsServer
  readonly port: number
  readonly stderr: () => string
}

async function running(patience: { cluster?: number; asked?: number } = {}): Promise<Running> {
  const stderr = listenToStderr()
  const xds = await server()
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address, patience }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  return { xds, port, stderr }
}

for (const unknown of [undefined, 'delta'] as const) {
  const form = unknown === undefined ? 'delta' : 'state of the world'

  test(`${form}: what the server sends is put into force, follows its changes, and is acknowledged`, async () => {
    const xds = await server({ ...(unknown && { unknown }) })
    const { port } = await simpleWorld(xds)
    gateway(await control({ server: xds.address }))
    await expect.poll(() => get(port, 'a.test')).toBe('first')
    expect(xds.heard[0]).toMatchObject({
      form: unknown === undefined ? 'delta' : 'sotw',
      node: 'router~127.0.0.1~gateway.istio-system~istio-system.svc.cluster.local',
    })
    xds.set(types.cluster, 'second', staticCluster('second', await origin('second')))
    xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'second' }))
    xds.push()
    await expect.poll(() => get(port, 'a.test')).toBe('second')
    xds.remove(types.listener, 'http')
    xds.push()
    await expect.poll(() => get(port, 'a.test')).toBe('ECONNREFUSED')
    expect(xds.nacks()).toEqual([])
    for (const type of Object.values(types)) expect(xds.acks(type)).toBeGreaterThan(0)
  })
}

test('state of the world: a listener of which the server only says that it still counts stays', async () => {
  const xds = await server({ unknown: 'delta' })
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  const acks = xds.acks(types.listener)
  const any = anyPack(ResourceSchema, create(ResourceSchema, { name: 'http' }))
  xds.sendRaw(types.listener, [{ name: 'http', version: '', any }])
  await expect.poll(() => xds.acks(types.listener)).toBe(acks + 1)
  expect(await get(port, 'a.test')).toBe('first')
})

test('a server that sends in the wrong order costs no request', async () => {
  const xds = await server({ order: [types.route, types.listener, types.endpoints, types.cluster] })
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  const asking = load(port, 'a.test')
  for (const name of ['second', 'third']) {
    xds.set(types.endpoints, name, endpointsJson(name, await origin(name)))
    xds.set(types.cluster, name, edsCluster(name))
    xds.set(types.route, 'routes', routeTable('routes', { 'a.test': name }))
    xds.push()
    await expect.poll(() => get(port, 'a.test')).toBe(name)
  }
  expect(Object.keys(await asking.stop()).sort()).toEqual(['first', 'second', 'third'])
})

test('a route that names a cluster which does not come waits, and then counts with what it has', async () => {
  const { xds, port, stderr } = await running({ cluster: 300 })
  xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'nowhere', 'b.test': 'first' }))
  xds.push()
  await expect.poll(() => xds.acks(types.route)).toBe(2)
  expect(await get(port, 'a.test')).toBe('first')
  await expect.poll(() => get(port, 'b.test')).toBe('first')
  expect(await get(port, 'a.test')).toBe('503')
  expect(stderr()).toContain('there is no cluster "nowhere"')
  xds.set(types.cluster, 'nowhere', staticCluster('nowhere', await origin('at last')))
  xds.push()
  await expect.poll(() => get(port, 'a.test')).toBe('at last')
})

test('a listener keeps its route table while a newer version waits for another one', async () => {
  const { xds, port } = await running()
  xds.set(types.listener, 'http', httpListener('http', port, 'later')).push()
  await expect.poll(() => xds.heard.find(({ names }) => names.includes('later'))).toBeDefined()
  await expect.poll(() => xds.acks(types.listener)).toBe(2)
  xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'first', 'b.test': 'first' })).push()
  await expect.poll(() => get(port, 'b.test')).toBe('first')
  expect(xds.heard.flatMap(({ unsubscribed }) => unsubscribed)).toEqual([])
  xds.set(types.route, 'later', routeTable('later', { 'c.test': 'first' })).push()
  await expect.poll(() => get(port, 'c.test')).toBe('first')
  expect(await get(port, 'a.test')).toBe('404')
  await expect.poll(() => xds.heard.flatMap(({ unsubscribed }) => unsubscribed)).toEqual(['routes'])
})

test('a resource that is removed while it is used is gone at once, and what came from it is refused', async () => {
  const { xds, port } = await running()
  xds.remove(types.cluster, 'first').push()
  await expect.poll(() => get(port, 'a.test')).toBe('503')
  xds.set(types.cluster, 'first', edsCluster('first')).push()
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  xds.remove(types.route, 'routes').push()
  await expect.poll(() => get(port, 'a.test')).toBe('404')
  expect(xds.nacks()).toEqual([])
})

const regexRoute = (regex: string) => ({
  name: 'routes',
  virtual_hosts: [
    {
      name: 'a',
      domains: ['a.test'],
      routes: [{ match: { safe_regex: { regex } }, route: { cluster: 'first', timeout: '0s' } }],
    },
  ],
})

const refused: Record<string, { change: (xds: XdsServer) => unknown; says: RegExp }> = {
  'a filter that nobody here knows': {
    change: (xds) => {
      const filter = { name: 'x', typed_config: { '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', name: 'x' } }
      return xds.set(types.listener, 'http', listener('http', 1, [filter]))
    },
    says: /^listener "http": filter_chains\[0\]: the filter "x" is not carried out$/,
  },
  'a regular expression that is none': {
    change: (xds) => xds.set(types.route, 'routes', regexRoute('(')),
    says: /^route "routes": virtual_hosts\[0\]\.routes\[0\]: .*\(/,
  },
  'a cluster of a kind that is not carried out': {
    change: (xds) => xds.set(types.cluster, 'first', { ...staticCluster('first'), transport_socket: { name: 'some.socket' } }),
    says: /^cluster "first": .*some\.socket/,
  },
  'a field of a later Envoy': {
    change: (xds) => {
      const any = pack(types.route, routeTable('routes', { 'a.test': 'first' }))
      // Field 9999, a number.
      return xds.setAny(types.route, 'routes', { ...any, value: Buffer.concat([any.value, Buffer.from([0xf8, 0xf0, 0x04, 0x01])]) })
    },
    says: /^routes: field 9999: nobody here knows this field$/,
  },
  'a resource with the name of another': {
    change: (xds) => xds.set(types.route, 'routes', routeTable('others', { 'a.test': 'first' })),
    says: /^routes: inside it is called others$/,
  },
  'bytes that are no such message': {
    change: (xds) => xds.setAny(types.route, 'routes', { ...pack(types.route, {}), value: Buffer.from([0x0a, 0x7f]) }),
    says: /^routes: it cannot be read: /,
  },
  'another type than the response says': {
    change: (xds) => xds.setAny(types.route, 'routes', pack(types.cluster, staticCluster('routes'))),
    says: /^routes: it is a .*Cluster in a response of .*RouteConfiguration$/,
  },
}

test.each(Object.entries(refused))('refused, while the last good version goes on: %s', async (_name, { change, says }) => {
  const { xds, port } = await running()
  change(xds)
  // Of the same kinds as what is refused, so that good and bad come together.
  xds.set(types.cluster, 'good', staticCluster('good', await origin('good')))
  const other = await closedPort()
  xds.set(types.listener, 'other', httpListener('other', other, 'others'))
  xds.set(types.route, 'others', routeTable('others', { '*': 'good' }))
  xds.push()
  await expect.poll(() => xds.nacks().map(({ error }) => error)).toEqual([expect.stringMatching(says)])
  await expect.poll(() => get(other, 'b.test')).toBe('good')
  expect(await get(port, 'a.test')).toBe('first')
  // The next good version is taken.
  xds.set(types.listener, 'http', httpListener('http', port, 'routes'))
  xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'good' })).push()
  await expect.poll(() => get(port, 'a.test')).toBe('good')
})

test('a listener that never had a good version refuses what it was to take', async () => {
  const { xds, port } = await running()
  const other = await closedPort()
  const filter = { name: 'guard', typed_config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: {} } }
  const proxy = tcpListener('guarded', other, 'first')
  xds.set(types.listener, 'guarded', { ...proxy, listener_filters: [filter] }).push()
  await expect.poll(() => xds.nacks()).toHaveLength(1)
  expect(xds.nacks()[0]?.error).toBe('listener "guarded": the listener filter "guard" is not carried out')
  await expect.poll(() => get(other, 'a.test')).toBe('403')
  xds.set(types.listener, 'guarded', proxy).push()
  await expect.poll(() => get(other, 'a.test')).toBe('first')
  expect(await get(port, 'a.test')).toBe('first')
})

test('a regular expression that would take a backtracking engine for ever costs nothing', async () => {
  const { xds, port } = await running()
  xds.set(types.route, 'routes', regexRoute('/(a+)+(a+)+(a+)+b')).push()
  await expect.poll(() => get(port, 'a.test')).toBe('404')
  const { request } = await import('node:http')
  const status = await new Promise((resolve) => {
    request({ port, path: `/${'a'.repeat(4000)}`, headers: { host: 'a.test' } }, (response) => resolve(response.resume().statusCode)).end()
  })
  expect(status).toBe(404)
})

test.each([undefined, 'delta'] as const)(
  'a server that sends again at once what was refused is answered more and more slowly',
  async (unknown) => {
    listenToStderr()
    const xds = await server({ insists: true, ...(unknown && { unknown }) })
    const { port } = await simpleWorld(xds)
    gateway(await control({ server: xds.address }))
    await expect.poll(() => get(port, 'a.test')).toBe('first')
    const began = performance.now()
    xds.set(types.route, 'routes', { ...routeTable('routes', { 'a.test': 'first' }), vhost_header: 'x' }).push()
    await expect.poll(() => xds.nacks().length, { timeout: 5000 }).toBeGreaterThanOrEqual(6)
    // At least half of 20 + 40 + 80 + 160 ms.
    expect(performance.now() - began).toBeGreaterThanOrEqual(150)
    expect(await get(port, 'a.test')).toBe('first')
    xds.set(types.route, 'routes', routeTable('routes', { 'b.test': 'first' })).push()
    await expect.poll(() => get(port, 'b.test'), { timeout: 5000 }).toBe('first')
  },
)

test('a resource of 64 MB is refused without being read, and the stream goes on', async () => {
  const { xds, port } = await running()
  const any = pack(types.cluster, staticCluster('huge'))
  const padding = Buffer.alloc(64 * 1024 * 1024)
  xds.setAny(types.cluster, 'huge', { ...any, value: Buffer.concat([any.value, padding]) }).push()
  await expect
    .poll(() => xds.nacks().map(({ error }) => error), { timeout: 10_000 })
    .toEqual([expect.stringMatching(/^huge: it has 67108\d{3} bytes, and more than 33554432 are not read$/)])
  xds.remove(types.cluster, 'huge')
  xds.set(types.cluster, 'first', staticCluster('first', await origin('later'))).push()
  await expect.poll(() => get(port, 'a.test')).toBe('later')
  expect(xds.streams).toBe(1)
})
