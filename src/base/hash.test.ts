// Holds the hashes to published values, because versions and placements must not change between releases.
import { expect, test } from 'vitest'
import { contentHash, fail, fnv1a32, ok } from './index.ts'

test('a content hash is the beginning of SHA-256, for text and bytes alike', () => {
  // FIPS 180-2 §B.1: SHA-256("abc") = ba7816bf 8f01cfea 414140de …
  expect(contentHash('abc')).toBe(Buffer.from('ba7816bf8f01cfea414140de', 'hex').toString('base64url'))
  expect(contentHash(Buffer.from('abc'))).toBe(contentHash('abc'))
  expect(contentHash('abd')).not.toBe(contentHash('abc'))
})

// The vectors of the FNV reference code.
const cases: Record<string, number> = { '': 0x811c9dc5, a: 0xe40c292c, foobar: 0xbf9cf968 }
test.each(Object.entries(cases))('FNV-1a of %j', (text, hash) => {
  expect(fnv1a32(text)).toBe(hash)
})

test('a result is told apart by ok', () => {
  expect(ok(1)).toEqual({ ok: true, value: 1 })
  expect(fail('no')).toEqual({ ok: false, error: 'no' })
})
