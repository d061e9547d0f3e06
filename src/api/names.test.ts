// Holds Istio's rules for names, addresses, durations and labels, row by row.
import { describe, expect, test } from 'vitest'
import {
  domainProblem,
  durationProblem,
  gatewayDomainProblem,
  isDnsLabel,
  isHttpFamily,
  isTcpFamily,
  isTlsFamily,
  labelProblem,
  partialWildcardProblem,
  protocolOf,
  selectorProblems,
  subnetProblem,
  unixAddressProblem,
  wildcardDomainProblem,
} from './index.ts'

type Rule = (text: string) => string | undefined

const rules: Record<string, { readonly rule: Rule; readonly good: readonly string[]; readonly bad: readonly string[] }> = {
  'domain names': {
    rule: domainProblem,
    good: ['a', 'a.b', 'A.B', 'a-b.c', 'a.b.', '1.a', 'x'.repeat(63)],
    bad: ['', '*.a', 'a_b', '-a', 'a-', 'a..b', 'a.1', '203.0.113.5', 'x'.repeat(64), 'a b', `${'x.'.repeat(127)}xx`],
  },
  'domain names with a wildcard in front': {
    rule: wildcardDomainProblem,
    good: ['*', '*.a', '*-x.a', '*x.a', 'a.b', '5'],
    bad: ['', 'a.*', 'a*.b', '**.a', '*.', 'a:80', '203.0.113.5'].filter((name) => name !== '*.'),
  },
  'names that gateways of two clusters use': {
    rule: (name) => gatewayDomainProblem(name, true),
    good: ['outbound_.80_._.a.b', '*.a'],
    bad: ['outbound_.x'],
  },
  'wildcards that are only part of a label': { rule: partialWildcardProblem, good: ['*', '*.a', 'a'], bad: ['*a', 'a.*'] },
  'addresses and ranges': {
    rule: subnetProblem,
    good: ['203.0.113.5', '203.0.113.5/28', '0.0.0.0/0', '2001:db8::/32', '::1'],
    bad: ['', 'a', '203.0.113.0/33', '203.0.113', '1.2.3.4/a', '1.2.3.4/8/8'],
  },
  sockets: { rule: unixAddressProblem, good: ['/a', '@a'], bad: ['', 'a', '/a/'] },
  durations: { rule: durationProblem, good: ['1ms', '1.5s', '1m30s', '1h'], bad: ['0s', '0.5ms', '1.5ms', '999us'] },
}

describe('Istio accepts and refuses', () => {
  for (const [name, { rule, good, bad }] of Object.entries(rules)) {
    test.each(good)(`${name}: %j is in order`, (text) => expect(rule(text)).toBeUndefined())
    test.each(bad)(`${name}: %j is not`, (text) => expect(rule(text)).toEqual(expect.any(String)))
  }
})

test('a label of DNS is told from what is none', () => {
  expect(['a', 'A1', 'a-b'].every(isDnsLabel)).toBe(true)
  expect(['', '-a', 'a-', 'a.b', 'a_b', 'x'.repeat(64)].some(isDnsLabel)).toBe(false)
})

const families: Record<string, string> = {
  HTTP: 'http',
  http2: 'http',
  'GRPC-Web': 'http',
  HTTP_PROXY: 'http',
  HTTPS: 'tls tcp',
  TLS: 'tls tcp',
  tcp: 'tcp',
  Mongo: 'tcp',
  REDIS: 'tcp',
  MySQL: 'tcp',
  UDP: '',
  SMTP: 'unknown',
  '': 'unknown',
}

test.each(Object.entries(families))('protocol %j is of family %j', (text, expected) => {
  const protocol = protocolOf(text)
  const family = [isHttpFamily(protocol) && 'http', isTlsFamily(protocol) && 'tls', isTcpFamily(protocol) && 'tcp']
    .filter(Boolean)
    .join(' ')
  expect(protocol === undefined ? 'unknown' : family).toBe(expected)
})

const labels: Record<string, { readonly name: string; readonly value: string; readonly sound: boolean }> = {
  'a plain label': { name: 'app', value: 'x', sound: true },
  'a label with a domain': { name: 'istio.io/rev', value: 'a.b_c-d', sound: true },
  'a label without a value': { name: 'a', value: '', sound: true },
  'a label without a name': { name: '', value: 'x', sound: false },
  'a label with a space': { name: 'a', value: 'b c', sound: false },
  'a label with too long a value': { name: 'a', value: 'x'.repeat(64), sound: false },
  'a label with two slashes': { name: 'a/b/c', value: '', sound: false },
}

test.each(Object.entries(labels))('%s', (_title, { name, value, sound }) => expect(labelProblem(name, value) === undefined).toBe(sound))

test('selectors compare whole values', () => {
  expect(selectorProblems({ a: 'b' })).toEqual([])
  expect(selectorProblems({ '': 'b', 'c*': 'd' })).toEqual([
    'empty key is not supported in selector: "=b"',
    'wildcard is not supported in selector: "c*=d"',
  ])
})
