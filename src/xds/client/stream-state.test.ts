// Holds what a client says in both forms of the protocol: subscriptions, known versions, acceptance and refusal, each with its nonce.
import { expect, test } from 'vitest'
import { DeltaState } from './delta-state.ts'
import type { Interest, Received } from './protocol.ts'
import { SotwState } from './sotw-state.ts'

const cds = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const eds = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
const ecds = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig'

const everything: Interest = { isWildcard: true, names: new Set() }

function only(...names: readonly string[]): Interest {
  return { isWildcard: false, names: new Set(names) }
}

function response(typeUrl: string, nonce: string, version = ''): Received {
  return { typeUrl, nonce, version, resources: [], removed: [], isWhole: false }
}

function known(versions: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  return { versionsOf: (typeUrl: string) => new Map(Object.entries(versions[typeUrl] ?? {})) }
}

const nothing = known({})
const blank = { resourceNamesSubscribe: [], resourceNamesUnsubscribe: [], initialResourceVersions: {}, responseNonce: '' }

test('delta: a stream begins with what is wanted and the versions that are known of it', () => {
  const interests = new Map([
    [cds, everything],
    [eds, only('a', 'b')],
    [ecds, everything],
  ])
  const state = new DeltaState(interests, known({ [cds]: { x: '1' }, [eds]: { a: '2', gone: '3' } }))
  expect(state.open()).toEqual([
    { ...blank, typeUrl: cds, initialResourceVersions: { x: '1' } },
    { ...blank, typeUrl: eds, resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: { a: '2' } },
    { ...blank, typeUrl: ecds, resourceNamesSubscribe: ['*'] },
  ])
})

test('delta: nothing is said of a type of which nothing is wanted, because an empty first list would mean everything', () => {
  const state = new DeltaState(new Map([[eds, only()]]), nothing)
  expect(state.open()).toEqual([])
  expect(state.subscribe(eds, only())).toBeUndefined()
  expect(state.subscribe(eds, only('a'))).toEqual({ ...blank, typeUrl: eds, resourceNamesSubscribe: ['a'] })
})

test('delta: a change of what is wanted says only the change, without a nonce', () => {
  const state = new DeltaState(new Map([[eds, only('a', 'b')]]), nothing)
  state.receive(response(eds, 'n1'))
  expect(state.subscribe(eds, only('b', 'c'))).toEqual({
    ...blank,
    typeUrl: eds,
    resourceNamesSubscribe: ['c'],
    resourceNamesUnsubscribe: ['a'],
  })
  expect(state.subscribe(eds, only('c', 'b'))).toBeUndefined()
})

test('delta: each response is answered by its own nonce, in whatever order the answers come', () => {
  const state = new DeltaState(new Map([[cds, everything]]), nothing)
  for (const nonce of ['n1', 'n2']) state.receive(response(cds, nonce))
  expect(state.answer(response(cds, 'n1'))).toEqual({ ...blank, typeUrl: cds, responseNonce: 'n1' })
  expect(state.answer(response(cds, 'n2'), 'cluster x: no')).toEqual({
    ...blank,
    typeUrl: cds,
    responseNonce: 'n2',
    errorDetail: { code: 3, message: 'cluster x: no' },
  })
})

test('state of the world: every request repeats the names, the last accepted version and the last nonce', () => {
  const state = new SotwState(new Map([[eds, only('a')]]), new Map())
  expect(state.open()).toEqual([{ typeUrl: eds, versionInfo: '', resourceNames: ['a'], responseNonce: '' }])
  const first = response(eds, 'n1', 'v1')
  state.receive(first)
  expect(state.answer(first)).toEqual({ typeUrl: eds, versionInfo: 'v1', resourceNames: ['a'], responseNonce: 'n1' })
  expect(state.subscribe(eds, only('a', 'b'))).toEqual({ typeUrl: eds, versionInfo: 'v1', resourceNames: ['a', 'b'], responseNonce: 'n1' })
  expect(state.subscribe(eds, only('b', 'a'))).toBeUndefined()
})

test('state of the world: a refusal names the version that goes on', () => {
  const state = new SotwState(new Map([[cds, everything]]), new Map())
  state.open()
  const good = response(cds, 'n1', 'v1')
  state.receive(good)
  state.answer(good)
  const bad = response(cds, 'n2', 'v2')
  state.receive(bad)
  expect(state.answer(bad, 'cluster x: no')).toEqual({
    typeUrl: cds,
    versionInfo: 'v1',
    resourceNames: [],
    responseNonce: 'n2',
    errorDetail: { code: 3, message: 'cluster x: no' },
  })
})

test('state of the world: names that are wanted while a response is being judged go out with its answer', () => {
  const state = new SotwState(new Map([[eds, only('a')]]), new Map())
  state.open()
  const first = response(eds, 'n1', 'v1')
  state.receive(first)
  expect(state.subscribe(eds, only('a', 'b'))).toBeUndefined()
  expect(state.answer(first)).toEqual({ typeUrl: eds, versionInfo: 'v1', resourceNames: ['a', 'b'], responseNonce: 'n1' })
})

test('state of the world: only the last of several responses is answered, and all of them count', () => {
  const state = new SotwState(new Map([[cds, everything]]), new Map())
  state.open()
  const first = response(cds, 'n1', 'v1')
  const second = response(cds, 'n2', 'v2')
  state.receive(first)
  state.receive(second)
  expect(state.answer(first)).toBeUndefined()
  expect(state.answer(second, 'no')).toMatchObject({ versionInfo: 'v1', responseNonce: 'n2' })
})

test('state of the world: the next stream begins with the accepted versions, but not of a type that is held in part', () => {
  const interests = new Map([
    [cds, everything],
    [eds, only('a')],
  ])
  const state = new SotwState(interests, new Map([[cds, 'v1']]))
  state.open()
  for (const [typeUrl, problem] of [[cds, 'no'], [eds]] as const) {
    const next = response(typeUrl, 'n', 'v2')
    state.receive(next)
    state.answer(next, problem)
  }
  const later = new SotwState(interests, state.accepted)
  expect(later.open().map(({ versionInfo, responseNonce }) => [versionInfo, responseNonce])).toEqual([
    ['', ''],
    ['v2', ''],
  ])
})

test('the text of a refusal has a limit', () => {
  const state = new DeltaState(new Map([[cds, everything]]), nothing)
  expect(state.answer(response(cds, 'n1'), 'x'.repeat(100_000)).errorDetail?.message).toHaveLength(4096)
})
