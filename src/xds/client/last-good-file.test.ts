// Holds that a kept configuration comes back as it was, and that one which is damaged, foreign or open to others is refused in words.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type LastGoodOwner, readLastGood, writeLastGood } from './last-good-file.ts'

const owner: LastGoodOwner = { node: 'sidecar~127.0.0.1~app.default~default.svc.cluster.local', server: 'unix:/run/ads' }
const body = [Buffer.from('first'), Buffer.from(''), Buffer.from('second')]

let folder: string
let path: string
let count = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'last-good-'))
})

beforeEach(() => {
  path = join(folder, String(count++), 'kept')
})

afterAll(() => rmSync(folder, { recursive: true }))

test('what was written is read again, by its owner alone', async () => {
  await writeLastGood(path, owner, body)
  const read = readLastGood(path, owner)
  expect(read.kind === 'read' && read.content.body.toString()).toBe('firstsecond')
  expect(read.kind === 'read' && read.content.isOwn && Date.now() - read.content.savedAt).toBeLessThan(60_000)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
})

test('a later one takes its place, and nothing is left beside it', async () => {
  await writeLastGood(path, owner, body)
  await writeLastGood(path, owner, [Buffer.from('third')])
  const read = readLastGood(path, owner)
  expect(read.kind === 'read' && read.content.body.toString()).toBe('third')
  expect(readdirSync(join(path, '..'))).toEqual(['kept'])
})

test('a file that is not there is no fault', () => {
  expect(readLastGood(path, owner)).toEqual({ kind: 'absent' })
})

test('when it cannot be written, what was there before is still there', async () => {
  await writeLastGood(path, owner, body)
  await expect(writeLastGood(join(path, 'below', 'a', 'file'), owner, body)).rejects.toThrow(/ENOTDIR/)
  expect(readLastGood(path, owner).kind).toBe('read')
})

const spoilt: Record<string, { spoil: () => void; owner?: LastGoodOwner; why: RegExp }> = {
  'a byte is another': {
    spoil: () => writeFileSync(path, readFileSync(path, 'latin1').replace('second', 'secone'), 'latin1'),
    why: /^it is damaged: its checksum is another$/,
  },
  'its end is missing': {
    spoil: () => truncateSync(path, statSync(path).size - 1),
    why: /^it is damaged: 10 bytes instead of 11$/,
  },
  'it is empty': { spoil: () => truncateSync(path, 0), why: /^it was not written by sallyport$/ },
  'it is something else': { spoil: () => writeFileSync(path, '{"a": 1}\n'), why: /^it was not written by sallyport$/ },
  'it is of a later format': {
    spoil: () => writeFileSync(path, readFileSync(path, 'latin1').replace('"format":2', '"format":3'), 'latin1'),
    why: /^its format is 3, and this program reads 2$/,
  },
  'it is of another node': {
    spoil: () => undefined,
    owner: { ...owner, node: 'sidecar~127.0.0.1~other.default~default.svc.cluster.local' },
    why: /^it belongs to the node sidecar~127\.0\.0\.1~app\.default~.* and this one is sidecar~127\.0\.0\.1~other\.default~/,
  },
  'it is of another server': {
    spoil: () => undefined,
    owner: { ...owner, server: '127.0.0.1:15010' },
    why: /^it came from unix:\/run\/ads, and the server is 127\.0\.0\.1:15010$/,
  },
  'others may write to it': { spoil: () => chmodSync(path, 0o620), why: /^others may write to it$/ },
}

test.each(Object.entries(spoilt))('refused: %s', async (_name, { spoil, owner: asker = owner, why }) => {
  await writeLastGood(path, owner, body)
  spoil()
  const read = readLastGood(path, asker)
  expect(read.kind === 'refused' && read.why).toMatch(why)
})

test('refused: a link, whatever it leads to', async () => {
  await writeLastGood(path, owner, body)
  const link = `${path}-link`
  symlinkSync(path, link)
  expect(readLastGood(link, owner)).toMatchObject({ kind: 'refused', why: expect.stringMatching(/^it cannot be opened: /) })
})

test('refused: a folder', () => {
  expect(readLastGood(folder, owner)).toEqual({ kind: 'refused', why: 'it is not a file' })
})
