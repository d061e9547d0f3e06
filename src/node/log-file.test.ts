// Holds that what was written last is read back as it was: its times, unfinished lines, any bytes, and no more than is kept.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { LogRing, readLogFile, selectLog, writeLogFile } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-logs-'))
const path = join(folder, '0.log')

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function ringOf(...chunks: readonly (string | Buffer)[]): LogRing {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const ring = new LogRing(undefined, () => (now += 1000))
  for (const chunk of chunks) ring.write('stdout', Buffer.from(chunk))
  ring.close()
  return ring
}

const contents: Record<string, readonly (string | Buffer)[]> = {
  nothing: [],
  lines: ['one\n', '\n', 'two\nthree\n'],
  'a line without an end': ['one\n', 'two'],
  'bytes that are no text': [Buffer.from([0, 0xff, 0xfe, 0x0a, 0x80, 0x0a])],
  'a line that looks like an entry': ['2026-01-01T00:00:00.000Z P x\n'],
}

test.each(Object.entries(contents))('is read back as it was: %s', (_name, chunks) => {
  const lines = ringOf(...chunks).lines()
  writeLogFile(path, lines)
  expect(readLogFile(path)).toEqual(lines)
})

test('the last of it is kept, up to a bound, and nothing but the file is left', () => {
  const lines = ringOf(...Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(8000)}\n`)).lines()
  writeLogFile(path, lines)
  const kept = readLogFile(path) ?? []
  expect(kept.at(-1)).toEqual(lines.at(-1))
  expect(kept.length).toBeGreaterThan(100)
  expect(kept.length).toBeLessThan(140)
  expect(readdirSync(folder)).toEqual(['0.log'])
})

test('what is not there is told from what is empty, and what is damaged is left out', () => {
  expect(readLogFile(join(folder, 'none'))).toBeUndefined()
  writeFileSync(path, 'x y z\n2026-01-01T00:00:01.000Z F good\n2026-01-01T00:00:02.000Z F torn')
  expect(readLogFile(path)?.map(({ text }) => text.toString())).toEqual(['good\n'])
})

const asked: Record<string, { readonly wanted: Readonly<Record<string, unknown>>; readonly gets: string }> = {
  everything: { wanted: {}, gets: 'a\nb\nc\n' },
  'the last lines': { wanted: { tailLines: 2 }, gets: 'b\nc\n' },
  'no line': { wanted: { tailLines: 0 }, gets: '' },
  'some bytes': { wanted: { limitBytes: 3 }, gets: 'a\nb' },
  'what came since then': { wanted: { sinceTime: Date.parse('2026-01-01T00:00:02Z') }, gets: 'b\nc\n' },
  times: { wanted: { timestamps: true, tailLines: 1 }, gets: '2026-01-01T00:00:03.000Z c\n' },
}

test.each(Object.entries(asked))('as it is asked for: %s', (_name, { wanted, gets }) => {
  expect(selectLog(ringOf('a\n', 'b\n', 'c\n').lines(), wanted).toString()).toBe(gets)
})
