// Holds how responses are read, compared, refused and remembered, and what is told as known afterwards.
import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'
import { typeUrls } from '../index.ts'
import { Intake, mostResourceBytes } from './intake.ts'
import { nameInside } from './name-inside.ts'
import type { Interest, Received, ReceivedResource } from './protocol.ts'

const everything: Interest = { isWildcard: true, names: new Set() }

function intake(endpoints: readonly string[] = []): Intake {
  const interests = new Map<string, Interest>([
    [typeUrls.cluster, everything],
    [typeUrls.listener, everything],
    [typeUrls.endpoint, { isWildcard: false, names: new Set(endpoints) }],
    [typeUrls.extension, everything],
  ])
  return new Intake({ interestIn: (typeUrl) => interests.get(typeUrl), now: () => 1000 })
}

function cluster(name: string, version: string, altStatName = ''): ReceivedResource {
  return { name, version, typeUrl: typeUrls.cluster, body: toBinary(ClusterSchema, create(ClusterSchema, { name, altStatName })) }
}

interface Parts extends Partial<Received> {
  readonly resources: Received['resources']
}

let nonces = 0

function response(parts: Parts): Received {
  return { typeUrl: typeUrls.cluster, nonce: `n${++nonces}`, version: 'v', removed: [], isWhole: false, ...parts }
}

/** Everything that was offered is good. */
function accept(taking: Intake): ReturnType<Intake['end']> {
  const { offered } = taking.begin()
  return taking.end(offered, [])
}

const names = (taking: Intake) => [...taking.newest.clusters.keys()]

test('what was judged good is told as known, by name and version', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1'), cluster('b', '2')] }))
  expect(taking.versionsOf(typeUrls.cluster)).toEqual(new Map())
  expect(accept(taking)).toMatchObject([{ received: { version: 'v' } }])
  expect(taking.versionsOf(typeUrls.cluster)).toEqual(
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  )
  taking.take(response({ resources: [], removed: ['a', 'never'] }))
  accept(taking)
  expect(taking.versionsOf(typeUrls.cluster)).toEqual(new Map([['b', '2']]))
})

test('a resource whose bytes are the same stays the same object, under its new version', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1')] }))
  accept(taking)
  const before = taking.newest
  taking.take(response({ resources: [cluster('a', '2')] }))
  expect(taking.newest).toBe(before)
  accept(taking)
  expect(taking.versionsOf(typeUrls.cluster)).toEqual(new Map([['a', '2']]))
})

test('what is refused keeps the version before, is remembered with its text, and forgotten when a good one comes', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1')] }))
  accept(taking)
  const bad = response({ resources: [cluster('a', '2', 'x'), cluster('b', '2')] })
  taking.take(bad)
  const { good, offered } = taking.begin()
  const kept = { ...offered, clusters: new Map([...offered.clusters, ['a', good.clusters.get('a')!]]) }
  const answers = taking.end(kept, [{ key: 'clusters', name: 'a', text: 'cluster "a": no' }])
  expect(answers).toEqual([{ received: bad, problem: 'cluster "a": no' }])
  expect(taking.versionsOf(typeUrls.cluster)).toEqual(
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  )
  expect([...taking.failures]).toEqual([{ key: 'clusters', name: 'a', version: '2', details: 'cluster "a": no', at: 1000 }])
  expect(taking.newest.clusters.get('a')?.altStatName).toBe('')
  taking.take(response({ resources: [cluster('a', '3')] }))
  accept(taking)
  expect([...taking.failures]).toEqual([])
})

test('what comes while something is judged is judged next, and what was refused meanwhile does not come back', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1', 'first')] }))
  const { good } = taking.begin()
  taking.take(response({ resources: [cluster('b', '1')] }))
  taking.end(good, [{ key: 'clusters', name: 'a', text: 'no' }])
  expect(names(taking)).toEqual(['b'])
  expect(taking.hasNews).toBe(true)
  accept(taking)
  expect(taking.hasNews).toBe(false)
  expect(names(taking)).toEqual(['b'])
})

test('when a judgement fails, nothing of it counts and all of it is answered', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1')] }))
  taking.begin()
  expect(taking.abandon('a fault')).toMatchObject([{ problem: 'a fault' }])
  expect(names(taking)).toEqual([])
})

test('state of the world: what a whole response does not have is gone, but not when something in it could not be named', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('', ''), cluster('a', ''), cluster('b', '')].slice(1), isWhole: true }))
  accept(taking)
  taking.take(response({ resources: [cluster('b', ''), { ...cluster('c', ''), name: '', body: Buffer.from([0xff]) }], isWhole: true }))
  expect(names(taking)).toEqual(['a', 'b'])
  taking.take(response({ resources: [cluster('b', '')], isWhole: true }))
  expect(names(taking)).toEqual(['b'])
})

test('state of the world: what is there and cannot be read is not gone', () => {
  const taking = intake()
  taking.take(response({ resources: [{ ...cluster('a', ''), name: '' }], isWhole: true }))
  accept(taking)
  const { body } = cluster('a', '')
  const broken = { name: '', version: '', typeUrl: typeUrls.cluster, body: Buffer.concat([body, Buffer.from([0xff, 0xff])]) }
  taking.take(response({ resources: [broken], isWhole: true }))
  expect(accept(taking)[0]?.problem).toMatch(/^a: it cannot be read: /)
  expect(names(taking)).toEqual(['a'])
  expect([...taking.failures]).toMatchObject([{ key: 'clusters', name: 'a', version: 'v' }])
})

test.each([
  { form: 'incremental', gone: { resources: [], removed: ['l'] } },
  { form: 'state of the world', gone: { resources: [], isWhole: true } },
])('a listener that never was good is forgotten when it goes: $form', ({ gone }) => {
  const taking = intake()
  const listener = {
    name: 'l',
    version: '1',
    typeUrl: typeUrls.listener,
    body: toBinary(ListenerSchema, create(ListenerSchema, { name: 'l' })),
  }
  taking.take(response({ typeUrl: typeUrls.listener, resources: [listener], isWhole: 'isWhole' in gone }))
  const { good } = taking.begin()
  taking.end(good, [{ key: 'listeners', name: 'l', text: 'no' }])
  const remembered = () => [
    taking
      .toKeep()
      .get('listeners')
      ?.map(([name]) => name),
    [...taking.failures].map(({ name }) => name),
  ]
  expect(remembered()).toEqual([['l'], ['l']])
  taking.take(response({ typeUrl: typeUrls.listener, ...gone }))
  accept(taking)
  expect(remembered()).toEqual([[], []])
})

test('what nobody is interested in is left aside, and let go of when it was held', () => {
  const names = new Set(['a'])
  const taking = new Intake({
    interestIn: (typeUrl) => (typeUrl === typeUrls.endpoint ? { isWildcard: false, names } : undefined),
    now: () => 0,
  })
  const endpoints = (clusterName: string): ReceivedResource => ({
    name: clusterName,
    version: '1',
    typeUrl: typeUrls.endpoint,
    body: toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName })),
  })
  taking.take(response({ typeUrl: typeUrls.endpoint, resources: [endpoints('a'), endpoints('b')] }))
  accept(taking)
  expect([...taking.newest.endpoints.keys()]).toEqual(['a'])
  names.clear()
  taking.forget()
  accept(taking)
  expect(taking.newest.endpoints.size + taking.versionsOf(typeUrls.endpoint).size).toBe(0)
})

const listenerWith = (field: Uint8Array) => {
  const proxy = anyPack(TcpProxySchema, create(TcpProxySchema, { statPrefix: 'x' }))
  const packed = { ...proxy, value: Buffer.concat([proxy.value, field]) }
  const chain = create(FilterChainSchema, { filters: [{ name: 'tcp', configType: { case: 'typedConfig', value: packed } }] })
  return toBinary(ListenerSchema, create(ListenerSchema, { name: 'l', filterChains: [create(FilterChainSchema), chain] }))
}

// Field 9999, a number.
const unknownField = Buffer.from([0xf8, 0xf0, 0x04, 0x01])

const refused: Record<string, { resource: ReceivedResource; typeUrl?: string; says: string | RegExp }> = {
  'a field that nobody knows, however deep it is packed': {
    typeUrl: typeUrls.listener,
    resource: { name: 'l', version: '1', typeUrl: typeUrls.listener, body: listenerWith(unknownField) },
    says: 'l: filter_chains[1].filters[0].typed_config, field 9999: nobody here knows this field',
  },
  'packed bytes that are no message of their type': {
    typeUrl: typeUrls.listener,
    resource: { name: 'l', version: '1', typeUrl: typeUrls.listener, body: listenerWith(Buffer.from([0xff])) },
    says: /^l: it cannot be read: /,
  },
  'a resource without a name': { resource: { ...cluster('', '1'), name: '' }, says: 'a resource: it has no name' },
  'an extension whose name nobody knows': {
    typeUrl: typeUrls.extension,
    resource: { name: 'filter', version: '1', typeUrl: typeUrls.extension, body: Buffer.from([0x0a, 1, 0x66]) },
    says: 'filter: it cannot be read: the name "f" begins neither with dns/ nor with origin/',
  },
  'more bytes than are read': {
    resource: { ...cluster('a', '1'), body: Buffer.alloc(mostResourceBytes + 1) },
    says: `a: it has ${mostResourceBytes + 1} bytes, and more than ${mostResourceBytes} are not read`,
  },
  'a type that nobody asked for': {
    typeUrl: typeUrls.secret,
    resource: { ...cluster('a', '1'), typeUrl: typeUrls.secret },
    says: /^nobody asked for .*Secret$/m,
  },
}

test.each(Object.entries(refused))('refused: %s', (_name, { resource, typeUrl = typeUrls.cluster, says }) => {
  const taking = intake()
  taking.take(response({ typeUrl, resources: [resource] }))
  expect(accept(taking)[0]?.problem).toMatch(says)
  expect(names(taking)).toEqual([])
})

test('refused: the same resource twice in one response', () => {
  const taking = intake()
  taking.take(response({ resources: [cluster('a', '1'), cluster('a', '2')] }))
  expect(accept(taking)).toMatchObject([{ problem: 'a: the response has it twice' }])
})

test('a name is read without its resource, where it stands first', () => {
  expect(nameInside(cluster('outbound|80||a.test', '').body)).toBe('outbound|80||a.test')
  const long = 'x'.repeat(40_000)
  expect(nameInside(cluster(long, '').body)).toBe(long)
  for (const bytes of [[], [0x0a], [0x0a, 5, 0x61], [0x12, 1, 0x61], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]])
    expect(nameInside(Buffer.from(bytes))).toBeUndefined()
})
