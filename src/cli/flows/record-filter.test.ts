// Holds what each filter lets through, how filters combine, and that a filter which could never match is refused.
import { describe, expect, test } from 'vitest'
import type { FlowRecord } from '../../flow/index.ts'
import { globMatches } from './glob.ts'
import { compileFilter, type FilterName, readSince } from './record-filter.ts'
import { recordOf, refusedPackets, tlsRecord } from './record.test-kit.ts'

type Typed = readonly [name: FilterName | `not ${FilterName}`, value: string]

function matches(record: FlowRecord, ...typed: readonly Typed[]): boolean {
  const terms = typed.map(([name, value]) => ({ name: nameOf(name), value, isNegated: name.startsWith('not ') }))
  return compileFilter(terms)(record)
}

function nameOf(text: Typed[0]): FilterName {
  return text.replace('not ', '') as FilterName
}

const denied = recordOf({ verdict: 'deny', reason: { code: 'not-declared', text: '' }, path: 'none', status: 403 })

const cases: Record<string, { record: FlowRecord; typed: readonly Typed[]; is: boolean }> = {
  'no filter lets all through': { record: denied, typed: [], is: true },
  'a verdict': { record: denied, typed: [['verdict', 'deny']], is: true },
  'a verdict in capitals': { record: denied, typed: [['verdict', 'DENY']], is: true },
  'the other verdict': { record: denied, typed: [['verdict', 'allow']], is: false },
  'two values of one filter are alternatives': {
    record: denied,
    typed: [
      ['verdict', 'allow'],
      ['verdict', 'deny'],
    ],
    is: true,
  },
  'two filters both count': {
    record: denied,
    typed: [
      ['verdict', 'deny'],
      ['port', '443'],
    ],
    is: false,
  },
  'a negated filter': { record: denied, typed: [['not verdict', 'deny']], is: false },
  'a negated filter beside one of its name': {
    record: recordOf(),
    typed: [
      ['to-fqdn', '*.example.com'],
      ['not to-fqdn', 'api.*'],
    ],
    is: false,
  },
  'two negated filters both count': {
    record: recordOf(),
    typed: [
      ['not port', '80'],
      ['not port', '443'],
    ],
    is: false,
  },
  'a workload': { record: recordOf(), typed: [['from-workload', 'shop/cart']], is: true },
  'a workload of any namespace': { record: recordOf(), typed: [['from-workload', 'cart']], is: true },
  'all workloads of a namespace': { record: recordOf(), typed: [['from-workload', 'shop/*']], is: true },
  'a workload of another namespace': { record: recordOf(), typed: [['from-workload', 'other/*']], is: false },
  'a host': { record: recordOf(), typed: [['to-fqdn', 'API.example.com.']], is: true },
  'a wildcard does not cover its own apex': { record: recordOf({ host: 'example.com' }), typed: [['to-fqdn', '*.example.com']], is: false },
  'the host of TLS is its server name': { record: tlsRecord, typed: [['to-fqdn', 'api.example.com']], is: true },
  'the host of packets is their address': { record: refusedPackets, typed: [['to-fqdn', '192.0.2.*']], is: true },
  'a port': { record: tlsRecord, typed: [['port', '443']], is: true },
  'a port is compared whole': { record: tlsRecord, typed: [['port', '44']], is: false },
  'a port of an IPv6 address': { record: recordOf({ destination: '[2001:db8::1]:8080' }), typed: [['port', '8080']], is: true },
  'a server name': { record: tlsRecord, typed: [['sni', '*.example.com']], is: true },
  'a server name of a flow that has none': { record: recordOf(), typed: [['sni', '*']], is: false },
  'a status': { record: denied, typed: [['http-status', '403']], is: true },
  'a class of status': { record: denied, typed: [['http-status', '4xx']], is: true },
  'a status of what is no request': { record: tlsRecord, typed: [['http-status', '2xx']], is: false },
  'a reason': { record: denied, typed: [['reason', 'not-declared']], is: true },
  'reasons by pattern': { record: denied, typed: [['reason', 'no*']], is: true },
  'a policy': { record: recordOf(), typed: [['policy', 'serviceentry/egress/api']], is: true },
  'a policy of any kind': { record: recordOf(), typed: [['policy', 'egress/api']], is: true },
  'all policies of a kind': { record: recordOf(), typed: [['policy', 'ServiceEntry/*/*']], is: true },
  'a policy of a flow that none decided': { record: refusedPackets, typed: [['policy', '*']], is: false },
  'a way': { record: recordOf(), typed: [['path', 'gateway']], is: false },
}

test.each(Object.entries(cases))('%s', (_name, { record, typed, is }) => {
  expect(matches(record, ...typed)).toBe(is)
})

const wrong: Record<string, Typed> = {
  'a verdict that does not exist': ['verdict', 'dropped'],
  'a port that is none': ['port', '70000'],
  'a port by name': ['port', 'https'],
  'a status that is none': ['http-status', '4x'],
  'a reason that no version has': ['reason', 'not-decalred'],
  'a policy of four parts': ['policy', 'a/b/c/d'],
  'a way that does not exist': ['path', 'indirect'],
}

test.each(Object.entries(wrong))('%s is refused, with what would be right', (_name, typed) => {
  expect(() => matches(recordOf(), typed)).toThrow(expect.objectContaining({ code: 'SLP0002', exitCode: 2, fix: expect.any(String) }))
})

describe('--since', () => {
  const now = Date.UTC(2026, 0, 2, 12)
  const times: Record<string, number> = {
    '5m': now - 300_000,
    '1h30m': now - 5_400_000,
    '2d': now - 172_800_000,
    '2026-01-01T00:00:00Z': Date.UTC(2026, 0, 1),
  }
  test.each(Object.entries(times))('%s', (text, ms) => {
    expect(readSince(text, now)).toBe(ms)
  })
  test.each(['', '5', 'yesterday', '-5m', '1d12h'])('%j is refused', (text) => {
    expect(() => readSince(text, now)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})

describe('a pattern', () => {
  const patterns: Record<string, readonly [pattern: string, text: string, is: boolean]> = {
    'without signs is the text itself': ['abc', 'abc', true],
    'is compared whole': ['abc', 'abcd', false],
    'with a star in the middle': ['a*c', 'abbbc', true],
    'whose star stands for nothing': ['a*c', 'ac', true],
    'with two stars has to find both parts': ['*b*d', 'abcd', true],
    'with a star that must not take too much': ['*.com', 'a.com.com', true],
    'with a question mark wants one character': ['a?c', 'ac', false],
    'that is empty matches nothing but nothing': ['', 'a', false],
    'does not know dots as anything special': ['a.c', 'abc', false],
  }
  test.each(Object.entries(patterns))('%s', (_name, [pattern, text, is]) => {
    expect(globMatches(pattern, text)).toBe(is)
  })

  test('that would ruin a backtracking matcher is done at once', () => {
    expect(globMatches(`${'*a'.repeat(200)}*b`, 'a'.repeat(5000))).toBe(false)
  })
})
