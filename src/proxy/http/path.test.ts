// Holds how paths are normalised in each of the mesh's modes; rows marked (recorded) were seen on real Istio.
import { describe, expect, it } from 'vitest'
import { normalizePath } from './path.ts'

describe('normalizePath', () => {
  const cases: Record<string, { target: string; none?: string; base: string | undefined; merge?: string; decode?: string }> = {
    'an ordinary path with query': { target: '/a/b?c=/../d', base: '/a/b?c=/../d' },
    'dot segments (recorded)': { target: '/x/../a/./b', none: '/x/../a/./b', base: '/a/b' },
    'dot segments beyond the root': { target: '/../../a', none: '/../../a', base: '/a' },
    'a trailing ..': { target: '/a/b/..', none: '/a/b/..', base: '/a/' },
    'a trailing .': { target: '/a/.', none: '/a/.', base: '/a/' },
    'dots that are no segment': { target: '/a/..b/.c', base: '/a/..b/.c' },
    'encoded letters (recorded)': { target: '/%61/b', none: '/%61/b', base: '/a/b' },
    'encoded dots': { target: '/a/%2e%2E/secret', none: '/a/%2e%2E/secret', base: '/secret' },
    backslashes: { target: '/a\\..\\b', none: '/a\\..\\b', base: '/b' },
    'doubled slashes (recorded)': { target: '//a//b', none: '//a//b', base: '//a//b', merge: '/a/b', decode: '/a/b' },
    'dots and doubled slashes (recorded)': { target: '/x/..//a/b', none: '/x/..//a/b', base: '//a/b', merge: '/a/b', decode: '/a/b' },
    'encoded slashes (recorded)': { target: '/a%2fb', base: '/a%2fb', decode: '/a/b' },
    'encoded backslashes (recorded)': { target: '/a%5Cb', base: '/a%5Cb', decode: '/a/b' },
    'encoded slashes that hide dots': { target: '/a%2f..%2fb', base: '/a%2f..%2fb', decode: '/b' },
    'an escape that is none': { target: '/a%zz%2', base: '/a%zz%2' },
    'a broken escape that a decoded letter would complete': { target: '/a/%2%45%2%45/b', none: '/a/%2%45%2%45/b', base: undefined },
    'a broken escape that a decoded digit would complete': { target: '/a/%%32e%%32e/b', none: '/a/%%32e%%32e/b', base: undefined },
    'an encoded NUL': { target: '/a%00b', none: '/a%00b', base: undefined },
    'a fragment (recorded)': { target: '/a#b?c', none: '/a', base: '/a' },
    'a fragment after the query': { target: '/a?b#c', none: '/a?b', base: '/a?b' },
  }
  for (const [name, { target, none = target, base, merge = base, decode = merge }] of Object.entries(cases)) {
    it(name, () => {
      expect(normalizePath(target, 'none')).toBe(none)
      expect(normalizePath(target, 'base')).toBe(base)
      expect(normalizePath(target, 'merge-slashes')).toBe(merge)
      expect(normalizePath(target, 'decode-and-merge-slashes')).toBe(decode)
    })
  }
})
