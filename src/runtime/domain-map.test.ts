// Tests Envoy's order of virtual host domains.
import { expect, test } from 'vitest'
import { DomainMap } from './domain-map.ts'

const all = ['a.example.com', '*.example.com', '*.b.example.com', '*-x.example.com', 'www.*', 'www.example.*', '*']

const cases: Record<string, { domains: string[]; name: string; finds: string | undefined }> = {
  'exact beats every wildcard': { domains: all, name: 'a.example.com', finds: 'a.example.com' },
  'a wildcard covers any depth': { domains: all, name: 'x.y.example.com', finds: '*.example.com' },
  'the longest suffix wins': { domains: all, name: 'x.b.example.com', finds: '*.b.example.com' },
  'a suffix that begins inside a label wins when it is longer': { domains: all, name: 'foo-x.example.com', finds: '*-x.example.com' },
  'a suffix that begins inside a label loses when it is shorter': {
    domains: ['*m', '*.example.com'],
    name: 'a.example.com',
    finds: '*.example.com',
  },
  'a wildcard does not cover the apex': { domains: ['*.example.com'], name: 'example.com', finds: undefined },
  'a wildcard stands for at least one character': { domains: ['*.example.com'], name: '.example.com', finds: undefined },
  'suffixes come before prefixes': { domains: all, name: 'www.example.com', finds: '*.example.com' },
  'the longest prefix wins': { domains: all, name: 'www.example.org', finds: 'www.example.*' },
  'a shorter prefix': { domains: all, name: 'www.other.org', finds: 'www.*' },
  'everything else': { domains: all, name: 'other.org', finds: '*' },
  'nothing at all': { domains: ['a.com'], name: 'b.com', finds: undefined },
  'the case of a domain is ignored': { domains: ['A.Example.COM'], name: 'a.example.com', finds: 'A.Example.COM' },
  'a trailing dot is a name of its own': { domains: ['a.com'], name: 'a.com.', finds: undefined },
  'and found where it is listed': { domains: ['a.com', 'a.com.'], name: 'a.com.', finds: 'a.com.' },
  'an address is a domain like any other': { domains: ['203.0.113.1'], name: '203.0.113.1', finds: '203.0.113.1' },
  'a range is one that no host has': { domains: ['203.0.113.0/24'], name: '203.0.113.1', finds: undefined },
  'no name finds only the catch-all': { domains: all, name: '', finds: '*' },
  'the first to claim a domain keeps it': { domains: ['a.com', 'A.com'], name: 'a.com', finds: 'a.com' },
}

test.each(Object.entries(cases))('%s', (_name, { domains, name, finds }) => {
  const map = new DomainMap<string>()
  for (const domain of domains) map.add(domain, domain)
  expect(map.get(name)).toBe(finds)
})

test('a claim that comes second is told so', () => {
  const map = new DomainMap<number>()
  const domains = ['a.com', '*.a.com', '*-a.com', 'a.*', '*']
  expect(domains.map((domain) => map.add(domain, 1))).toEqual(domains.map(() => true))
  expect(domains.map((domain) => map.add(domain, 2))).toEqual(domains.map(() => false))
})

test('an exact look-up takes no wildcard', () => {
  const map = new DomainMap<number>()
  map.add('*.a.com', 1)
  map.add('b.com', 2)
  expect([map.getExact('x.a.com'), map.getExact('b.com')]).toEqual([undefined, 2])
})
