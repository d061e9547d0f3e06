// Holds what may stand in a Host header, strictly and as laxly as Envoy, and what an absolute URI says.
import { describe, expect, it } from 'vitest'
import { isAuthority, parseAbsoluteTarget, sameAuthority } from './authority.ts'

describe('isAuthority', () => {
  const cases: Record<string, { strict: boolean; lax?: boolean }> = {
    'a.example': { strict: true },
    'A.Example': { strict: true },
    'a.example.': { strict: true },
    'under_score.example': { strict: true },
    'a.example:80': { strict: true },
    'a.example:': { strict: true },
    '192.0.2.1': { strict: true },
    '[2001:db8::1]': { strict: true },
    '[2001:db8::1]:8080': { strict: true },
    'a.example:http': { strict: false, lax: true },
    'a.example:99999': { strict: false, lax: true },
    '': { strict: false },
    ':80': { strict: false },
    'a.example:80:81': { strict: false },
    'a@b.example': { strict: false },
    'a.example/b': { strict: false },
    'a.example,b.example': { strict: false },
    'a example': { strict: false },
    '*.example': { strict: false },
    'a%2eexample': { strict: false },
    '[::1': { strict: false },
    '::1': { strict: false },
    '10.0.0.0/8': { strict: false },
  }
  for (const [text, { strict, lax = strict }] of Object.entries(cases)) {
    it(`${JSON.stringify(text)} is ${strict ? 'one' : lax ? 'one only to Envoy' : 'none'}`, () => {
      expect(isAuthority(text, true)).toBe(strict)
      expect(isAuthority(text, false)).toBe(lax)
    })
  }
})

describe('parseAbsoluteTarget', () => {
  const cases: Record<string, { authority: string; path: string; scheme: string } | undefined> = {
    'http://a.example': { authority: 'a.example', path: '/', scheme: 'http' },
    'http://a.example/b?c': { authority: 'a.example', path: '/b?c', scheme: 'http' },
    'HTTPS://a.example:81?c': { authority: 'a.example:81', path: '/?c', scheme: 'https' },
    'http://me:secret@a.example/': { authority: 'a.example', path: '/', scheme: 'http' },
    'http://b.example@a.example/': { authority: 'a.example', path: '/', scheme: 'http' },
    'http://a.example#b': { authority: 'a.example', path: '/#b', scheme: 'http' },
    'ftp://a.example/': undefined,
    'http:/a.example/': undefined,
    'http://a.example\\@b.example/': undefined,
    '/http://a.example/': undefined,
  }
  for (const [target, expected] of Object.entries(cases)) {
    it(target, () => {
      expect(parseAbsoluteTarget(target)).toEqual(expected)
    })
  }
})

describe('sameAuthority', () => {
  it('ignores case and the default port, and nothing else', () => {
    expect(sameAuthority('A.example:80', 'a.EXAMPLE')).toBe(true)
    expect(sameAuthority('a.example:81', 'a.example')).toBe(false)
    expect(sameAuthority('a.example.', 'a.example')).toBe(false)
  })
})
