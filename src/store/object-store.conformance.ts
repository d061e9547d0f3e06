// What every store of objects has to hold, whatever keeps its data.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Change, HistoryGone, type ObjectKey, type ObjectStore, RevisionConflict } from './object-store.ts'

export interface StoreUnderTest {
  open(): Promise<ObjectStore>
  /** Opens the same data again, after the store was closed. */
  reopen(): Promise<ObjectStore>
  cleanUp(): Promise<void>
}

export function describeObjectStore(name: string, make: () => StoreUnderTest): void {
  describe(name, () => {
    holdWrites(new Stand(make))
    holdReads(new Stand(make))
    holdPages(new Stand(make))
  })
}

/** A store for each test. */
class Stand {
  #under: StoreUnderTest | undefined
  #store: ObjectStore | undefined
  readonly #make: () => StoreUnderTest

  constructor(make: () => StoreUnderTest) {
    this.#make = make
  }

  get store(): ObjectStore {
    if (this.#store === undefined) throw new Error('no store is open')
    return this.#store
  }

  async open(): Promise<void> {
    this.#under = this.#make()
    this.#store = await this.#under.open()
  }

  async reopen(): Promise<void> {
    await this.#store?.close()
    this.#store = await this.#under?.reopen()
  }

  async close(): Promise<void> {
    await this.#store?.close()
    await this.#under?.cleanUp()
  }

  async put(key: ObjectKey, text: string, expected?: number): Promise<number> {
    const [stored] = await this.store.commit([{ key, value: Buffer.from(text), ...(expected === undefined ? {} : { expected }) }])
    return stored?.revision ?? 0
  }
}

function holdWrites(stand: Stand): void {
  describe('writes', () => {
    beforeEach(() => stand.open())
    afterEach(() => stand.close())

    it('gives back what was written, with the revision of its write', async () => {
      const revision = await stand.put(maps('a', 'one'), 'text')
      expect(stand.store.get(maps('a', 'one'))).toMatchObject({ revision, value: Buffer.from('text') })
      expect(stand.store.revision).toBe(revision)
      expect(stand.store.get(maps('b', 'one'))).toBeUndefined()
    })

    it('counts every write of the whole store in one sequence', async () => {
      const start = stand.store.revision
      await stand.put(maps('a', 'one'), '1')
      await stand.put(secrets('a', 'one'), '2')
      await stand.store.commit([{ key: maps('a', 'one') }])
      expect(stand.store.revision).toBe(start + 3)
    })

    it('refuses a write whose object has another revision, and says which', async () => {
      const revision = await stand.put(maps('a', 'one'), '1')
      await stand.put(maps('a', 'one'), '2', revision)
      const refused = stand.put(maps('a', 'one'), '3', revision)
      await expect(refused).rejects.toBeInstanceOf(RevisionConflict)
      await expect(refused).rejects.toMatchObject({ current: { revision: revision + 1 } })
      await expect(stand.put(maps('a', 'one'), '4', 0)).rejects.toBeInstanceOf(RevisionConflict)
      expect(stand.store.get(maps('a', 'one'))?.value.toString()).toBe('2')
    })

    it('carries out all writes of a batch or none', async () => {
      await stand.put(maps('a', 'one'), '1')
      const before = stand.store.revision
      const writes = [
        { key: maps('a', 'two'), value: Buffer.from('2') },
        { key: maps('a', 'one'), value: Buffer.from('2'), expected: 0 },
      ]
      await expect(stand.store.commit(writes)).rejects.toBeInstanceOf(RevisionConflict)
      expect(stand.store.get(maps('a', 'two'))).toBeUndefined()
      expect(stand.store.revision).toBe(before)
    })

    it('lets one of many writers win that expect the same revision', async () => {
      const revision = await stand.put(maps('a', 'one'), '0')
      const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => stand.put(maps('a', 'one'), String(i), revision)))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(stand.store.get(maps('a', 'one'))?.revision).toBe(revision + 1)
    })
  })
}

function holdReads(stand: Stand): void {
  describe('lists and watches', () => {
    beforeEach(() => stand.open())
    afterEach(() => stand.close())

    it('lists by namespace and name, those of one resource', async () => {
      const keys = [maps('b', 'a'), maps('a', 'z'), maps('a', 'a'), maps('ab', 'a'), secrets('a', 'm')]
      await Promise.all(keys.map((key) => stand.put(key, '')))
      expect(namesOf(stand.store, {})).toEqual(['a/a', 'a/z', 'ab/a', 'b/a'])
      expect(namesOf(stand.store, { namespace: 'a' })).toEqual(['a/a', 'a/z'])
      expect(stand.store.count('configmaps')).toBe(4)
      await stand.store.commit([{ key: maps('a', 'z') }])
      await stand.put(maps('a', 'b'), '')
      expect(namesOf(stand.store, {})).toEqual(['a/a', 'a/b', 'ab/a', 'b/a'])
    })

    it('tells a watch of every change after its revision, in order and once', async () => {
      const since = await stand.put(maps('a', 'one'), '1')
      await stand.put(maps('a', 'one'), '2')
      const seen: Change[] = []
      const stop = stand.store.watch(since, (change) => seen.push(change))
      await stand.put(secrets('a', 'one'), '3')
      await stand.store.commit([{ key: maps('a', 'one') }])
      stop()
      await stand.put(maps('a', 'two'), '4')
      expect(seen.map(({ revision }) => revision)).toEqual([since + 1, since + 2, since + 3])
      expect(seen.map(({ before, after }) => [before?.value.toString(), after?.value.toString()])).toEqual([
        ['1', '2'],
        [undefined, '3'],
        ['2', undefined],
      ])
    })

    it('knows after a restart what it knew before, and goes on counting', async () => {
      await stand.put(maps('a', 'one'), '1')
      await stand.put(maps('a', 'two'), '2')
      await stand.store.commit([{ key: maps('a', 'two') }])
      const { revision } = stand.store
      await stand.reopen()
      expect(stand.store.revision).toBe(revision)
      expect(namesOf(stand.store, {})).toEqual(['a/one'])
      expect(await stand.put(maps('a', 'three'), '3')).toBe(revision + 1)
      const seen: number[] = []
      stand.store.watch(revision, (change) => seen.push(change.revision))
      expect(seen).toEqual([revision + 1])
    })

    it('refuses to go on from what it has forgotten', async () => {
      await Promise.all(Array.from({ length: 60 }, (_, i) => stand.put(maps('a', 'one'), String(i))))
      expect(() => stand.store.watch(1, () => undefined)).toThrow(HistoryGone)
      expect(() => stand.store.list('configmaps', { from: { revision: 1, namespace: '', name: '' } })).toThrow(HistoryGone)
      expect(() => stand.store.watch(stand.store.revision - 10, () => undefined)).not.toThrow()
    })

    it('refuses to go on from what was never written, which another store must have said', async () => {
      await stand.put(maps('a', 'one'), 'x')
      expect(() => stand.store.watch(stand.store.revision, () => undefined)).not.toThrow()
      expect(() => stand.store.watch(stand.store.revision + 1, () => undefined)).toThrow(HistoryGone)
    })
  })
}

function holdPages(stand: Stand): void {
  describe('pages of a list', () => {
    beforeEach(() => stand.open())
    afterEach(() => stand.close())

    it('lists page by page what there was when the first page was made', async () => {
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => stand.put(maps('x', name), name)))
      const first = stand.store.list('configmaps', { limit: 2 })
      expect(first.remaining).toBe(3)
      await stand.put(maps('x', 'c'), 'changed')
      await stand.put(maps('x', 'cc'), 'new')
      await stand.store.commit([{ key: maps('x', 'd') }])
      const rest = stand.store.list('configmaps', { from: { revision: first.revision, namespace: 'x', name: 'b' } })
      expect(rest.items.map(({ value }) => value.toString())).toEqual(['c', 'd', 'e'])
      expect(rest.revision).toBe(first.revision)
      expect(rest.remaining).toBe(0)
    })

    it('lists what there was to all who page through it, whatever has changed by then', async () => {
      const names = Array.from({ length: 50 }, (_, i) => `n${i}`).toSorted()
      await Promise.all(names.map((name) => stand.put(maps('x', name), 'old')))
      const { revision } = stand.store
      await Promise.all(names.slice(10, 48).map((name) => stand.store.commit([{ key: maps('x', name) }])))
      await stand.put(maps('w', 'new'), 'new')
      await stand.put(maps('x', names[0] ?? ''), 'new')
      for (let turn = 0; turn < 2; turn++) {
        const { items } = stand.store.list('configmaps', { from: { revision, namespace: '', name: '' } })
        expect(items.map(({ key, value }) => `${key.name} ${value.toString()}`)).toEqual(names.map((name) => `${name} old`))
        await stand.put(maps('x', 'later'), 'new')
      }
    })
  })
}

function maps(namespace: string, name: string): ObjectKey {
  return { resource: 'configmaps', namespace, name }
}

function secrets(namespace: string, name: string): ObjectKey {
  return { resource: 'secrets', namespace, name }
}

function namesOf(store: ObjectStore, options: { readonly namespace?: string }): string[] {
  return store.list('configmaps', options).items.map(({ key }) => `${key.namespace}/${key.name}`)
}
