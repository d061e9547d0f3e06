// Tests route matching as Envoy does it: on the path without query, textual prefixes, whole-text regular expressions.
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type HeaderMatcherSchema, RouteMatchSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { RequestParts } from './request-test.ts'
import { compileRouteMatch } from './route-match.ts'
import type { Init } from './snapshot-builder.test-kit.ts'

type Match = Init<typeof RouteMatchSchema>

const prefix = (value: string) => ({ case: 'prefix', value }) as const
const regex = (value: string) => ({ case: 'safeRegex', value: { regex: value } }) as const
const header = (name: string, value: string, invertMatch = false) =>
  ({ name, headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } }, invertMatch }) as const

const cases: Record<string, { match: Match; request?: Partial<RequestParts>; matches: boolean }> = {
  'a prefix': { match: { pathSpecifier: prefix('/a') }, request: { path: '/a/b' }, matches: true },
  'a prefix is textual': { match: { pathSpecifier: prefix('/a') }, request: { path: '/abc' }, matches: true },
  'another prefix': { match: { pathSpecifier: prefix('/a') }, request: { path: '/b' }, matches: false },
  'a prefix in another case': { match: { pathSpecifier: prefix('/A') }, request: { path: '/a' }, matches: false },
  'a prefix in any case': { match: { pathSpecifier: prefix('/A'), caseSensitive: false }, request: { path: '/abc' }, matches: true },
  'a whole path': { match: { pathSpecifier: { case: 'path', value: '/a' } }, request: { path: '/a' }, matches: true },
  'a longer path': { match: { pathSpecifier: { case: 'path', value: '/a' } }, request: { path: '/a/' }, matches: false },
  'a separated prefix itself': {
    match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/a' } },
    request: { path: '/a' },
    matches: true,
  },
  'below a separated prefix': {
    match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/a' } },
    request: { path: '/a/b' },
    matches: true,
  },
  'beside a separated prefix': {
    match: { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/a' } },
    request: { path: '/ab' },
    matches: false,
  },
  'a regular expression matches the whole path': { match: { pathSpecifier: regex('/a[0-9]+') }, request: { path: '/a12' }, matches: true },
  'and not a part of it': { match: { pathSpecifier: regex('/a[0-9]+') }, request: { path: '/a12/b' }, matches: false },
  'its literal beginning may be quantified': { match: { pathSpecifier: regex('/ab?c') }, request: { path: '/ac' }, matches: true },
  'its literal beginning may repeat': { match: { pathSpecifier: regex('/a*b') }, request: { path: '/b' }, matches: true },
  'an alternative has no literal beginning': { match: { pathSpecifier: regex('/a|/b') }, request: { path: '/b' }, matches: true },
  anything: { match: { pathSpecifier: regex('.*') }, request: { path: '/b' }, matches: true },
  'a method': { match: { pathSpecifier: prefix('/'), headers: [header(':method', 'POST')] }, request: { method: 'POST' }, matches: true },
  'another method': {
    match: { pathSpecifier: prefix('/'), headers: [header(':method', 'POST')] },
    request: { method: 'GET' },
    matches: false,
  },
  'not a method': {
    match: { pathSpecifier: prefix('/'), headers: [header(':method', 'POST', true)] },
    request: { method: 'GET' },
    matches: true,
  },
  'an authority, as sent': {
    match: { pathSpecifier: prefix('/'), headers: [header(':authority', 'a.test:80')] },
    request: { authority: 'a.test:80' },
    matches: true,
  },
  'the Host header is the authority': {
    match: { pathSpecifier: prefix('/'), headers: [header('Host', 'a.test')] },
    request: { authority: 'a.test' },
    matches: true,
  },
  'a header that is always there': {
    match: { pathSpecifier: prefix('/'), headers: [{ name: ':method', headerMatchSpecifier: { case: 'presentMatch', value: true } }] },
    matches: true,
  },
  'and that is never missing': {
    match: { pathSpecifier: prefix('/'), headers: [{ name: ':method', headerMatchSpecifier: { case: 'presentMatch', value: false } }] },
    matches: false,
  },
  'path and headers are ANDed': {
    match: { pathSpecifier: prefix('/a'), headers: [header(':method', 'POST')] },
    request: { path: '/b', method: 'POST' },
    matches: false,
  },
  'CONNECT is nobody’s': { match: { pathSpecifier: { case: 'connectMatcher', value: {} } }, matches: false },
}

const parts = (request: Partial<RequestParts> = {}): RequestParts => ({
  method: 'GET',
  authority: 'a.test',
  path: '/',
  target: '/',
  scheme: 'http',
  headers: () => [],
  ...request,
})

test.each(Object.entries(cases))('%s', (_name, { match, request, matches }) => {
  const compiled = compileRouteMatch(create(RouteMatchSchema, match))
  expect([compiled.problem, compiled.matches(parts(request))]).toEqual([undefined, matches])
})

type HeaderInit = Init<typeof HeaderMatcherSchema>
type HeaderSpecifier = NonNullable<HeaderInit['headerMatchSpecifier']>

const lines =
  (all: Readonly<Record<string, readonly string[]>>) =>
  (name: string): readonly string[] =>
    all[name] ?? []

const exactly = (value: string) => ({ case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } }) as const
const isPresent: HeaderSpecifier = { case: 'presentMatch', value: true }

const ofHeaders: Record<string, { header: HeaderInit; has: Readonly<Record<string, readonly string[]>>; matches: boolean }> = {
  'a value': { header: { name: 'X-A', headerMatchSpecifier: exactly('1') }, has: { 'x-a': ['1'] }, matches: true },
  'values have their case': { header: { name: 'x-a', headerMatchSpecifier: exactly('a') }, has: { 'x-a': ['A'] }, matches: false },
  'any line of several': { header: { name: 'x-a', headerMatchSpecifier: exactly('2') }, has: { 'x-a': ['1', '2'] }, matches: true },
  'not what stands in one line with others': {
    header: { name: 'x-a', headerMatchSpecifier: exactly('2') },
    has: { 'x-a': ['1,2'] },
    matches: false,
  },
  'missing, no value': { header: { name: 'x-a', headerMatchSpecifier: exactly('') }, has: {}, matches: false },
  'missing, inverted: Envoy says no': {
    header: { name: 'x-a', headerMatchSpecifier: exactly('1'), invertMatch: true },
    has: {},
    matches: false,
  },
  'missing as empty, inverted': {
    header: { name: 'x-a', headerMatchSpecifier: exactly('1'), invertMatch: true, treatMissingHeaderAsEmpty: true },
    has: {},
    matches: true,
  },
  'inverted, one of the lines': {
    header: { name: 'x-a', headerMatchSpecifier: exactly('1'), invertMatch: true, treatMissingHeaderAsEmpty: true },
    has: { 'x-a': ['2', '1'] },
    matches: false,
  },
  'presence of an empty one': { header: { name: 'x-a', headerMatchSpecifier: isPresent }, has: { 'x-a': [''] }, matches: true },
  'presence of none': { header: { name: 'x-a', headerMatchSpecifier: isPresent }, has: {}, matches: false },
  absence: { header: { name: 'x-a', headerMatchSpecifier: isPresent, invertMatch: true }, has: {}, matches: true },
  'the scheme': { header: { name: ':scheme', headerMatchSpecifier: exactly('http') }, has: {}, matches: true },
  'the path with its query': { header: { name: ':path', headerMatchSpecifier: exactly('/p?q=1') }, has: {}, matches: true },
}

describe('headers', () => {
  test.each(Object.entries(ofHeaders))('%s', (_name, { header: init, has, matches }) => {
    const compiled = compileRouteMatch(create(RouteMatchSchema, { pathSpecifier: prefix('/'), headers: [init] }))
    const asked = parts({ path: '/p', target: '/p?q=1', headers: lines(has) })
    expect([compiled.problem, compiled.matches(asked)]).toEqual([undefined, matches])
  })
})

const ofQueries: Record<string, { name: string; is?: string; target: string; matches: boolean }> = {
  'a value': { name: 'q', is: '1', target: '/p?a=2&q=1', matches: true },
  'of several the first': { name: 'q', is: '2', target: '/p?q=1&q=2', matches: false },
  'nothing is decoded': { name: 'q', is: 'a b', target: '/p?q=a%20b', matches: false },
  'a name without a value is empty': { name: 'q', is: '', target: '/p?q', matches: true },
  'a name that begins like it': { name: 'q', is: '1', target: '/p?qq=1', matches: false },
  'an equals sign in the value': { name: 'q', is: 'a=b', target: '/p?q=a=b', matches: true },
  'no query': { name: 'q', is: '1', target: '/p', matches: false },
  presence: { name: 'q', target: '/p?q=', matches: true },
  'presence of none': { name: 'q', target: '/p?r=1', matches: false },
}

describe('query parameters', () => {
  test.each(Object.entries(ofQueries))('%s', (_name, { name, is, target, matches }) => {
    const specifier = is === undefined ? ({ case: 'presentMatch', value: true } as const) : exactly(is)
    const match = create(RouteMatchSchema, {
      pathSpecifier: prefix('/'),
      queryParameters: [{ name, queryParameterMatchSpecifier: specifier }],
    })
    const compiled = compileRouteMatch(match)
    expect([compiled.problem, compiled.matches(parts({ path: '/p', target }))]).toEqual([undefined, matches])
  })
})

const unknown: Record<string, { match: Match; request?: Partial<RequestParts>; matches: boolean }> = {
  'a fraction': { match: { pathSpecifier: prefix('/'), runtimeFraction: {} }, matches: true },
  'gRPC only': { match: { pathSpecifier: prefix('/'), grpc: {} }, matches: true },
  'what filters found': { match: { pathSpecifier: prefix('/'), dynamicMetadata: [{}] }, matches: true },
  'no path at all': { match: {}, matches: true },
  'a path matcher of another kind': { match: { pathSpecifier: { case: 'pathMatchPolicy', value: { name: 'x' } } }, matches: true },
  'an expression that does not compile': { match: { pathSpecifier: regex('/a(') }, request: { path: '/b' }, matches: true },
  'look-ahead, which RE2 does not have': { match: { pathSpecifier: regex('(?=a)') }, request: { path: '/b' }, matches: true },
  'a range on a header, beside a path that does not match': {
    match: { pathSpecifier: prefix('/a'), headers: [{ name: 'x-n', headerMatchSpecifier: { case: 'rangeMatch', value: {} } }] },
    request: { path: '/b' },
    matches: false,
  },
  'a range on a method': {
    match: { pathSpecifier: prefix('/'), headers: [{ name: ':method', headerMatchSpecifier: { case: 'rangeMatch', value: {} } }] },
    matches: true,
  },
}

test.each(Object.entries(unknown))('has a problem: %s', (_name, { match, request, matches }) => {
  const compiled = compileRouteMatch(create(RouteMatchSchema, match))
  expect(compiled.problem).toBeTypeOf('string')
  expect(compiled.matches(parts(request))).toBe(matches)
})
