// Holds what a server begins with, also when its first start, or a deletion, was broken off.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ObjectStore, openLevelStore } from '../store/index.ts'
import { findKind } from '../kube/index.ts'
import { Reaper, writeBeginnings } from './index.ts'
import { ObjectWriter } from './object-writer.ts'

const now = (): number => 1_700_000_000_000

describe('the beginnings of a server', () => {
  let directory: string
  let store: ObjectStore
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'beginnings-'))
    store = await openLevelStore(directory)
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })

  const names = (): readonly string[] =>
    ['namespaces', 'configmaps'].flatMap((resource) => store.list(resource).items.map(({ key }) => key.name)).toSorted()

  it('are written once: what was deleted stays deleted', async () => {
    await writeBeginnings(store, now)
    expect(names()).toEqual(['default', 'istio', 'istio-system', 'kube-system'])
    await store.commit([{ key: { resource: 'configmaps', namespace: 'istio-system', name: 'istio' } }])
    await writeBeginnings(store, now)
    expect(names()).toEqual(['default', 'istio-system', 'kube-system'])
  })

  it('are gone on with when they were broken off', async () => {
    let left = 2
    const broken: Pick<ObjectStore, 'commit'> = {
      commit: (writes) => (left-- > 0 ? store.commit(writes) : Promise.reject(new Error('killed'))),
    }
    const until = new Proxy(store, {
      get(target, name) {
        if (name === 'commit') return broken.commit
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await expect(writeBeginnings(until, now)).rejects.toThrow('killed')
    expect(names()).toHaveLength(2)
    await writeBeginnings(store, now)
    expect(names()).toEqual(['default', 'istio', 'istio-system', 'kube-system'])
  })

  it('end with the deletions of namespaces that were broken off', async () => {
    await writeBeginnings(store, now)
    const metadata = { name: 'old', uid: 'u', deletionTimestamp: '2023-11-14T22:13:20Z' }
    const put = (resource: string, namespace: string, name: string, object: object) =>
      store.commit([{ key: { resource, namespace, name }, value: Buffer.from(JSON.stringify(object)) }])
    await put('namespaces', '', 'old', { apiVersion: 'v1', kind: 'Namespace', metadata })
    await put('configmaps', 'old', 'left', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'left', namespace: 'old', uid: 'v' } })
    await new Reaper(store).resume()
    expect(names()).toEqual(['default', 'istio', 'istio-system', 'kube-system'])
  })

  it('leave nothing behind that came while its namespace went', async () => {
    await writeBeginnings(store, now)
    const writer = new ObjectWriter(store, now)
    const [namespaces, maps] = [findKind('', 'Namespace'), findKind('', 'ConfigMap')]
    if (!namespaces || !maps) throw new Error('not served')
    const options = { isDryRun: false, manager: 'test' }
    for (let round = 0; round < 20; round++) {
      const target = { resource: namespaces, version: 'v1', namespace: '', name: 'short' }
      await writer.create(target, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'short' } }, options)
      const going = writer.delete(target, {}, options)
      const creating = Array.from({ length: 40 }, async (_, index) => {
        for (let turns = index; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
        const name = `m${index}`
        await writer.create(
          { resource: maps, version: 'v1', namespace: 'short', name },
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'short' } },
          options,
        )
      })
      await Promise.allSettled([going, ...creating])
      await expect.poll(() => store.list('configmaps', { namespace: 'short' }).items.length).toBe(0)
    }
  })
})
