// Holds what a stream is sent and in which order, as a script of what is published, answered and sent.
import { fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { finish } from '../../base/index.ts'
import { create } from '../create.ts'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js'
import { NameTableSchema } from '../gen/istio/networking/nds/v1/nds_pb.js'
import { decodeResource } from '../resource-type.ts'
import { isTypeUrl, typeShortNames, typeUrls } from '../type-urls.ts'
import { DeltaStream, FellBehind, StateStream, TooManyNames } from './discovery-stream.ts'
import { ResourceView } from './resource-view.ts'
import { type Plan, World } from './world.test-kit.ts'

const { cluster, endpoint, listener, route, extension, nameTable } = typeUrls
const turn = { isOver: () => false, mostBytes: 1_000_000 }
const everything = { listeners: { l: 1 }, routes: { r: 1 }, clusters: { c: 1 }, endpoints: { c: 1 } }

describe('a delta stream', () => {
  test('is sent all in the order of warming, without waiting for answers', () => {
    const { stream, says, subscribe } = delta(everything)
    for (const typeUrl of [route, listener, endpoint, cluster]) subscribe(typeUrl, ['*'])
    expect(says()).toEqual(['CDS c', 'EDS c', 'LDS l', 'RDS r'])
    expect(stream.status().map(({ state }) => state)).toEqual(['STALE', 'STALE', 'STALE', 'STALE'])
  })

  test('is sent what changes, and nothing that is equal', () => {
    const { says, accepts, subscribe, publish } = delta({ clusters: { a: 1, b: 1 } })
    subscribe(cluster, [])
    expect(accepts()).toEqual(['CDS a b'])
    publish({ clusters: { a: 1, b: 1 } })
    expect(says()).toEqual([])
    publish({ clusters: { a: 1, b: 2, c: 1 } })
    expect(accepts()).toEqual(['CDS b c'])
  })

  test('is not sent what changed and changed back before it was told', () => {
    const { says, accepts, subscribe, publish, ack } = delta({ clusters: { a: 1, b: 1 } })
    subscribe(cluster, [])
    expect(says()).toEqual(['CDS a b'])
    publish({ clusters: { a: 2, b: 1 } })
    publish({ clusters: { a: 1, b: 2 } })
    publish({ clusters: { a: 1 } })
    publish({ clusters: { a: 1, b: 1 } })
    ack(cluster)
    expect(accepts()).toEqual([])
  })

  test('is not even woken by equal content in other objects', () => {
    const { says, accepts, subscribe, view, wakes } = delta({ clusters: { a: 1, b: 1 } })
    subscribe(cluster, [])
    accepts()
    const before = wakes()
    finish(view.publishing(new World().snapshot({ clusters: { a: 1, b: 1 } })))
    expect([says(), wakes()]).toEqual([[], before])
  })

  test('is not told of what went and came back while its going had to wait', () => {
    const { says, acceptsOne, accepts, subscribe, publish } = delta({ clusters: { a: 1, b: 1 }, listeners: { l: 1 } })
    for (const typeUrl of [cluster, listener]) subscribe(typeUrl, ['*'])
    accepts()
    publish({ clusters: { a: 1 }, listeners: { l: 2 } })
    expect(says()).toEqual(['LDS l'])
    publish({ clusters: { a: 1, b: 1 }, listeners: { l: 2 } })
    expect([says(), acceptsOne(listener)]).toEqual([[], []])
  })

  test('is not sent a listener before the clusters that wait for an answer', () => {
    const { says, acceptsOne, accepts, subscribe, publish } = delta({ clusters: { a: 1 }, listeners: { l: 1 } })
    for (const typeUrl of [cluster, listener]) subscribe(typeUrl, ['*'])
    accepts()
    publish({ clusters: { a: 2 }, listeners: { l: 1 } })
    expect(says()).toEqual(['CDS a'])
    publish({ clusters: { a: 2, b: 1 }, listeners: { l: 2 } })
    expect(says()).toEqual([])
    expect(acceptsOne(cluster)).toEqual(['CDS b', 'LDS l'])
  })

  test('is sent the newest when it is slow to answer', () => {
    const { says, accepts, subscribe, publish, ack } = delta({ clusters: { a: 1 } })
    subscribe(cluster, [])
    says()
    for (let i = 2; i < 100; i++) publish({ clusters: { a: i, [`b${i}`]: 1 } })
    expect(says()).toEqual([])
    ack(cluster)
    expect(accepts()).toEqual(['CDS a b99'])
  })

  test('loses things in the reverse order, and only when all that was added has been answered', () => {
    const { says, acceptsOne, subscribe, publish, accepts } = delta(everything)
    for (const typeUrl of [cluster, endpoint, listener, route]) subscribe(typeUrl, ['*'])
    accepts()
    publish({ listeners: { l2: 1 }, routes: { r2: 1 }, clusters: { c2: 1 }, endpoints: { c2: 1 } })
    expect(says()).toEqual(['CDS c2', 'EDS c2', 'LDS l2', 'RDS r2'])
    for (const typeUrl of [cluster, endpoint, listener]) expect(acceptsOne(typeUrl)).toEqual([])
    expect(acceptsOne(route)).toEqual(['RDS -r'])
    expect(acceptsOne(route)).toEqual(['LDS -l'])
    expect(acceptsOne(listener)).toEqual(['EDS -c'])
    expect(acceptsOne(endpoint)).toEqual(['CDS -c'])
    expect(acceptsOne(cluster)).toEqual([])
  })

  test('keeps the clusters of a listener whose successor it has rejected', () => {
    const { says, nack, acceptsOne, subscribe, publish, accepts, stream, rejections } = delta(everything)
    for (const typeUrl of [cluster, listener]) subscribe(typeUrl, ['*'])
    accepts()
    publish({ listeners: { l: 2 }, clusters: { c2: 1 } })
    expect(says()).toEqual(['CDS c2', 'LDS l'])
    acceptsOne(cluster)
    nack(listener, 'no such filter')
    expect(says()).toEqual([])
    expect(stream.status().map(({ typeUrl, state, rejected }) => [typeShortNames[typeUrl], state, rejected?.text])).toEqual([
      ['CDS', 'STALE', undefined],
      ['LDS', 'NACK', 'no such filter'],
    ])
    expect(rejections).toEqual(['LDS no such filter'])
    publish({ listeners: { l: 3 }, clusters: { c2: 1 } })
    expect(accepts()).toEqual(['LDS l', 'CDS -c'])
    expect(stream.status().map(({ state }) => state)).toEqual(['SYNCED', 'SYNCED'])
  })

  test('is not sent again what it has rejected, until that changes', () => {
    const { says, nack, subscribe, publish } = delta({ clusters: { a: 1 } })
    subscribe(cluster, [])
    says()
    nack(cluster, 'no')
    publish({ clusters: { a: 1 } })
    expect(says()).toEqual([])
    publish({ clusters: { a: 2 } })
    expect(says()).toEqual(['CDS a'])
  })

  test('by name: what there is, what there is not, and what comes later', () => {
    const { accepts, subscribe, publish } = delta({ routes: { a: 1, b: 1 } })
    subscribe(route, ['a', 'z'])
    expect(accepts()).toEqual(['RDS a -z'])
    publish({ routes: { a: 1, b: 2, z: 1 } })
    expect(accepts()).toEqual(['RDS z'])
    publish({ routes: { b: 2, z: 1 } })
    expect(accepts()).toEqual(['RDS -a'])
  })

  test('is sent again what it subscribes to again, as Envoy does when a cluster is warmed anew', () => {
    const { accepts, subscribe } = delta({ endpoints: { a: 1 } })
    subscribe(endpoint, ['a'])
    accepts()
    subscribe(endpoint, ['a'])
    expect(accepts()).toEqual(['EDS a'])
  })

  test('is sent the endpoints of a cluster that it was sent again, for which Envoy does not ask a second time', () => {
    const { accepts, subscribe, publish } = delta({ clusters: { a: 1, b: 1 }, endpoints: { a: 1, b: 1 } })
    subscribe(cluster, [])
    subscribe(endpoint, ['a', 'b'])
    accepts()
    publish({ clusters: { a: 2, b: 1 }, endpoints: { a: 1, b: 1 } })
    expect(accepts()).toEqual(['CDS a', 'EDS a'])
  })

  test('of one that comes back nothing is sent that it has, and it is told what is gone', () => {
    const versions = delta({ clusters: { a: 1, b: 1, c: 1 } })
    versions.subscribe(cluster, [])
    versions.accepts()
    const { accepts, subscribe, says } = delta({ clusters: { a: 1, b: 2, d: 1 } })
    subscribe(cluster, [], versions.versions)
    expect(accepts()).toEqual(['CDS b d', 'CDS -c'])
    const again = delta({ clusters: { a: 1, b: 1, c: 1 } })
    again.subscribe(cluster, [], versions.versions)
    expect([again.says(), says()]).toEqual([[], []])
  })

  test('is answered even when there is nothing, so that it does not wait', () => {
    const { accepts, subscribe, says } = delta({})
    subscribe(cluster, [])
    expect(accepts()).toEqual(['CDS'])
    subscribe(route, [])
    expect(says()).toEqual([])
  })

  test('is sent much in pieces, one after the other’s answer', () => {
    const clusters = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`cluster-${i}`, 1]))
    const { next, ack, subscribe, publish } = delta({ clusters })
    subscribe(cluster, [])
    const heard: string[] = []
    for (let i = 0; i < 50; i++) {
      const piece = next({ isOver: () => false, mostBytes: 1000 })
      if (piece === undefined) break
      expect(next({ isOver: () => false, mostBytes: 1000 })).toBeUndefined()
      heard.push(...piece.split(' ').slice(1))
      if (i === 1) publish({ clusters: { ...clusters, 'cluster-99': 2, 'cluster-0': 2 } })
      ack(cluster)
    }
    expect(heard).toEqual([...Object.keys(clusters), 'cluster-0'])
  })

  test('is told in pieces of much that is gone', () => {
    const { next, ack, subscribe } = delta({ clusters: { a: 1 } })
    const before = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`cluster-${i}`, 'v']))
    subscribe(cluster, ['*'], before)
    const heard: string[] = []
    for (let piece = next(); piece !== undefined; piece = next({ isOver: () => false, mostBytes: 500 })) {
      expect(piece.length).toBeLessThan(600)
      heard.push(...piece.split(' ').slice(1))
      ack(cluster)
    }
    expect(heard).toEqual(['a', ...Object.keys(before).map((name) => `-${name}`)])
  })

  test('is sent once what changes while the response that it is in is put together', () => {
    const clusters = { a: 1, b: 1, c: 1 }
    const { next, ack, subscribe, publish, versions } = delta({ clusters })
    subscribe(cluster, [])
    next()
    ack(cluster)
    publish({ clusters: { a: 2, b: 2, c: 2 } })
    const before = { ...versions }
    let looks = 0
    expect(next({ isOver: () => ++looks > 1, mostBytes: 1_000_000 })).toBe('again')
    publish({ clusters: { a: 3, b: 2, c: 2 } })
    expect(next()).toBe('CDS a b c')
    const third = delta({ clusters: { a: 3 } })
    third.subscribe(cluster, [])
    third.next()
    expect([versions['a'] === before['a'], versions['a']]).toEqual([false, third.versions['a']])
  })

  test('names and places are one type, asked for by prefix', () => {
    const place = { source: 'a.yaml', line: 3, placeOf: () => ({ line: 3, column: 1 }) }
    const { accepts, subscribe, publish } = delta({ names: { 'a.test': ['240.0.0.1'] }, origins: { 'ServiceEntry/x/y': place } })
    subscribe(extension, ['*'])
    expect(accepts()).toEqual(['ECDS dns/a.test origin/ServiceEntry/x/y'])
    publish({ names: { 'a.test': ['240.0.0.1'] }, origins: { 'ServiceEntry/x/y': { ...place, line: 4 } } })
    expect(accepts()).toEqual(['ECDS origin/ServiceEntry/x/y'])
  })

  test('answers to nothing that was sent last are counted and mean nothing, and what they subscribe to counts', () => {
    const { stream, says, subscribe, send, publish } = delta({ clusters: { a: 1 } })
    subscribe(cluster, ['a'])
    says()
    send({ typeUrl: cluster, responseNonce: 'forged', resourceNamesSubscribe: ['b'], errorDetail: { message: 'no' } })
    publish({ clusters: { a: 2 } })
    expect(says()).toEqual([])
    expect(stream.oddities).toEqual({ staleNonces: 1, unknownTypes: 0 })
    expect(stream.status()).toMatchObject([{ state: 'STALE', rejected: undefined }])
    send({ typeUrl: cluster, responseNonce: '1' })
    expect(says()).toEqual(['CDS a -b'])
  })

  test('a type that nobody serves is passed over', () => {
    const { stream, says, send, subscribe } = delta({ clusters: { a: 1 } })
    send({ typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime', resourceNamesSubscribe: ['x'] })
    subscribe(cluster, [])
    expect(says()).toEqual(['CDS a'])
    expect(stream.oddities).toEqual({ staleNonces: 0, unknownTypes: 1 })
  })

  test('that names more than it may is ended', () => {
    const { subscribe } = delta({}, 10)
    subscribe(
      route,
      Array.from({ length: 10 }, (_, i) => `r${i}`),
    )
    expect(() => subscribe(endpoint, ['e'])).toThrow(TooManyNames)
  })

  test('that names and gives up more than it is answered for is ended', () => {
    const { subscribe, send, says } = delta({ routes: { r: 1 } }, 10)
    const some = (letter: string): string[] => Array.from({ length: 6 }, (_, i) => `${letter}${i}`)
    subscribe(route, ['*'])
    says()
    subscribe(route, some('a'))
    send({ typeUrl: route, resourceNamesUnsubscribe: some('a') })
    expect(() => subscribe(route, some('b'))).toThrow(TooManyNames)
  })

  test('that has missed more than is remembered is ended', () => {
    const { view, says, subscribe, publish, stream } = delta({ clusters: { a: 1 } })
    subscribe(cluster, [])
    says()
    publish({ clusters: { a: 2 } })
    view.type(cluster)?.log.forget(99)
    expect(() => stream.next(turn)).toThrow(FellBehind)
  })

  test('waits for the first configuration', () => {
    const { says, subscribe, publish, wakes } = delta(undefined)
    subscribe(cluster, [])
    expect(says()).toEqual([])
    publish({ clusters: { a: 1 } })
    expect(wakes()).toBe(2)
    expect(says()).toEqual(['CDS a'])
  })
})

describe('a stream of the state of the world', () => {
  test('is sent all listeners and clusters, and only the other resources that it names', () => {
    const { says, subscribe } = state({ ...everything, routes: { r: 1, s: 1 } })
    subscribe(route, ['r'])
    for (const typeUrl of [listener, cluster]) subscribe(typeUrl, [])
    expect(says()).toEqual(['CDS c', 'LDS l', 'RDS r'])
  })

  test('is sent all clusters when one changes, and of routes only that which does', () => {
    const { accepts, says, subscribe, publish } = state({ clusters: { a: 1, b: 1 }, routes: { r: 1, s: 1 } })
    subscribe(cluster, [])
    subscribe(route, ['r', 's'])
    accepts()
    publish({ clusters: { a: 1, b: 2 }, routes: { r: 1, s: 2 } })
    expect(accepts()).toEqual(['CDS a b', 'RDS s'])
    publish({ clusters: { a: 1, b: 2 }, routes: { r: 1, s: 2 } })
    expect(says()).toEqual([])
  })

  test('keeps clusters that are gone until everything else was answered', () => {
    const { says, acceptsOne, subscribe, publish, accepts } = state(everything)
    for (const typeUrl of [cluster, listener]) subscribe(typeUrl, [])
    accepts()
    publish({ listeners: { l: 2 }, clusters: { c2: 1 } })
    expect(says()).toEqual(['CDS c2 c', 'LDS l'])
    expect(acceptsOne(cluster)).toEqual([])
    expect(acceptsOne(listener)).toEqual(['CDS c2'])
  })

  test('is sent the endpoints of a cluster that it was sent again', () => {
    const { accepts, subscribe, publish } = state({ clusters: { a: 1, b: 1 }, endpoints: { a: 1, b: 1 } })
    subscribe(cluster, [])
    subscribe(endpoint, ['a', 'b'])
    accepts()
    publish({ clusters: { a: 2, b: 1 }, endpoints: { a: 1, b: 1 } })
    expect(accepts()).toEqual(['CDS a b', 'EDS a'])
  })

  test('that comes back with the version of what there is, is sent nothing', () => {
    const first = state({ clusters: { a: 1, b: 1 }, routes: { r: 1 } })
    first.subscribe(cluster, [])
    first.subscribe(route, ['r'])
    first.accepts()
    const { says, subscribe, stream, publish } = state({ clusters: { b: 1, a: 1 }, routes: { r: 1, s: 1 } })
    subscribe(cluster, [], first.versionOf(cluster))
    subscribe(route, ['r'], first.versionOf(route))
    expect(says()).toEqual([])
    expect(stream.status().map(({ state: now }) => now)).toEqual(['SYNCED', 'SYNCED'])
    subscribe(route, ['r', 's'])
    expect(says()).toEqual(['RDS s'])
    publish({ clusters: { b: 1 }, routes: { r: 1, s: 1 } })
    expect(says()).toEqual([])
  })

  test('that comes back and wants more is sent more', () => {
    const first = state({ routes: { r: 1, s: 1 } })
    first.subscribe(route, ['r'])
    first.accepts()
    const { says, subscribe } = state({ routes: { r: 1, s: 1 } })
    subscribe(route, ['r', 's'], first.versionOf(route))
    expect(says()).toEqual(['RDS r s'])
  })

  test('an answer to what was not sent last is passed over whole', () => {
    const { says, send, stream, subscribe, publish, ack } = state({ routes: { r: 1, s: 1 } })
    subscribe(route, ['r'])
    says()
    ack(route)
    publish({ routes: { r: 2, s: 1 } })
    says()
    send({ typeUrl: route, responseNonce: '1', resourceNames: [] })
    expect(says()).toEqual([])
    expect(stream.oddities.staleNonces).toBe(1)
    ack(route)
    expect(says()).toEqual([])
  })

  test('that asks for Istio’s name table is sent the names that have addresses', () => {
    const { subscribe, publish, accepts, lastBytes } = state({ names: { 'a.test': ['240.0.0.1'], 'b.test': [] } })
    subscribe(nameTable, [])
    expect(accepts()).toEqual(['NDS table'])
    const [table] = fromBinary(DiscoveryResponseSchema, lastBytes()).resources.map((any) => fromBinary(NameTableSchema, any.value))
    expect(table?.table).toMatchObject({ 'a.test': { ips: ['240.0.0.1'], registry: 'External' } })
    expect(Object.keys(table?.table ?? {})).toEqual(['a.test'])
    publish({ names: { 'a.test': ['240.0.0.2'], 'b.test': [] } })
    expect(accepts()).toEqual(['NDS table'])
  })
})

test('equal content has an equal version on two servers, and two nodes share the bytes of one resource', () => {
  const world = new World()
  const snapshot = world.snapshot({ clusters: { a: 1 } })
  const [first, second, other] = [new ResourceView(), new ResourceView(), new ResourceView()]
  finish(first.publishing(snapshot))
  finish(second.publishing({ ...snapshot, version: 9, clusters: new Map(snapshot.clusters) }))
  finish(other.publishing(new World().snapshot({ clusters: { a: 1 } })))
  const encoded = [first, second, other].map((view) => view.type(cluster)?.get('a'))
  expect(encoded[0]).toBe(encoded[1])
  expect(encoded[2]?.version).toBe(encoded[0]?.version)
})

function delta(plan: Plan | undefined, mostNames = 1000) {
  const driver = drive(plan, (options) => new DeltaStream(options), { mostNames, read: readDelta })
  const { stream } = driver
  const send = (init: Parameters<typeof deltaRequest>[0]): void => stream.receive(deltaRequest(init))
  return {
    ...driver,
    ...answers(driver, send),
    send,
    subscribe: (typeUrl: string, resourceNamesSubscribe: string[], initialResourceVersions: Record<string, string> = {}) =>
      send({ typeUrl, resourceNamesSubscribe, initialResourceVersions }),
  }
}

function state(plan: Plan) {
  const driver = drive(plan, (options) => new StateStream(options), { mostNames: 1000, read: readState })
  const { stream } = driver
  const names = new Map<string, string[]>()
  const send = (init: Parameters<typeof stateRequest>[0]): void =>
    stream.receive(stateRequest({ resourceNames: names.get(init.typeUrl) ?? [], ...init }))
  return {
    ...driver,
    ...answers(driver, send),
    send,
    subscribe: (typeUrl: string, resourceNames: string[], versionInfo = '') => {
      names.set(typeUrl, resourceNames)
      send({ typeUrl, versionInfo })
    },
  }
}

interface Reading {
  readonly typeUrl: string
  readonly nonce: string
  readonly version: string
  readonly text: string
  readonly versions: Readonly<Record<string, string>>
}

function drive<S extends DeltaStream | StateStream>(
  plan: Plan | undefined,
  begin: (options: ConstructorParameters<typeof DeltaStream>[0]) => S,
  { mostNames, read }: { readonly mostNames: number; readonly read: (bytes: Uint8Array) => Reading },
) {
  const world = new World()
  const view = new ResourceView()
  const publish = (next: Plan): void => finish(view.publishing(world.snapshot(next)))
  if (plan !== undefined) publish(plan)
  const rejections: string[] = []
  let woken = 0
  const last = new Map<string, Reading>()
  const versions: Record<string, string> = {}
  let bytes = new Uint8Array()
  const stream = begin({
    view,
    mostNames,
    wake: () => void woken++,
    rejected: (typeUrl, { text }) => rejections.push(`${typeShortNames[typeUrl]} ${text}`),
  })
  const next = (within = turn): string | undefined => {
    const sent = stream.next(within)
    if (sent === undefined || sent === 'again') return sent
    bytes = new Uint8Array(sent)
    const reading = read(sent)
    last.set(reading.typeUrl, reading)
    Object.assign(versions, reading.versions)
    return reading.text
  }
  const says = (): string[] => {
    const said: string[] = []
    for (let text = next(); text !== undefined; text = next()) said.push(text)
    return said
  }
  return {
    stream,
    view,
    publish,
    rejections,
    versions,
    last,
    next,
    says,
    wakes: () => woken,
    lastBytes: () => bytes,
    versionOf: (typeUrl: string) => last.get(typeUrl)?.version ?? '',
  }
}

function answers(
  { last, says, next }: { last: Map<string, Reading>; says: () => string[]; next: () => string | undefined },
  send: (init: { typeUrl: string; responseNonce: string; errorDetail?: { message: string } }) => void,
) {
  const ack = (typeUrl: string): void => send({ typeUrl, responseNonce: last.get(typeUrl)?.nonce ?? '' })
  return {
    ack,
    nack: (typeUrl: string, message: string) => send({ typeUrl, responseNonce: last.get(typeUrl)?.nonce ?? '', errorDetail: { message } }),
    /** Accepts one type's last response, and says what comes after that. */
    acceptsOne: (typeUrl: string) => {
      ack(typeUrl)
      return says()
    },
    /** Accepts all there is, and says it. */
    accepts: () => {
      const said: string[] = []
      for (let text = next(); text !== undefined; text = next()) {
        said.push(text)
        const [short] = text.split(' ')
        for (const typeUrl of last.keys()) if (isTypeUrl(typeUrl) && typeShortNames[typeUrl] === short) ack(typeUrl)
      }
      return said
    },
  }
}

function deltaRequest(init: {
  typeUrl: string
  responseNonce?: string
  resourceNamesSubscribe?: string[]
  resourceNamesUnsubscribe?: string[]
  initialResourceVersions?: Record<string, string>
  errorDetail?: { message: string }
}) {
  return create(DeltaDiscoveryRequestSchema, init)
}

function stateRequest(init: {
  typeUrl: string
  responseNonce?: string
  resourceNames?: string[]
  versionInfo?: string
  errorDetail?: { message: string }
}) {
  return create(DiscoveryRequestSchema, init)
}

function short(typeUrl: string): string {
  return isTypeUrl(typeUrl) ? typeShortNames[typeUrl] : typeUrl
}

function readDelta(bytes: Uint8Array): Reading {
  const { typeUrl, nonce, resources, removedResources, systemVersionInfo } = fromBinary(DeltaDiscoveryResponseSchema, bytes)
  const text = [short(typeUrl), ...resources.map(({ name }) => name), ...removedResources.map((name) => `-${name}`)].join(' ')
  return {
    typeUrl,
    nonce,
    text,
    version: systemVersionInfo,
    versions: Object.fromEntries(resources.map(({ name, version }) => [name, version])),
  }
}

function readState(bytes: Uint8Array): Reading {
  const { typeUrl, nonce, resources, versionInfo } = fromBinary(DiscoveryResponseSchema, bytes)
  const names = resources.map((any) => (any.typeUrl === nameTable ? 'table' : decodeResource(any.typeUrl, any.value).name))
  return { typeUrl, nonce, text: [short(typeUrl), ...names].join(' '), version: versionInfo, versions: {} }
}
