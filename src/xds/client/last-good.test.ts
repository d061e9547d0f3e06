// Holds that what is kept comes back as it was: unread and good when it was whole and this very program wrote it, and otherwise to be judged.
import { toJson } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js'
import {
  create,
  decodeHeld,
  decodeResource,
  encodeHeld,
  isUnread,
  type ResourceKey,
  type Restoring,
  snapshotParts,
  type ToKeep,
  writeMetadata,
} from '../index.ts'

const cluster = create(ClusterSchema, {
  name: 'a',
  clusterDiscoveryType: { case: 'type', value: 3 },
  edsClusterConfig: { serviceName: 'endpoints of a' },
})
const listener = create(ListenerSchema, {
  name: 'l',
  bindToPort: false,
  filterChains: [
    { name: 'first', filterChainMatch: { serverNames: ['a.test', '*.b.test'] } },
    { name: 'second', filterChainMatch: { destinationPort: 80 }, useProxyProto: true },
  ],
})
const resolving = create(ListenerSchema, {
  name: 'r',
  filterChains: [
    { name: 'c', metadata: writeMetadata({ resolvesTo: 'a.test' }) },
    { name: 'envoy.transport_sockets.tls' },
    { name: 'plain' },
  ],
})
const table = create(RouteConfigurationSchema, {
  name: '80',
  virtualHosts: [
    { name: 'a', domains: ['a.test', 'a.test.'], routes: [{ name: 'all', match: { pathSpecifier: { case: 'prefix', value: '/' } } }] },
  ],
  ignorePortInHostMatching: true,
})

const bodies: Partial<Record<ResourceKey, Readonly<Record<string, readonly Uint8Array[]>>>> = {
  clusters: { a: snapshotParts.clusters.encode('a', cluster) },
  listeners: { l: snapshotParts.listeners.encode('l', listener), r: snapshotParts.listeners.encode('r', resolving) },
  routes: { '80': snapshotParts.routes.encode('80', table) },
}

function written(isSettled = true): Buffer {
  const held: ToKeep['held'] = new Map(
    Object.entries(bodies).map(([key, all]) => [
      key as ResourceKey,
      Object.entries(all).map(([name, pieces]) => {
        const body = Buffer.concat(pieces)
        const read = decodeResource(snapshotParts[key as ResourceKey].typeUrl, body)
        return [name, { read, body, version: `version of ${name}`, shownVersion: '', updated: 5 }] as const
      }),
    ]),
  )
  return Buffer.concat([...encodeHeld({ held, isSettled, hasOwnMetadata: true, owners: new Map([['203.0.113.1', 'a.test']]) })])
}

function restored(body: Buffer, isOwn = true): Restoring {
  const content = decodeHeld({ body, savedAt: 7, isOwn })
  if (typeof content === 'string') throw new Error(content)
  return content
}

function kept() {
  const content = restored(written())
  if (!('kept' in content)) throw new Error('it is not taken over')
  return content.kept
}

test('what was whole is taken over: nothing is read before somebody asks', () => {
  const { snapshot, references, owners } = kept()
  expect(owners?.()).toEqual(new Map([['203.0.113.1', 'a.test']]))
  expect([...snapshot.listeners.keys(), ...snapshot.clusters.keys(), ...snapshot.routes.keys()]).toEqual(['l', 'r', 'a', '80'])
  expect(references).toEqual({ routes: new Set(), endpoints: new Set(['endpoints of a']), secrets: new Set(), hasOwnMetadata: true })
  const [a, l, routes] = [snapshot.clusters.get('a'), snapshot.listeners.get('l'), snapshot.routes.get('80')]
  expect([a, l, routes].map((resource) => resource && isUnread(resource))).toEqual([true, true, true])
  expect(l?.name).toBe('l')
  expect(l?.filterChains.map((chain) => [isUnread(chain), chain.filterChainMatch?.serverNames])).toEqual([
    [true, ['a.test', '*.b.test']],
    [true, []],
  ])
  expect(routes?.virtualHosts.map((host) => [isUnread(host), host.domains])).toEqual([[true, ['a.test', 'a.test.']]])
})

test('a chain that depends on what a name resolves to, or names a secret, is read with its listener', () => {
  expect(kept().snapshot.listeners.get('r')?.filterChains.map(isUnread)).toEqual([false, false, true])
})

test('what is read is what was kept', () => {
  const taken = kept()
  const { snapshot } = taken
  const a = snapshot.clusters.get('a')
  expect(a && toJson(ClusterSchema, a)).toEqual(toJson(ClusterSchema, cluster))
  const l = snapshot.listeners.get('l')
  expect(l && toJson(ListenerSchema, l)).toEqual(toJson(ListenerSchema, listener))
  const routes = snapshot.routes.get('80')
  expect(routes && toJson(RouteConfigurationSchema, routes)).toEqual(toJson(RouteConfigurationSchema, table))
  expect(l && taken.heldOf(l)).toMatchObject({ version: 'version of l', updated: 7 })
  expect(snapshot.clusters.get('a')).toBe(a)
})

test('it can be written as bytes without having been read', () => {
  const l = kept().snapshot.listeners.get('l')
  const again = l && decodeResource(snapshotParts.listeners.typeUrl, Buffer.concat([...snapshotParts.listeners.encode('l', l)])).resource
  expect(again).toEqual(listener)
})

test.each([
  ['something was missing in it', restored(written(false))],
  ['another version of the program wrote it', restored(written(), false)],
])('it has to be judged when %s', (_name, content) => {
  expect('held' in content && content.held.map(({ read, version }) => [read.key, read.name, version])).toEqual([
    ['clusters', 'a', 'version of a'],
    ['listeners', 'l', 'version of l'],
    ['listeners', 'r', 'version of r'],
    ['routes', '80', 'version of 80'],
  ])
})

test.each([
  ['it ends in a block', written().subarray(0, 20), /longer than the file/],
  ['it ends in a resource', written().subarray(0, -1), /longer than the file/],
  ['a block is no JSON', Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from('x')]), /JSON/],
  ['a block says something else', Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('{}')]), /something else/],
])('it is refused in words when %s', (_name, body, why) => {
  expect(decodeHeld({ body, savedAt: 0, isOwn: true })).toMatch(why)
})
