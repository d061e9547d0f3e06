// Holds which objects of the API are configuration, and that what is none makes nobody read it again.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createObjectSource } from '../config/index.ts'
import { type ObjectKey, type ObjectStore, openLevelStore } from '../store/index.ts'
import { declaredObjects } from './declared-objects.ts'

let directory: string
let store: ObjectStore

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'declared-'))
  store = await openLevelStore(directory)
})

afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

type Given = { readonly kind: string; readonly metadata?: object } & Readonly<Record<string, unknown>>

function put(resource: string, { metadata, ...given }: Given): Promise<unknown> {
  const key: ObjectKey = { resource, namespace: resource === 'nodes' ? '' : 'shop', name: 'one' }
  const group = resource.split('.').slice(1).join('.')
  const apiVersion = group === '' ? 'v1' : `${group}/v1`
  const place = key.namespace === '' ? {} : { namespace: key.namespace }
  return store.commit([
    { key, value: Buffer.from(JSON.stringify({ apiVersion, metadata: { name: 'one', ...place, ...metadata }, ...given })) },
  ])
}

const entry = {
  kind: 'ServiceEntry',
  spec: { hosts: ['a.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
}
const byUs = { labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' } }

const silent: Record<string, readonly [resource: string, object: Given]> = {
  'an Event': ['events', { kind: 'Event', reason: 'EgressRefused' }],
  'a Node': ['nodes', { kind: 'Node' }],
  'a Secret': ['secrets', { kind: 'Secret' }],
  'a service account': ['serviceaccounts', { kind: 'ServiceAccount' }],
  'a binding': ['rolebindings.rbac.authorization.k8s.io', { kind: 'RoleBinding' }],
  'an EndpointSlice that the server has worked out': ['endpointslices.discovery.k8s.io', { kind: 'EndpointSlice', metadata: byUs }],
  'Endpoints that the server has worked out': [
    'endpoints',
    { kind: 'Endpoints', metadata: { labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } } },
  ],
}

it.each(Object.entries(silent))('%s is nothing that is declared, and nobody is told of it', async (_name, [resource, object]) => {
  const objects = declaredObjects(store)
  let told = 0
  const stop = objects.watch(() => told++)
  await put(resource, object)
  expect(objects.all()).toEqual([])
  expect(told).toBe(0)
  stop()
})

const telling: Record<string, readonly [resource: string, object: Given, code: string]> = {
  'Endpoints of somebody': ['endpoints', { kind: 'Endpoints' }, 'SLP1205'],
  'an EndpointSlice of somebody': ['endpointslices.discovery.k8s.io', { kind: 'EndpointSlice', addressType: 'IPv4' }, 'SLP1205'],
  'an EnvoyFilter': ['envoyfilters.networking.istio.io', { kind: 'EnvoyFilter', spec: {} }, 'SLP1204'],
}

it.each(Object.entries(telling))('%s is still warned of', async (_name, [resource, object, code]) => {
  await put(resource, object)
  const source = createObjectSource(declaredObjects(store), { quietMs: 0, longestWaitMs: 0 })
  expect(source.snapshot.value.issues.map((issue) => issue.code)).toEqual([code])
  source.close()
})

it('a declaration is read again when it changes, and not when somebody writes what became of it', async () => {
  const objects = declaredObjects(store)
  let told = 0
  const stop = objects.watch(() => told++)
  await put('serviceentries.networking.istio.io', entry)
  const [before] = objects.all()
  expect(told).toBe(1)
  await put('serviceentries.networking.istio.io', { ...entry, metadata: { managedFields: [] }, status: { observedGeneration: '1' } })
  expect(told).toBe(1)
  expect(objects.all()[0]).toBe(before)
  await put('serviceentries.networking.istio.io', { ...entry, spec: { ...entry.spec, resolution: 'NONE' } })
  expect(told).toBe(2)
  expect(JSON.stringify(objects.all()[0]?.value())).toContain('NONE')
  stop()
})

it('follows what comes, changes and goes anywhere among others, which stay the same', async () => {
  const followed = declaredObjects(store)
  const key = (namespace: string, name: string): ObjectKey => ({ resource: 'serviceentries.networking.istio.io', namespace, name })
  const value = (host: string): Buffer =>
    Buffer.from(JSON.stringify({ apiVersion: 'networking.istio.io/v1', ...entry, metadata: {}, spec: { ...entry.spec, hosts: [host] } }))
  const steps: readonly (readonly { readonly key: ObjectKey; readonly value?: Buffer }[])[] = [
    [
      { key: key('b', 'm'), value: value('1') },
      { key: key('b', 'k'), value: value('2') },
      { key: key('c', 'a'), value: value('3') },
    ],
    [
      { key: key('a', 'z'), value: value('4') },
      { key: key('b', 'm'), value: value('5') },
      { key: key('d', 'a'), value: value('6') },
    ],
    [{ key: key('b', 'k') }, { key: key('a', 'z') }, { key: key('b', 'l'), value: value('7') }, { key: key('e', 'a'), value: value('8') }],
    [{ key: key('e', 'a') }, { key: key('c', 'a'), value: value('3') }],
  ]
  for (const writes of steps) {
    const before = new Map(followed.all().map((object) => [object.source, object]))
    await store.commit(writes)
    const now = followed.all()
    const told = (objects: typeof now) => objects.map((object) => `${object.source} ${JSON.stringify(object.value())}`)
    expect(told(now)).toEqual(told(declaredObjects(store).all()))
    expect(followed.count()).toBe(now.length)
    const same = now.filter((object) => JSON.stringify(before.get(object.source)?.value()) === JSON.stringify(object.value()))
    expect(same.map((object) => before.get(object.source) === object)).toEqual(same.map(() => true))
  }
})
