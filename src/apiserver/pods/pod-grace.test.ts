// Holds how long a Pod is given to end, and that no number of seconds keeps the server from deleting it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, test } from 'vitest'
import { findKind, type KubeObject } from '../../kube/index.ts'
import { openLevelStore } from '../../store/index.ts'
import { writeBeginnings } from '../beginnings.ts'
import { ObjectWriter } from '../object-writer.ts'
import { Reaper } from '../reaper.ts'
import { graceOf } from './pod-grace.ts'

const pod = (seconds?: number, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  spec: {
    nodeName: 'here',
    containers: [{ name: 'web', image: 'web' }],
    ...(seconds === undefined ? {} : { terminationGracePeriodSeconds: seconds }),
  },
})

const forEver = 10 ** 15
const rows: Record<string, { readonly object: KubeObject; readonly asked?: number; readonly seconds: number }> = {
  'half a minute where nobody says more': { object: pod(), seconds: 30 },
  'what the Pod says': { object: pod(5), seconds: 5 },
  'what was asked for': { object: pod(5), asked: 7, seconds: 7 },
  'a second for less than nothing': { object: pod(5), asked: -1, seconds: 1 },
  'no longer than it was given before': {
    object: pod(5, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 3 }),
    asked: 9,
    seconds: 3,
  },
  'as long as timers count, where the Pod says more': { object: pod(forEver), seconds: 2_147_483 },
  'as long as timers count, where more was asked for': { object: pod(), asked: forEver, seconds: 2_147_483 },
}

test.each(Object.entries(rows))('%s', (_name, { object, asked, seconds }) => {
  expect(graceOf({ group: '', kind: 'Pod' }, object, asked)).toBe(seconds)
})

it('a namespace can be deleted in which a Pod wants to live for ever, and the server starts again after that', async () => {
  const [pods, namespaces] = [findKind('', 'Pod'), findKind('', 'Namespace')]
  if (pods === undefined || namespaces === undefined) throw new Error('they are not served')
  const directory = mkdtempSync(join(tmpdir(), 'grace-'))
  const store = await openLevelStore(directory)
  await writeBeginnings(store, Date.now)
  const writer = new ObjectWriter(store, Date.now)
  const shop = { resource: namespaces, version: 'v1', namespace: '', name: 'shop' }
  const options = { isDryRun: false, manager: 'test' }
  await writer.create(shop, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, options)
  await writer.create({ resource: pods, version: 'v1', namespace: 'shop', name: 'web' }, pod(forEver), options)
  await writer.delete(shop, {}, { isDryRun: false })
  await new Reaper(store).resume()
  const [left] = store.list('pods', { namespace: 'shop' }).items
  expect(left?.value.toString()).toContain('"deletionGracePeriodSeconds":2147483')
  await store.close()
  rmSync(directory, { recursive: true })
})
