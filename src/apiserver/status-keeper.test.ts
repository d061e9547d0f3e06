// Holds that what became of an object is written into it once, beside what others have written, and never about another version of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fieldAtPath, findKind, isJsonList, type JsonObject, type KubeObject } from '../kube/index.ts'
import { type ObjectKey, type ObjectStore, openLevelStore } from '../store/index.ts'
import { writeBeginnings } from './beginnings.ts'
import { ObjectWriter } from './object-writer.ts'
import { type StatusFields, StatusKeeper } from './status-keeper.ts'
import { objectOf } from './stored-objects.ts'

const resource = findKind('networking.istio.io', 'ServiceEntry')
if (resource === undefined) throw new Error('ServiceEntries are not served')
const target = { resource, version: 'v1', namespace: 'default', name: 'redis' }
const entry: KubeObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'redis' },
  spec: { hosts: ['redis.domain'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
}
const passed: StatusFields = {
  condition: { type: 'PassedAnalysis', status: 'True', reason: 'noMessagesFound', message: 'No messages found' },
  fields: { addresses: [{ host: 'redis.domain', value: '240.240.0.1' }] },
}
const failed: StatusFields = {
  condition: { type: 'PassedAnalysis', status: 'False', reason: 'warningsFound', message: '1 Warning found: it is odd' },
  fields: { addresses: undefined, validationMessages: [{ level: 'WARNING', type: { code: 'SLP1401' } }] },
}

let directory: string
let store: ObjectStore
let writer: ObjectWriter
let keeper: StatusKeeper
let wanted: StatusFields | undefined
let looks = 0
const reported: unknown[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'status-'))
  store = await openLevelStore(directory)
  await writeBeginnings(store, Date.now)
  writer = new ObjectWriter(store, Date.now)
  wanted = passed
  looks = 0
  const statusNow = (): ((key: ObjectKey) => StatusFields) | undefined => {
    looks += 1
    const now = wanted
    return now && (() => now)
  }
  keeper = new StatusKeeper({ store, now: Date.now, statusNow, report: (error) => reported.push(error) })
})

afterEach(async () => {
  keeper.close()
  await store.close()
  rmSync(directory, { recursive: true })
  expect(reported.splice(0)).toEqual([])
})

const options = { isDryRun: false, manager: 'test' }
const within = { timeout: 10_000 }
const read = (): KubeObject => objectOf(writer.get(target), target.resource, 'v1')
const condition = (): JsonObject | undefined => {
  const all = fieldAtPath(read(), ['status', 'conditions'])
  const found = isJsonList(all) ? all.find((one) => fieldAtPath(one, ['type']) === 'PassedAnalysis') : undefined
  return typeof found === 'object' && found !== null && !isJsonList(found) ? found : undefined
}
const change = (to: JsonObject, isStatus: boolean): Promise<unknown> =>
  writer.change(target, (before) => ({ object: { ...before, ...to }, warnings: [] }), { ...options, isStatus })

/** Rounds go by in which something might have been written. */
async function laterLooks(): Promise<void> {
  const seen = looks
  keeper.notice()
  await expect.poll(() => looks, within).toBeGreaterThan(seen)
  keeper.notice()
  await expect.poll(() => looks, within).toBeGreaterThan(seen + 1)
}

it('writes what was found, as of this generation, under a name of its own, and then nothing more', async () => {
  await writer.create(target, entry, options)
  await expect.poll(condition, within).toMatchObject({ ...passed.condition, observedGeneration: 1 })
  const object = read()
  expect(object['status']).toMatchObject({ ...passed.fields, observedGeneration: 1 })
  expect(object.metadata.generation).toBe(1)
  expect(object.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual(
    expect.arrayContaining([
      ['sallyport', 'status'],
      ['test', undefined],
    ]),
  )
  await laterLooks()
  expect(read()).toEqual(object)
})

it('says when it has changed, and takes away what does not hold any more', async () => {
  await writer.create(target, entry, options)
  await expect.poll(condition, within).toMatchObject({ status: 'True' })
  wanted = failed
  keeper.notice()
  await expect.poll(condition, within).toMatchObject(failed.condition)
  expect(Object.keys(read()['status'] ?? {}).sort()).toEqual(['conditions', 'observedGeneration', 'validationMessages'])
})

it('keeps the conditions of others, and puts its own right', async () => {
  await writer.create(target, entry, options)
  const other = { type: 'Other', status: 'True' }
  await change({ status: { conditions: [other, { type: 'PassedAnalysis', status: 'Unknown' }] } }, true)
  await expect.poll(condition, within).toMatchObject(passed.condition)
  expect(fieldAtPath(read(), ['status', 'conditions'])).toContainEqual(other)
})

it('speaks of a new generation when that was looked at, and not before', async () => {
  await writer.create(target, entry, options)
  await expect.poll(condition, within).toMatchObject({ observedGeneration: 1 })
  wanted = undefined
  await change({ spec: { hosts: ['other.domain'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' } }, false)
  await laterLooks()
  expect(condition()).toMatchObject({ observedGeneration: 1 })
  wanted = passed
  keeper.notice()
  await expect.poll(condition, within).toMatchObject({ observedGeneration: 2 })
})

it('leaves it where there are too many objects to look at all of them', async () => {
  const named = (name: string): Uint8Array => Buffer.from(JSON.stringify({ ...entry, metadata: { namespace: 'default', name } }))
  // In one commit: a look between the first and the last would find few enough.
  const names = Array.from({ length: 1001 }, (_, i) => `entry-${i}`)
  const key = (name: string): ObjectKey => ({ resource: 'serviceentries.networking.istio.io', namespace: 'default', name })
  await store.commit(names.map((name) => ({ key: key(name), value: named(name) })))
  const before = store.revision
  // What is too many is not even asked about: a while is all there is to wait for.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect([looks, store.revision]).toEqual([0, before])
})
