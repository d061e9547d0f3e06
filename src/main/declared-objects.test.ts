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
  expect(objects.all()[0]?.text()).toContain('NONE')
  stop()
})
