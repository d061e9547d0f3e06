// Holds what of a request leads it to the same endpoint each time.
import { describe, expect, it } from 'vitest'
import type { HashRule } from '../../runtime/index.ts'
import { hashKeyOf } from './hash-key.ts'

const headers = new Map([
  ['x-user', ['b', 'a']],
  ['cookie', ['one=1; c = "two"', 'c=three']],
])

const cases: Record<string, { readonly rule: HashRule; readonly key: string | undefined; readonly path?: string }> = {
  'a header, in whatever order its lines are': { rule: { by: 'header', name: 'x-user' }, key: 'a,b' },
  'a header that is not there': { rule: { by: 'header', name: 'x-other' }, key: undefined },
  'the first cookie of the name': { rule: { by: 'cookie', name: 'c' }, key: '"two"' },
  'a cookie whose name only begins alike': { rule: { by: 'cookie', name: 'on' }, key: undefined },
  'a parameter, as it is written': { rule: { by: 'query', name: 'q' }, path: '/a?p=1&q=%41&q=2', key: '%41' },
  'a parameter without a value': { rule: { by: 'query', name: 'q' }, path: '/a?q', key: '' },
  'no query at all': { rule: { by: 'query', name: 'q' }, path: '/q=1', key: undefined },
  'the address of the client': { rule: { by: 'source', name: '' }, key: '10.0.0.1' },
}

describe('what leads to the same endpoint', () => {
  for (const [name, { rule, key, path = '/' }] of Object.entries(cases)) {
    it(name, () => expect(hashKeyOf(rule, { path, headers, source: '10.0.0.1' })).toBe(key))
  }
})
