// Holds the algebra of host names, against a plain search through all patterns.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { covers, HostIndex, overlaps } from './host-index.ts'

const cases: Record<string, readonly [wide: string, narrow: string, covered: boolean]> = {
  'a name covers itself': ['a.test', 'a.test', true],
  'a name covers no other': ['a.test', 'b.test', false],
  'a wildcard covers a name below it': ['*.test', 'a.test', true],
  'a wildcard covers any depth': ['*.test', 'a.b.c.test', true],
  'a wildcard does not cover its apex': ['*.a.test', 'a.test', false],
  'a wildcard does not cover a name that merely ends alike': ['*.a.test', 'xa.test', false],
  'a star covers everything': ['*', 'a.test', true],
  'a wildcard covers a narrower wildcard': ['*.test', '*.a.test', true],
  'a narrower wildcard does not cover a wider one': ['*.a.test', '*.test', false],
  'a name does not cover a wildcard': ['a.test', '*.test', false],
  'a wildcard without a dot covers what ends alike': ['*foo.com', 'xfoo.com', true],
}

test.each(Object.entries(cases))('%s', (_, [wide, narrow, covered]) => {
  expect(covers(wide, narrow)).toBe(covered)
})

const label = fc.constantFrom('a', 'b', 'c')
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const pattern = fc.oneof(
  host,
  host.map((one) => `*.${one}`),
  host.map((one) => `*${one}`),
  fc.constant('*'),
)

describe('an index', () => {
  test('answers with the longest pattern that covers, exact before wildcard', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), pattern, (patterns, asked) => {
        const index = new HostIndex<string>()
        for (const one of patterns) index.add(one, one)
        const best = patterns
          .filter((one) => one === asked || (one.startsWith('*') && covers(one, asked)))
          .sort((a, b) => Number(b === asked) - Number(a === asked) || b.length - a.length)[0]
        expect(index.mostSpecific(asked)).toEqual(best === undefined ? [] : [best])
      }),
    )
  })

  test('finds everything that shares a name', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), pattern, (patterns, asked) => {
        const index = new HostIndex<string>()
        for (const one of patterns) index.add(one, one)
        expect(index.overlapping(asked).sort()).toEqual(patterns.filter((one) => overlaps(one, asked)).sort())
      }),
    )
  })

  test('keeps the values of a pattern in their order', () => {
    const index = new HostIndex<number>()
    for (const value of [3, 1, 2]) index.add('*.test', value)
    expect(index.mostSpecific('a.test')).toEqual([3, 1, 2])
  })
})
