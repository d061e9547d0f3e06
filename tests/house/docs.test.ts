// Holds that the reference pages are what the tables give, and that a code stands in one table and means one thing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findingCodes } from '../../src/analysis/index.ts'
import { issueCodes } from '../../src/api/issue-codes.ts'
import { errorCodes } from '../../src/base/index.ts'
import { translationCodes } from '../../src/translate/index.ts'
import { referencePages } from '../../tools/reference.ts'
import { isTest, lineOf, readTexts, root } from './sources.ts'

test.each(Object.entries(referencePages()))('docs/reference/%s is current: if not, run `node tools/gen-docs.mjs`', (name, text) => {
  expect(readFileSync(join(root, 'docs', 'reference', name), 'utf8')).toBe(text)
})

const tables = { errorCodes, issueCodes, findingCodes, translationCodes }
const ourCodes = Object.values(tables)
  .flatMap((table) => Object.keys(table))
  .filter((code) => code.startsWith('SLP'))

test('no code stands in two tables', () => {
  expect(ourCodes.filter((code, index) => ourCodes.indexOf(code) !== index)).toEqual([])
})

test('every code in the sources is in a table', () => {
  const unknown = readTexts('src')
    .filter(({ path }) => !isTest(path))
    .flatMap((file) =>
      Array.from(file.text.matchAll(/SLP\d{4}/g), (match) => ({ code: match[0], place: `${file.path}:${lineOf(file, match.index)}` })),
    )
    .filter(({ code }) => !ourCodes.includes(code))
  expect(unknown).toEqual([])
})
