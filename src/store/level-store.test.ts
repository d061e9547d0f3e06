// Holds the LevelDB store to the suite of all stores, and to what it says of directories that are not as they should be.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeObjectStore } from './object-store.conformance.ts'
import { Database } from './database.ts'
import { currentFormat, type Format } from './format.ts'
import { openLevelStore, type ObjectStore } from './index.ts'

const history = { changes: 50, bytes: 1024 * 1024 }

describeObjectStore('a LevelDB store', () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'))
  const open = (): Promise<ObjectStore> => openLevelStore(directory, { history })
  return { open, reopen: open, cleanUp: async () => rmSync(directory, { recursive: true }) }
})

describe('a LevelDB store on disk', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'store-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const key = (name: string) => ({ resource: 'configmaps', namespace: 'a', name })
  const text = Buffer.alloc(3000, 'text ')
  const fill = async (count: number): Promise<void> => {
    const store = await openLevelStore(directory)
    // In several batches, and long enough for several blocks of the log.
    for (let i = 0; i < count; i += 10) {
      const batch = Array.from({ length: Math.min(10, count - i) }, (_, j) => store.commit([{ key: key(`n${i + j}`), value: text }]))
      await Promise.all(batch)
    }
    await store.close()
  }

  it('makes its directory, for its owner alone', async () => {
    const inner = join(directory, 'made', 'here')
    await (await openLevelStore(inner)).close()
    expect(statSync(inner).mode & 0o777).toBe(0o700)
  })

  it('refuses a directory that another store uses', async () => {
    const store = await openLevelStore(directory)
    await expect(openLevelStore(directory)).rejects.toMatchObject({
      code: 'SLP6002',
      message: `${directory} is in use by another process`,
    })
    await store.close()
  })

  it('refuses what is no directory, or cannot be written to', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, '')
    await expect(openLevelStore(join(file, 'below'))).rejects.toMatchObject({ code: 'SLP6001' })
    await expect(openLevelStore('/proc/sallyport')).rejects.toMatchObject({ code: 'SLP6001' })
  })

  it('refuses a directory with something else in it', async () => {
    const database = await Database.open(directory, currentFormat)
    await database.write([{ key: 'm/format' }, { key: 'other', value: Buffer.from('x') }])
    await database.close()
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'SLP6003' })
  })

  it('brings an older format up to date, one step after the other, and refuses a newer one', async () => {
    await fill(3)
    const upper: Format['migrations'][number] = async (records) => {
      const changes = []
      for await (const [name] of records) if (name.startsWith('o/')) changes.push({ key: `seen/${name}`, value: Buffer.from('1') })
      return changes
    }
    const format: Format = { version: 3, migrations: { 1: upper, 2: () => [{ key: 'seen/twice', value: Buffer.from('2') }] } }
    await (await openLevelStore(directory, { format })).close()
    const database = await Database.open(directory, format)
    const keys = []
    for await (const [name] of database.all()) keys.push(name)
    await database.close()
    expect(keys.filter((name) => name.startsWith('seen/'))).toEqual([
      'seen/o/configmaps/a/n0',
      'seen/o/configmaps/a/n1',
      'seen/o/configmaps/a/n2',
      'seen/twice',
    ])
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'SLP6003', message: expect.stringContaining('newer Sallyport') })
  })

  const damages: Record<string, { readonly file: RegExp; readonly at: (size: number) => number }> = {
    'in the first record of the log': { file: /\.log$/, at: () => 40 },
    'in the middle of the log': { file: /\.log$/, at: (size) => Math.floor(size / 2) },
    'in the manifest': { file: /^MANIFEST/, at: (size) => Math.floor(size / 2) },
    'in the name of the manifest': { file: /^CURRENT$/, at: () => 10 },
  }
  for (const [where, { file, at }] of Object.entries(damages)) {
    it(`refuses a store with a damaged byte ${where}, and says what helps`, async () => {
      await fill(40)
      const path = join(directory, readdirSync(directory).find((name) => file.test(name)) ?? '')
      const bytes = readFileSync(path)
      const place = at(bytes.length)
      bytes.writeUInt8(bytes.readUInt8(place) ^ 0xff, place)
      writeFileSync(path, bytes)
      await expect(openLevelStore(directory)).rejects.toMatchObject({
        code: 'SLP6004',
        fix: expect.stringContaining('bring a backup back, with sallyport restore FILE'),
      })
    })
  }

  it('starts with what is whole when the last write was torn off', async () => {
    await fill(21)
    const log = join(directory, readdirSync(directory).find((name) => name.endsWith('.log')) ?? '')
    writeFileSync(log, readFileSync(log).subarray(0, -100))
    const store = await openLevelStore(directory)
    expect(store.list('configmaps').items).toHaveLength(20)
    expect(store.revision).toBe(20)
    await store.close()
  })

  it('leaves no batch half written when it is closed in the middle', async () => {
    const store = await openLevelStore(directory)
    const writing = store.commit([{ key: key('x'), value: Buffer.from('1') }])
    await store.close()
    await writing
    await expect(store.commit([{ key: key('y'), value: Buffer.from('1') }])).rejects.toMatchObject({ name: 'StorageFailure' })
    const again = await openLevelStore(directory)
    expect(again.list('configmaps').items).toHaveLength(1)
    await again.close()
    expect(existsSync(directory)).toBe(true)
  })
})
