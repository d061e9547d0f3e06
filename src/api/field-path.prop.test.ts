// Holds that a field path is read back as it was written, whatever the names in it.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fieldAt, formatFieldPath, isWithin, parseFieldPath } from './index.ts'

test('paths are written as people write them', () => {
  expect(formatFieldPath(['spec', 'http', 0, 'match', 12, 'sourceLabels', 'istio.io/rev'])).toBe(
    'spec.http[0].match[12].sourceLabels["istio.io/rev"]',
  )
  expect(fieldAt('', 'kind')).toBe('kind')
  expect(parseFieldPath('spec.hosts[0]')).toEqual(['spec', 'hosts', 0])
  expect(parseFieldPath('')).toEqual([])
})

test('what was written is read back', () => {
  const segment = fc.oneof(fc.string({ minLength: 1 }), fc.nat(1000), fc.constantFrom('a.b', 'a"b', '[0]', '__proto__', 'a\\b', ' '))
  // The first segment of a path is a name.
  const path = fc.tuple(fc.constantFrom('spec', 'metadata', 'x-y'), fc.array(segment, { maxLength: 5 }))
  fc.assert(
    fc.property(path, ([first, rest]) => {
      expect(parseFieldPath(formatFieldPath([first, ...rest]))).toEqual([first, ...rest])
    }),
  )
})

test('nonsense is read without an error', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseFieldPath(text))))
})

const within: Record<string, readonly [path: string, ancestor: string, answer: boolean]> = {
  'a field is within itself': ['spec.a', 'spec.a', true],
  'a field is within what holds it': ['spec.a[0].b', 'spec.a', true],
  'a field is within the document': ['spec', '', true],
  'a longer name is another field': ['spec.ab', 'spec.a', false],
  'a sibling is not': ['spec.b', 'spec.a', false],
}

test.each(Object.entries(within))('%s', (_title, [path, ancestor, answer]) => expect(isWithin(path, ancestor)).toBe(answer))
