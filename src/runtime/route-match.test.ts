// Tests route matching as Envoy does it: on the path without query, textual prefixes, whole-text regular expressions.
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { RouteMatchSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { compileRouteMatch, type RequestParts } from './route-match.ts'
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

const parts = (request: Partial<RequestParts> = {}): RequestParts => ({ method: 'GET', authority: 'a.test', path: '/', ...request })

test.each(Object.entries(cases))('%s', (_name, { match, request, matches }) => {
  const compiled = compileRouteMatch(create(RouteMatchSchema, match))
  expect([compiled.problem, compiled.matches(parts(request))]).toEqual([undefined, matches])
})

const unknown: Record<string, { match: Match; request?: Partial<RequestParts>; matches: boolean }> = {
  'a header that is not known of requests: whatever the path takes': {
    match: { pathSpecifier: prefix('/a'), headers: [header('x-user', 'me')] },
    request: { path: '/a' },
    matches: true,
  },
  'and nothing beside the path': {
    match: { pathSpecifier: prefix('/a'), headers: [header('x-user', 'me')] },
    request: { path: '/b' },
    matches: false,
  },
  'nor beside another condition': {
    match: { pathSpecifier: prefix('/'), headers: [header('x-user', 'me'), header(':method', 'POST')] },
    matches: false,
  },
  'query parameters': { match: { pathSpecifier: prefix('/'), queryParameters: [{ name: 'q' }] }, matches: true },
  'a fraction': { match: { pathSpecifier: prefix('/'), runtimeFraction: {} }, matches: true },
  'gRPC only': { match: { pathSpecifier: prefix('/'), grpc: {} }, matches: true },
  'what filters found': { match: { pathSpecifier: prefix('/'), dynamicMetadata: [{}] }, matches: true },
  'no path at all': { match: {}, matches: true },
  'a path matcher of another kind': { match: { pathSpecifier: { case: 'pathMatchPolicy', value: { name: 'x' } } }, matches: true },
  'an expression that does not compile': { match: { pathSpecifier: regex('/a(') }, request: { path: '/b' }, matches: true },
  'look-ahead, which RE2 does not have': { match: { pathSpecifier: regex('(?=a)') }, request: { path: '/b' }, matches: true },
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
