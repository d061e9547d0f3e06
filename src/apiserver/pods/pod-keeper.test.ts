// Holds what becomes of Pods whose processes nobody has heard of, and of Events that are old.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fieldAtPath, findKind, type KubeObject } from '../../kube/index.ts'
import { type ObjectStore, openLevelStore } from '../../store/index.ts'
import { writeBeginnings } from '../index.ts'
import { Authorizer } from '../access/authorizer.ts'
import { ObjectWriter } from '../object-writer.ts'
import { objectOf } from '../stored-objects.ts'
import { PodService } from './pod-service.ts'

const resource = findKind('', 'Pod')
if (resource === undefined) throw new Error('Pods are not served')
const target = { resource, version: 'v1', namespace: 'default', name: 'web' }
const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { nodeName: 'here', containers: [{ name: 'web', image: 'web' }] },
}

let directory: string
let store: ObjectStore
let service: PodService | undefined
let writer: ObjectWriter

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keeper-'))
  store = await openLevelStore(directory)
  await writeBeginnings(store, Date.now)
  writer = new ObjectWriter(store, Date.now)
})

afterEach(async () => {
  service?.close()
  await store.close()
  rmSync(directory, { recursive: true })
})

const written = { isDryRun: false, manager: 'test' }
const reason = (): unknown => fieldAtPath(objectOf(writer.get(target), target.resource, 'v1'), ['status', 'reason'])
const begin = (lostMs: number, removedMs: number): void => {
  service = new PodService({
    store,
    now: Date.now,
    limits: { lostMs, removedMs },
    report: () => undefined,
    authorizer: new Authorizer(store),
  })
}

it('says after a while that a Pod is out of touch', async () => {
  await writer.create(target, pod, written)
  begin(0, 600_000)
  await expect.poll(reason, { timeout: 10_000 }).toBe('NodeLost')
})

it('takes a Pod away that nobody has come back for', async () => {
  await writer.create(target, pod, written)
  begin(0, 1)
  await expect.poll(() => store.count('pods'), { timeout: 10_000 }).toBe(0)
})

it('gives a Pod that runs somewhere its time to end, and takes one away at once that does not', async () => {
  await writer.create(target, pod, written)
  const { left } = await writer.delete(target, {}, { isDryRun: false })
  expect(left?.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 })
  const sooner = await writer.delete(target, {}, { isDryRun: false, graceSeconds: 5 })
  expect(sooner.left?.metadata).toMatchObject({ deletionGracePeriodSeconds: 5 })
  const later = await writer.delete(target, {}, { isDryRun: false, graceSeconds: 50 })
  expect(later.left?.metadata).toMatchObject({ deletionGracePeriodSeconds: 5 })
  await writer.delete(target, {}, { isDryRun: false, graceSeconds: 0 })
  expect(store.count('pods')).toBe(0)
})
