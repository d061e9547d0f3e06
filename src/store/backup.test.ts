// Holds that a backup is whole or not used, and that a store made from it is the one that was backed up.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backupLines, type ObjectStore, openLevelStore, readBackup, restoreObjects } from './index.ts'

describe('a backup', () => {
  let directory: string
  let store: ObjectStore
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'backup-'))
    store = await openLevelStore(join(directory, 'a'))
    for (const name of ['x', 'ä/🙂'.replace('/', '-'), 'gone'])
      await store.commit([{ key: key(name), value: Buffer.from(`{"name":"${name}"}`) }])
    await store.commit([{ key: key('gone') }])
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })

  const key = (name: string) => ({ resource: 'configmaps', namespace: 'default', name })
  const bytes = (lines: Iterable<string> = backupLines(store, [{ path: 'pki/ca.key', content: Buffer.from([0, 255]) }])): Buffer =>
    Buffer.from(Array.from(lines).join(''))

  it('holds every object with its revision, and files', () => {
    expect(readBackup(bytes())).toEqual({
      revision: 4,
      objects: store.list('configmaps').items,
      files: [{ path: 'pki/ca.key', content: Buffer.from([0, 255]) }],
    })
  })

  it('holds what there was when it began, whatever is written while it is read', async () => {
    const lines = backupLines(store)
    const [first] = [lines.next().value]
    await store.commit([{ key: key('x') }])
    await store.commit([{ key: key('late'), value: Buffer.from('{}') }])
    const { objects, revision } = readBackup(bytes([String(first), ...lines]))
    expect([revision, objects.map(({ key: { name } }) => name)]).toEqual([4, ['x', 'ä-🙂']])
  })

  it('becomes a store with the same objects, whose next revision nobody has seen', async () => {
    await restoreObjects(join(directory, 'b'), readBackup(bytes()))
    const other = await openLevelStore(join(directory, 'b'))
    expect(other.list('configmaps').items).toEqual(store.list('configmaps').items)
    const [written] = await other.commit([{ key: key('x'), value: Buffer.from('{}'), expected: 1 }])
    expect(written?.revision).toBeGreaterThan(1000)
    expect(() => other.watch(5, () => undefined)).toThrow(expect.objectContaining({ name: 'HistoryGone' }))
    await other.close()
    await (await openLevelStore(join(directory, 'b'))).close()
  })

  const spoilt: Record<string, { spoil: (text: Buffer) => Buffer; says: RegExp }> = {
    nothing: { spoil: () => Buffer.alloc(0), says: /it is no backup/ },
    'something else': { spoil: () => Buffer.from('{"kind":"Pod"}\n{}\n'), says: /it is no backup/ },
    'a changed byte': { spoil: (text) => Buffer.from(text.toString().replace('default', 'defauld')), says: /it is damaged/ },
    'a missing end': { spoil: (text) => text.subarray(0, text.length - 40), says: /it is damaged|no backup/ },
    'a missing last line': { spoil: (text) => text.subarray(0, text.lastIndexOf('{')), says: /it is damaged/ },
    'two in one': { spoil: (text) => Buffer.concat([text, text]), says: /it is damaged|it does not hold/ },
    'one of a newer program': {
      spoil: (text) => Buffer.from(text.toString().replace('"version":1', '"version":2')),
      says: /its version is 2, and this one knows 1/,
    },
  }
  it.each(Object.entries(spoilt))('is not used when it is %s', (_name, { spoil, says }) => {
    expect(() => readBackup(spoil(bytes()))).toThrow(expect.objectContaining({ code: 'SLP6005', message: expect.stringMatching(says) }))
  })
})
