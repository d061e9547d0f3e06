// Turns the conditions of an HTTP rule into Envoy's route match, in the order in which Istio writes them.
import type { HttpMatchRequest, StringMatch } from '../api/index.ts'
import { compareText } from '../registry/index.ts'
import { create } from '../xds/index.ts'
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RegexMatcherSchema } from '../xds/gen/envoy/type/matcher/v3/regex_pb.js'

export function catchAll(): RouteMatch {
  return allPaths
}

/** One for all routes: tens of thousands say so. */
const allPaths = create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } })

export function routeMatch(match: HttpMatchRequest): RouteMatch {
  // A claim is no header: without it the match is wider, and the route refuses.
  const ofHeaders = (headers: HttpMatchRequest['headers'] = {}) => Object.entries(headers).filter(([name]) => !isClaim(name))
  const named = [
    ...ofHeaders(match.headers).map(([name, one]) => headerMatcher(name, one, false)),
    ...ofHeaders(match.withoutHeaders).map(([name, one]) => headerMatcher(name, one, true)),
  ]
  named.sort((a, b) => compareText(a.name, b.name))
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.uri),
    caseSensitive: match.ignoreUriCase !== true,
    headers: [
      ...named,
      ...pseudoHeader(':method', match.method),
      ...pseudoHeader(':authority', match.authority),
      ...pseudoHeader(':scheme', match.scheme),
    ],
    queryParameters: Object.entries(match.queryParams ?? {}).map(([name, one]) => queryMatcher(name, one)),
  })
}

/** A condition on a claim of a token, which only a checked token could answer. */
export function claimOf({ headers = {}, withoutHeaders = {} }: HttpMatchRequest): string | undefined {
  if (Object.keys(headers).some(isClaim)) return 'headers'
  return Object.keys(withoutHeaders).some(isClaim) ? 'withoutHeaders' : undefined
}

function isClaim(name: string): boolean {
  return name.startsWith('@request.auth.claims')
}

function pathSpecifier(uri: StringMatch | undefined): RouteMatch['pathSpecifier'] {
  if (uri?.exact !== undefined) return { case: 'path', value: uri.exact }
  if (uri?.regex !== undefined) return { case: 'safeRegex', value: create(RegexMatcherSchema, { regex: uri.regex }) }
  return { case: 'prefix', value: uri?.prefix === undefined || uri.prefix === '' ? '/' : uri.prefix }
}

function pseudoHeader(name: string, match: StringMatch | undefined): HeaderMatcher[] {
  return match === undefined ? [] : [headerMatcher(name, match, false)]
}

/** One that must not be so is satisfied by a header that is missing (observed); for presence that goes without saying. */
function headerMatcher(name: string, match: StringMatch, isInverted: boolean): HeaderMatcher {
  const invert = isInverted ? { invertMatch: true } : {}
  if (isPresence(match)) {
    return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'presentMatch', value: true }, ...invert })
  }
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: stringPattern(match) } },
    ...invert,
    ...(isInverted && { treatMissingHeaderAsEmpty: true }),
  })
}

function queryMatcher(name: string, match: StringMatch): QueryParameterMatcher {
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier: isPresence(match)
      ? { case: 'presentMatch', value: true }
      : { case: 'stringMatch', value: { matchPattern: stringPattern(match) } },
  })
}

/** Nothing, or the star that is no expression, asks only whether it is there. */
function isPresence({ exact, prefix, regex }: StringMatch): boolean {
  return regex === '*' || (exact === undefined && prefix === undefined && regex === undefined)
}

export function stringPattern(match: StringMatch) {
  if (match.exact !== undefined) return { case: 'exact' as const, value: match.exact }
  if (match.regex !== undefined) return { case: 'safeRegex' as const, value: { regex: match.regex } }
  return { case: 'prefix' as const, value: match.prefix ?? '' }
}
