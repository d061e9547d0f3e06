// Holds that EndpointSlices and Endpoints follow Services and Pods, and that what is somebody else's, or right already, is left alone.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type ApiResource, fieldAtPath, findKind, isJsonList, type JsonObject, type KubeObject } from '../../kube/index.ts'
import { type ObjectStore, openLevelStore } from '../../store/index.ts'
import { writeBeginnings } from '../beginnings.ts'
import { ObjectWriter, type Target } from '../object-writer.ts'
import { objectOf, storeNameOf } from '../stored-objects.ts'
import { EndpointsKeeper } from './endpoints-keeper.ts'

function kind(group: string, name: string): ApiResource {
  const resource = findKind(group, name)
  if (resource === undefined) throw new Error(`${name} is not served`)
  return resource
}
const [services, pods, endpoints, namespaces] = [kind('', 'Service'), kind('', 'Pod'), kind('', 'Endpoints'), kind('', 'Namespace')]
const slices = kind('discovery.k8s.io', 'EndpointSlice')

let directory: string
let store: ObjectStore
let writer: ObjectWriter
let keeper: EndpointsKeeper | undefined
const reported: unknown[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'endpoints-'))
  store = await openLevelStore(directory)
  await writeBeginnings(store, Date.now)
  writer = new ObjectWriter(store, Date.now)
  begin()
})

afterEach(async () => {
  keeper?.close()
  await store.close()
  rmSync(directory, { recursive: true })
  expect(reported.splice(0)).toEqual([])
})

function begin(): void {
  keeper = new EndpointsKeeper({ store, writer, report: (error) => reported.push(error) })
}

const options = { isDryRun: false, manager: 'test' }
const at = (resource: ApiResource, name: string): Target => ({
  resource,
  version: 'v1',
  namespace: resource.namespaced ? 'default' : '',
  name,
})

function create(resource: ApiResource, name: string, more: JsonObject = {}): Promise<unknown> {
  const { group } = resource
  const apiVersion = group === '' ? 'v1' : `${group}/v1`
  return writer.create(at(resource, name), { apiVersion, kind: resource.kind, metadata: { name }, ...more }, options)
}

function change(resource: ApiResource, name: string, to: (before: KubeObject) => JsonObject, isStatus = false): Promise<unknown> {
  const merged = (before: KubeObject) => ({ object: { ...before, ...to(before) }, warnings: [] })
  return writer.change(at(resource, name), merged, { ...options, isStatus })
}

const web = { spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } }
const running = (podIP: string, status = 'True') => ({ phase: 'Running', podIP, conditions: [{ type: 'Ready', status }] })

async function createPod(name: string, podIP: string): Promise<void> {
  const metadata = { name, labels: { app: 'web' } }
  await create(pods, name, { metadata, spec: { nodeName: 'here', containers: [{ name: 'web', image: 'web' }] } })
  await change(pods, name, () => ({ status: running(podIP) }), true)
}

function listed(resource: ApiResource): readonly KubeObject[] {
  return store.list(storeNameOf(resource), { namespace: 'default' }).items.map((stored) => objectOf(stored, resource, 'v1'))
}

/** Each address with its readiness, by slice. */
function seen(): unknown {
  return listed(slices).map((slice) => {
    const all = slice['endpoints']
    return isJsonList(all)
      ? all.map((one) => `${JSON.stringify(fieldAtPath(one, ['addresses']))} ${JSON.stringify(fieldAtPath(one, ['conditions', 'ready']))}`)
      : []
  })
}

/** With their revisions. */
function ofWeb(): readonly KubeObject[] {
  return [...listed(slices), ...listed(endpoints)].filter(({ metadata }) => /^web(-|$)/.test(metadata.name ?? ''))
}

const within = { timeout: 10_000 }
const subsets = (): unknown => listed(endpoints).map((one) => (isJsonList(one['subsets']) ? one['subsets'].length : 0))

it('follows Pods as they come, become unready and go', async () => {
  await create(services, 'web', web)
  await expect.poll(seen, within).toEqual([[]])
  await createPod('a', '198.18.1.20')
  await createPod('b', '198.18.1.21')
  await expect.poll(seen, within).toEqual([['["198.18.1.20"] true', '["198.18.1.21"] true']])
  await change(pods, 'a', () => ({ status: running('198.18.1.20', 'False') }), true)
  await expect.poll(seen, within).toEqual([['["198.18.1.20"] false', '["198.18.1.21"] true']])
  await writer.delete(at(pods, 'a'), {}, { isDryRun: false, graceSeconds: 0 })
  await expect.poll(seen, within).toEqual([['["198.18.1.21"] true']])
  expect(subsets()).toEqual([1])
})

it('goes when the Service goes', async () => {
  await create(services, 'web', web)
  await expect.poll(subsets, within).toEqual([0])
  await writer.delete(at(services, 'web'), {}, { isDryRun: false })
  await expect.poll(() => [listed(slices), listed(endpoints)], within).toEqual([[], []])
})

it('goes when the Service loses its selector', async () => {
  await create(services, 'web', web)
  await expect.poll(subsets, within).toEqual([0])
  await change(services, 'web', () => ({ spec: { ports: web.spec.ports } }))
  await expect.poll(() => [listed(slices), listed(endpoints)], within).toEqual([[], []])
})

it('leaves alone what somebody has written for a Service without a selector', async () => {
  await create(services, 'far', { spec: { ports: web.spec.ports } })
  await create(endpoints, 'far', { subsets: [{ addresses: [{ ip: '198.18.1.9' }], ports: [{ port: 80 }] }] })
  await create(slices, 'far-1', {
    metadata: { name: 'far-1', labels: { 'kubernetes.io/service-name': 'far' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['198.18.1.9'] }],
    ports: [],
  })
  await create(services, 'web', web)
  await expect.poll(() => listed(slices).length, within).toBe(2)
  await writer.delete(at(services, 'far'), {}, { isDryRun: false })
  await writer.delete(at(services, 'web'), {}, { isDryRun: false })
  await expect
    .poll(() => [slices, endpoints].map((one) => listed(one).map(({ metadata }) => metadata.name)), within)
    .toEqual([['far-1'], ['far']])
})

it('writes nothing at a start where all is right, and takes away what is left over', async () => {
  await create(services, 'web', web)
  await createPod('a', '198.18.1.20')
  await create(services, 'old', web)
  await expect.poll(seen, within).toEqual([['["198.18.1.20"] true'], ['["198.18.1.20"] true']])
  keeper?.close()
  await writer.delete(at(services, 'old'), {}, { isDryRun: false })
  const before = ofWeb()
  begin()
  await expect.poll(() => listed(endpoints).map(({ metadata }) => metadata.name), within).toEqual(['web'])
  expect(ofWeb()).toEqual(before)
})

it('puts right what somebody has changed', async () => {
  await create(services, 'web', web)
  await createPod('a', '198.18.1.20')
  await expect.poll(seen, within).toEqual([['["198.18.1.20"] true']])
  await change(slices, listed(slices)[0]?.metadata.name ?? '', () => ({ endpoints: [] }))
  await expect.poll(seen, within).toEqual([['["198.18.1.20"] true']])
})

it('is not in the way of a namespace that goes', async () => {
  await create(namespaces, 'shop')
  const target = { ...at(services, 'web'), namespace: 'shop' }
  await writer.create(target, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, ...web }, options)
  await writer.delete(at(namespaces, 'shop'), {}, { isDryRun: false })
  await expect.poll(() => store.list('namespaces').items.map(({ key }) => key.name), within).not.toContain('shop')
  expect(store.list('endpoints', { namespace: 'shop' }).items).toEqual([])
})
