// Holds that a file is read from its end, and that nobody who follows it misses a record through half lines, truncation or rotation.
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectLatest, type Tally, visitAll } from './collect.ts'
import { openFileRecords } from './file-records.ts'
import { isLoss, type Item } from './record-line.ts'
import type { RecordSource } from './record-source.ts'
import { lineOf } from './record.test-kit.ts'

let folder: string
let path: string
let tally: Tally
let opened: RecordSource[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flows-'))
  path = join(folder, 'flows.jsonl')
  tally = { unreadable: 0 }
  opened = []
})
afterEach(() => {
  for (const source of opened) source.close()
  rmSync(folder, { recursive: true })
})

function open(follow = false, name = path): RecordSource {
  const source = openFileRecords(name, { follow })
  opened.push(source)
  return source
}

const everything = { filter: () => true, since: Number.NEGATIVE_INFINITY, last: Number.POSITIVE_INFINITY }

function idsOf(items: readonly Item[]): readonly string[] {
  return items.map((item) => (isLoss(item) ? `lost ${item.count}` : item.id))
}

async function latest(last: number, change: { readonly since?: number } = {}): Promise<readonly string[]> {
  return idsOf(await collectLatest([open()], { ...everything, last, ...change }, tally))
}

const lines = (...ids: readonly string[]): string => ids.map((id, index) => lineOf({ id, closed: 1_000_000 * (index + 1) })).join('')

test('the newest are found from the end, the newest last', async () => {
  writeFileSync(path, lines('a', 'b', 'c', 'd'))
  expect(await latest(2)).toEqual(['c', 'd'])
  expect(await latest(10)).toEqual(['a', 'b', 'c', 'd'])
  expect(await latest(0)).toEqual([])
})

test('lines across the pieces in which a file is read stay whole', async () => {
  const ids = Array.from({ length: 3000 }, (_, index) => `id-${index}-é`)
  writeFileSync(path, lines(...ids))
  expect(await latest(Number.POSITIVE_INFINITY)).toEqual(ids)
  expect(tally.unreadable).toBe(0)
})

test('a line longer than a piece is read too', async () => {
  writeFileSync(path, `${lines('a')}${lineOf({ id: 'long', details: 'x'.repeat(700_000) })}${lines('b')}`)
  expect(await latest(2)).toEqual(['long', 'b'])
})

test('a last record without its line end counts, half of one does not', async () => {
  writeFileSync(path, lines('a', 'b').trimEnd())
  expect(await latest(5)).toEqual(['a', 'b'])
  writeFileSync(path, `${lines('a')}{"id":"ha`)
  expect(await latest(5)).toEqual(['a'])
  expect(tally.unreadable).toBe(0)
})

test('what is no record is counted, and lost records are shown in their place', async () => {
  writeFileSync(path, `${lines('a')}nonsense\n{"kind":"request"}\n[]\n{"kind":"lost","count":3,"closed":5}\n${lines('b')}`)
  expect(await latest(2)).toEqual(['a', 'lost 3', 'b'])
  expect(tally.unreadable).toBe(3)
})

test('reading ends where all is older than what is wanted', async () => {
  writeFileSync(path, `unreadable, and never looked at\n${lines('a', 'b', 'c')}`)
  expect(await latest(Number.POSITIVE_INFINITY, { since: 2_500_000 })).toEqual(['c'])
  expect(tally.unreadable).toBe(0)
})

test('several files are shown in the order of time', async () => {
  const other = join(folder, 'gateway.jsonl')
  writeFileSync(path, lineOf({ id: 'a', closed: 1 }) + lineOf({ id: 'c', closed: 3 }))
  writeFileSync(other, lineOf({ id: 'b', closed: 2 }) + lineOf({ id: 'd', closed: 4 }))
  const items = await collectLatest([open(), open(false, other)], { ...everything, last: 3 }, tally)
  expect(idsOf(items)).toEqual(['b', 'c', 'd'])
})

test('all are visited for sums', async () => {
  writeFileSync(path, lines('a', 'b', 'c'))
  const seen: Item[] = []
  await visitAll([open()], everything, tally, (item) => seen.push(item))
  expect(idsOf(seen).toSorted()).toEqual(['a', 'b', 'c'])
})

test.each(['missing.jsonl', '.'])('%s cannot be read, and the error says so', (name) => {
  expect(() => open(false, join(folder, name))).toThrow(expect.objectContaining({ exitCode: 4, fix: expect.any(String) }))
})

test('whoever follows sees each record once, whole, through truncation and rotation', async () => {
  writeFileSync(path, `${lines('before')}{"id":`)
  const source = open(true)
  const seen: string[] = []
  const ended = new AbortController()
  const following = source.follow((line) => {
    seen.push(/"id":"(.*?)"/.exec(line)?.[1] ?? line)
    return Promise.resolve()
  }, ended.signal)
  const sees = (...ids: readonly string[]): Promise<void> => expect.poll(() => seen, { timeout: 5000, interval: 5 }).toEqual(ids)
  appendFileSync(path, '"half"}\n')
  await sees('half')
  appendFileSync(path, lines('one').slice(0, 30))
  appendFileSync(path, lines('one').slice(30))
  await sees('half', 'one')
  renameSync(path, `${path}.1`)
  appendFileSync(`${path}.1`, lines('late'))
  writeFileSync(path, lines('new'))
  await sees('half', 'one', 'late', 'new')
  truncateSync(path)
  appendFileSync(path, lineOf({ id: 'x' }).replace(/"details":"[^"]*"/, '"a":1'))
  await sees('half', 'one', 'late', 'new', 'x')
  ended.abort()
  await following
})
