// Holds that every record becomes one JSON line, on a file and on stdout, and that a loss is a line of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { configureLog, type LogSettings, openRecordWriter } from './index.ts'
import { sampleRecord } from './sample-record.ts'

let folder: string
let before: LogSettings

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'records-'))
  before = configureLog({ write: () => undefined })
})
afterEach(() => {
  configureLog(before)
  rmSync(folder, { recursive: true })
})

test('a record is one line, and is read back as it was', async () => {
  const path = join(folder, 'flows.jsonl')
  const writer = openRecordWriter(path)
  const record = sampleRecord({ host: 'a\nb', details: '\u2028' })
  writer.write(record)
  writer.write(sampleRecord({ id: 'f2' }))
  await writer.close()
  const lines = readFileSync(path, 'utf8').split('\n')
  expect(lines).toHaveLength(3)
  expect(JSON.parse(lines[0] ?? '')).toEqual(record)
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ id: 'f2' })
})

test('records that are too many at once are counted in a line of their own', async () => {
  const path = join(folder, 'flows.jsonl')
  const writer = openRecordWriter(path)
  const huge = sampleRecord({ details: 'x'.repeat(9 * 1024 * 1024) })
  writer.write(huge)
  writer.write(huge)
  await writer.close()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines).toHaveLength(2)
  expect(JSON.parse(lines[1] ?? '')).toEqual({ kind: 'lost', count: 1, closed: expect.any(Number) })
})
