// Holds what counts as a host name, which pattern covers which name, and how an authority is split.
import { describe, expect, test } from 'vitest'
import { HostMap, hostCovers, hostMatches, hostsOverlap, isWildcard, parseHostname, parseHostPattern, splitAuthority } from './index.ts'

const label63 = 'a'.repeat(63)
const name253 = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`

describe('host names that are taken', () => {
  const cases: Record<string, { text: string; name: string }> = {
    'an ordinary name': { text: 'example.com', name: 'example.com' },
    'one label is enough': { text: 'localhost', name: 'localhost' },
    'upper case is lowered (RFC 4343)': { text: 'EXAMPLE.Com', name: 'example.com' },
    'one trailing dot is dropped (RFC 1034 §3.1)': { text: 'example.com.', name: 'example.com' },
    'a label may begin with a digit (RFC 1123 §2.1)': { text: '3com.example', name: '3com.example' },
    'a label may be all digits unless it is the last': { text: '1.2.3.example', name: '1.2.3.example' },
    'A-labels (RFC 5890 §2.3.2.1)': { text: 'xn--bcher-kva.example', name: 'xn--bcher-kva.example' },
    'a label of 63 characters (RFC 1035 §2.3.4)': { text: `${label63}.example`, name: `${label63}.example` },
    'a name of 253 characters': { text: name253, name: name253 },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, name }) => {
    expect(parseHostname(text)).toBe(name)
    expect(parseHostPattern(text)).toBe(name)
  })
})

describe('host names that are refused', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'only a dot': '.',
    'two trailing dots': 'example.com..',
    'an empty label': 'a..b',
    'a leading dot': '.example.com',
    'a hyphen at the beginning of a label': '-a.example',
    'a hyphen at the end of a label': 'a-.example',
    'an underscore': 'a_b.example',
    'a label of 64 characters': `${'a'.repeat(64)}.example`,
    'a name of 254 characters': `${name253}a`,
    'a space': 'a b.example',
    'a line end': 'example.com\n',
    'a NUL byte': 'example.com\0.evil.example',
    'a letter outside ASCII': 'bücher.example',
    'a full-width letter': 'ｅxample.com',
    'the Kelvin sign, which lower-cases to k': '\u212Aeycloak.example',
    'a dotless full stop': 'example。com',
    'a port': 'example.com:80',
    'user info': 'user@example.com',
    'a path': 'example.com/',
    'an IPv4 address': '1.2.3.4',
    'a number (inet_aton reads it as an address)': '2130706433',
    'a short IPv4 form': '127.1',
    'a last label of digits only (RFC 3696 §2)': 'example.123',
    'hexadecimal, which inet_aton reads as an address': '0x7f000001',
    'a last label in hexadecimal': 'a.0x7f',
    'a last label of 0x only, which WHATWG reads as zero': 'a.0x',
    'an IPv6 address': '::1',
    'a wildcard': '*.',
  }
  test.each(Object.entries(cases))('%s', (_name, text) => {
    expect(parseHostname(text)).toBeUndefined()
  })
})

describe('patterns', () => {
  const cases: Record<string, { text: string; pattern: string | undefined }> = {
    'a wildcard for everything': { text: '*', pattern: '*' },
    'a wildcard for a domain': { text: '*.Example.com', pattern: '*.example.com' },
    'a wildcard for a top-level domain': { text: '*.com', pattern: '*.com' },
    'no partial wildcard': { text: '*foo.com', pattern: undefined },
    'no wildcard of a part of a label': { text: 'a*.example.com', pattern: undefined },
    'no wildcard in the middle': { text: 'a.*.com', pattern: undefined },
    'no two wildcards': { text: '*.*.com', pattern: undefined },
    'no bare wildcard label': { text: '*.', pattern: undefined },
    'no wildcard over addresses': { text: '*.2.3.4', pattern: undefined },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, pattern }) => {
    expect(parseHostPattern(text)).toBe(pattern)
  })

  test('a pattern is a wildcard when it begins with an asterisk', () => {
    expect(['*', '*.example.com', 'example.com'].map(isWildcard)).toEqual([true, true, false])
  })
})

describe('matching (as Istio does)', () => {
  const cases: Record<string, { pattern: string; name: string; matches: boolean }> = {
    'the same name': { pattern: 'example.com', name: 'example.com', matches: true },
    'another name': { pattern: 'example.com', name: 'example.org', matches: false },
    'no name below an exact one': { pattern: 'example.com', name: 'www.example.com', matches: false },
    'a wildcard, one level down': { pattern: '*.example.com', name: 'www.example.com', matches: true },
    'a wildcard, at any depth': { pattern: '*.example.com', name: 'a.b.example.com', matches: true },
    'a wildcard does not match its apex': { pattern: '*.example.com', name: 'example.com', matches: false },
    'a wildcard ends at a label': { pattern: '*.example.com', name: 'evilexample.com', matches: false },
    'an empty label is no name': { pattern: '*.example.com', name: '.example.com', matches: false },
    everything: { pattern: '*', name: 'localhost', matches: true },
    'everything but nothing': { pattern: '*', name: '', matches: false },
    'a wildcard as a name meets no exact pattern': { pattern: 'www.example.com', name: '*.example.com', matches: false },
    'a name with an underscore below a wildcard': { pattern: '*.example.com', name: 'my_bucket.example.com', matches: true },
  }
  test.each(Object.entries(cases))('%s', (_name, { pattern, name, matches }) => {
    const host = parseHostPattern(pattern)!
    expect(hostMatches(host, name)).toBe(matches)
    expect(new HostMap<string>().set(host, pattern).get(name)).toBe(matches ? pattern : undefined)
  })
})

describe('covering (SubsetOf) and overlap (Matches)', () => {
  const cases: Record<string, { wider: string; narrower: string; covers: boolean; overlaps: boolean }> = {
    'a name covers itself': { wider: 'a.com', narrower: 'a.com', covers: true, overlaps: true },
    'a wildcard covers itself': { wider: '*.a.com', narrower: '*.a.com', covers: true, overlaps: true },
    'everything covers everything': { wider: '*', narrower: '*', covers: true, overlaps: true },
    'everything covers a wildcard': { wider: '*', narrower: '*.a.com', covers: true, overlaps: true },
    'a wildcard covers a name': { wider: '*.a.com', narrower: 'x.a.com', covers: true, overlaps: true },
    'a wildcard covers a longer wildcard': { wider: '*.a.com', narrower: '*.x.a.com', covers: true, overlaps: true },
    'a name covers no wildcard, but they overlap': { wider: 'x.a.com', narrower: '*.a.com', covers: false, overlaps: true },
    'a longer wildcard does not cover a shorter one': { wider: '*.x.a.com', narrower: '*.a.com', covers: false, overlaps: true },
    'a wildcard does not cover its apex': { wider: '*.a.com', narrower: 'a.com', covers: false, overlaps: false },
    strangers: { wider: '*.a.com', narrower: '*.b.com', covers: false, overlaps: false },
    'one that ends in the same letters': { wider: '*.a.com', narrower: 'ba.com', covers: false, overlaps: false },
  }
  test.each(Object.entries(cases))('%s', (_name, { wider, narrower, covers, overlaps }) => {
    const [left, right] = [parseHostPattern(wider)!, parseHostPattern(narrower)!]
    expect(hostCovers(left, right)).toBe(covers)
    expect(hostsOverlap(left, right)).toBe(overlaps)
    expect(hostsOverlap(right, left)).toBe(overlaps)
  })
})

describe('the map', () => {
  const patterns = ['example.com', '*.example.com', '*.a.example.com', 'x.a.example.com', '*']
  const map = new HostMap<string>()
  for (const text of patterns) map.set(parseHostPattern(text)!, text)

  const cases: Record<string, { name: string; found: string }> = {
    'the exact name first': { name: 'x.a.example.com', found: 'x.a.example.com' },
    'then the longest wildcard': { name: 'y.a.example.com', found: '*.a.example.com' },
    'a wildcard does not take its apex, but a shorter one does': { name: 'a.example.com', found: '*.example.com' },
    'the exact apex': { name: 'example.com', found: 'example.com' },
    'at last everything': { name: 'example.org', found: '*' },
    'a hostile leading dot reaches only what its name ends in': { name: '.a.example.com', found: '*.example.com' },
    'a trailing dot is another name': { name: 'example.com.', found: '*' },
  }
  test.each(Object.entries(cases))('%s', (_name, { name, found }) => {
    expect(map.get(name)).toBe(found)
  })

  test('lists, counts, deletes and finds by the very pattern', () => {
    const copy = new HostMap<string>()
    for (const [pattern, value] of map.entries()) copy.set(pattern, value)
    expect([...copy.entries()].map(([pattern]) => pattern).sort()).toEqual([...patterns].sort())
    expect(copy.size).toBe(5)
    expect(copy.getPattern(parseHostPattern('*.example.com')!)).toBe('*.example.com')
    expect(copy.getPattern(parseHostPattern('www.example.com')!)).toBeUndefined()
    expect(copy.delete(parseHostPattern('*')!)).toBe(true)
    expect(copy.delete(parseHostPattern('*')!)).toBe(false)
    expect(copy.get('example.org')).toBeUndefined()
  })
})

describe('authorities that are taken', () => {
  const cases: Record<string, { text: string; host: string; port?: number }> = {
    'a name': { text: 'Example.COM', host: 'example.com' },
    'a name and a port': { text: 'example.com:8080', host: 'example.com', port: 8080 },
    'a trailing dot is kept': { text: 'example.com.:80', host: 'example.com.', port: 80 },
    'an IPv4 address': { text: '1.2.3.4:80', host: '1.2.3.4', port: 80 },
    'an IPv6 address': { text: '[::1]', host: '::1' },
    'an IPv6 address and a port': { text: '[2001:DB8::1]:443', host: '2001:db8::1', port: 443 },
    'a mapped address': { text: '[::ffff:1.2.3.4]:80', host: '1.2.3.4', port: 80 },
    'an underscore': { text: 'my_bucket.example.com', host: 'my_bucket.example.com' },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, host, port }) => {
    expect(splitAuthority(text)).toEqual(port === undefined ? { host } : { host, port })
  })
})

describe('authorities that are refused', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'user info (RFC 9110 §4.2.4)': 'user@example.com',
    'user info with a password': 'allowed.example:80@evil.example',
    'an empty port': 'example.com:',
    'port zero': 'example.com:0',
    'a port over the range': 'example.com:65536',
    'a port with a leading zero': 'example.com:080',
    'a port that is no number': 'example.com:http',
    'two ports': 'example.com:80:80',
    'only a port': ':80',
    'IPv6 without brackets': '::1',
    'an open bracket': '[::1',
    'text after the bracket': '[::1]example.com',
    'IPv4 in brackets': '[1.2.3.4]',
    'a zone': '[fe80::1%25eth0]',
    'empty brackets': '[]',
    'a path': 'example.com/path',
    'a backslash, which WHATWG reads as a slash': 'evil.example\\.allowed.example',
    'a fragment': 'evil.example#.allowed.example',
    'a query': 'evil.example?.allowed.example',
    'a percent sign': 'ex%61mple.com',
    'a space': 'example.com evil.example',
    'a tab': 'example.com\t',
    'two names': 'a.example,b.example',
    'a wildcard': '*.example.com',
    'an empty label': 'a..example',
    'only a dot': '.',
    'a letter outside ASCII': 'bücher.example',
    'the Kelvin sign': '\u212A.example',
    'a very long name': `${'a.'.repeat(200)}example`,
  }
  test.each(Object.entries(cases))('%s', (_name, text) => {
    expect(splitAuthority(text)).toBeUndefined()
  })
})
