// Tests that filter chains are chosen in Envoy's order, step by step, with what survives each step.
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { FirstBytes } from '../flow/index.ts'
import { FilterChainMatchSchema } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { ChainMatcher } from './filter-chain-match.ts'
import { at, http1, type Init, otherBytes, ranges, silent, tls } from './snapshot-builder.test-kit.ts'

type Match = Init<typeof FilterChainMatchSchema>

const http: Match = { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] }

interface Case {
  readonly chains: Readonly<Record<string, Match>>
  readonly to?: string
  readonly first?: FirstBytes
  readonly takes: string | undefined
}

const cases: Record<string, Case> = {
  'a chain without a match takes everything': { chains: { all: {} }, takes: 'all' },
  'no chain takes nothing': { chains: {}, takes: undefined },
  'the destination port comes first': {
    chains: { port: { destinationPort: 443 }, named: { serverNames: ['a.com'] } },
    first: tls('a.com'),
    takes: 'port',
  },
  'a port with chains of its own does not fall back to the others': {
    chains: { port: { destinationPort: 443, serverNames: ['b.com'] }, all: {} },
    first: tls('a.com'),
    takes: undefined,
  },
  'the longest prefix wins': {
    chains: { wide: { prefixRanges: ranges('10.0.0.0/8') }, narrow: { prefixRanges: ranges('10.1.0.0/16') } },
    to: '10.1.2.3:443',
    takes: 'narrow',
  },
  'no prefix is the same as any': {
    chains: { narrow: { prefixRanges: ranges('10.0.0.0/8') }, all: {} },
    to: '11.0.0.1:443',
    takes: 'all',
  },
  'no prefix covers IPv6 too': {
    chains: { narrow: { prefixRanges: ranges('10.0.0.0/8') }, all: {} },
    to: '[2001:db8::1]:443',
    takes: 'all',
  },
  'a prefix of one family leaves the other': {
    chains: { v4: { prefixRanges: ranges('0.0.0.0/0') } },
    to: '[2001:db8::1]:443',
    takes: undefined,
  },
  'an SNI under the shorter prefix is lost at the longer one (known of Envoy)': {
    chains: {
      wide: { prefixRanges: ranges('10.0.0.0/8'), serverNames: ['a.com'] },
      narrow: { prefixRanges: ranges('10.1.0.0/16'), serverNames: ['b.com'] },
    },
    to: '10.1.2.3:443',
    first: tls('a.com'),
    takes: undefined,
  },
  'an exact server name beats a wildcard': {
    chains: { wild: { serverNames: ['*.example.com'] }, exact: { serverNames: ['a.example.com'] } },
    first: tls('a.example.com'),
    takes: 'exact',
  },
  'the longest wildcard wins': {
    chains: { short: { serverNames: ['*.com'] }, long: { serverNames: ['*.example.com'] } },
    first: tls('x.y.example.com'),
    takes: 'long',
  },
  'a wildcard does not take the apex': {
    chains: { wild: { serverNames: ['*.example.com'] } },
    first: tls('example.com'),
    takes: undefined,
  },
  'the literal wildcard as SNI matches the wildcard': {
    chains: { wild: { serverNames: ['*.example.com'] } },
    first: tls('*.example.com'),
    takes: 'wild',
  },
  'the case of an SNI is ignored': { chains: { exact: { serverNames: ['a.com'] } }, first: tls('A.Com'), takes: 'exact' },
  'a trailing dot of an SNI is not': { chains: { exact: { serverNames: ['a.com'] } }, first: tls('a.com.'), takes: undefined },
  'a lone star is no server name': { chains: { star: { serverNames: ['*'] } }, first: tls('a.com'), takes: undefined },
  'TLS without a name takes the chain without names': {
    chains: { named: { serverNames: ['a.com'] }, rest: {} },
    first: tls(),
    takes: 'rest',
  },
  'an unknown name takes the chain without names': {
    chains: { named: { serverNames: ['a.com'] }, rest: {} },
    first: tls('b.com'),
    takes: 'rest',
  },
  'HTTP is told by the application protocol': { chains: { http, rest: {} }, first: http1('a.com'), takes: 'http' },
  'the preface of HTTP/2 is h2c': { chains: { http, rest: {} }, first: { protocol: 'http2' }, takes: 'http' },
  // raw_buffer is found first, and in it no chain has no application protocol: there is no way back to the chain without.
  'other bytes do not come back to a chain without transport protocol': { chains: { http, rest: {} }, first: otherBytes, takes: undefined },
  'nor does a client that says nothing': { chains: { http, rest: {} }, first: silent, takes: undefined },
  'TLS does': { chains: { http, rest: {} }, first: tls('a.com'), takes: 'rest' },
  'ALPN is told by the application protocol': {
    chains: { h2: { applicationProtocols: ['h2'] }, rest: {} },
    first: tls('a.com', ['h2', 'http/1.1']),
    takes: 'h2',
  },
  'ALPN in the order of the client': {
    chains: { h2: { applicationProtocols: ['h2'] }, h1: { applicationProtocols: ['http/1.1'] } },
    first: tls('a.com', ['http/1.1', 'h2']),
    takes: 'h1',
  },
  'the server name decides before the transport protocol': {
    chains: { named: { serverNames: ['a.com'], transportProtocol: 'raw_buffer' }, rest: { transportProtocol: 'tls' } },
    first: tls('a.com'),
    takes: undefined,
  },
}

test.each(Object.entries(cases))('%s', (_name, { chains, to = '203.0.113.1:443', first, takes }) => {
  const matcher = new ChainMatcher<string>()
  for (const [name, match] of Object.entries(chains)) matcher.add(create(FilterChainMatchSchema, match), name)
  expect(matcher.groupFor(at(to))?.choose(first)).toBe(takes)
})

test('the first bytes are needed only where a chain of the group looks at them', () => {
  const matcher = new ChainMatcher<string>()
  matcher.add(create(FilterChainMatchSchema, { prefixRanges: ranges('10.0.0.0/8') }), 'tcp')
  expect(matcher.needsFirstBytes).toBe(false)
  matcher.add(create(FilterChainMatchSchema, { serverNames: ['a.com'] }), 'named')
  expect(matcher.needsFirstBytes).toBe(true)
  expect(matcher.groupFor(at('10.0.0.1:443'))?.needsFirstBytes).toBe(false)
  expect(matcher.groupFor(at('11.0.0.1:443'))?.needsFirstBytes).toBe(true)
})

test('the first of two chains with one match keeps it, and the second is told', () => {
  const matcher = new ChainMatcher<string>()
  const match = create(FilterChainMatchSchema, { serverNames: ['a.com'] })
  expect(matcher.add(match, 'first')).toBeUndefined()
  expect(matcher.add(match, 'second')).toContain('same match')
  expect(matcher.groupFor(at('1.1.1.1:443'))?.choose(tls('a.com'))).toBe('first')
})

test('a range that cannot be read covers nothing', () => {
  const matcher = new ChainMatcher<string>()
  const match = create(FilterChainMatchSchema, { prefixRanges: [{ addressPrefix: '10.0.0', prefixLen: 8 }] })
  expect(matcher.add(match, 'broken')).toContain('10.0.0/8')
  expect(matcher.groupFor(at('10.0.0.1:443'))?.choose(undefined)).toBeUndefined()
})
