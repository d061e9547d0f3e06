// Compiles what a route matches on into one test of a request; what cannot be tested matches everything, for a route that refuses.
import type { HeaderMatcher, RouteMatch } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { compileQueryParameter } from './query-match.ts'
import type { Part, RequestParts, RequestTest } from './request-test.ts'
import { compileRegex, compileStringMatcher, compileTextTest, type TextTest } from './string-match.ts'

export interface CompiledMatch {
  readonly matches: (request: RequestParts) => boolean
  /**
   * What of the match cannot be carried out. Then `matches` is true for every request that the route might have been for, so
   * the route has to refuse: passing the request on to a later route would widen that one.
   */
  readonly problem?: string
}

export function compileRouteMatch(match: RouteMatch | undefined): CompiledMatch {
  const path = compilePath(match)
  const headers = (match?.headers ?? []).map(compileHeader)
  const query = (match?.queryParameters ?? []).map(compileQueryParameter)
  const criteria = [...headers, ...query]
  const problem = path.problem ?? criteria.find((one) => one.problem !== undefined)?.problem ?? unknownCriterion(match)
  const tests = [...(path.test ? [testPath(path.test)] : []), ...criteria.flatMap((one) => (one.test ? [one.test] : []))]
  return { matches: every(tests), ...(problem !== undefined && { problem }) }
}

function compilePath(match: RouteMatch | undefined): Part<TextTest> {
  const isCaseSensitive = match?.caseSensitive ?? true
  const specifier = match?.pathSpecifier
  switch (specifier?.case) {
    case 'prefix':
      return { test: compileTextTest('prefix', specifier.value, isCaseSensitive) }
    case 'path':
      return { test: compileTextTest('exact', specifier.value, isCaseSensitive) }
    case 'pathSeparatedPrefix':
      return { test: testSeparated(specifier.value, isCaseSensitive) }
    case 'safeRegex':
      return specifier.value.regex === '.*' ? {} : compileRegex(specifier.value.regex)
    case 'connectMatcher':
      // Only CONNECT would match, and CONNECT is answered before routes are looked at.
      return { test: () => false }
    default:
      return { problem: `the path matcher "${specifier?.case ?? 'none'}" is not carried out` }
  }
}

/** `/a` matches `/a` and `/a/b`, not `/ab`. */
function testSeparated(prefix: string, isCaseSensitive: boolean): TextTest {
  const isSame = compileTextTest('exact', prefix, isCaseSensitive)
  const isBelow = compileTextTest('prefix', `${prefix}/`, isCaseSensitive)
  return (path) => isSame(path) || isBelow(path)
}

/**
 * A header that is repeated matches if any one of its lines does (observed on Envoy 1.40). One that is missing matches nothing, inverted
 * or not, unless it counts as empty; only its presence can be asked about.
 */
function compileHeader(header: HeaderMatcher): Part<RequestTest> {
  const name = header.name.toLowerCase()
  const { invertMatch, treatMissingHeaderAsEmpty, headerMatchSpecifier: specifier } = header
  const value = valueOf(name)
  if (specifier.case === 'presentMatch' || specifier.case === undefined) {
    const isWanted = (specifier.case === undefined || specifier.value) !== invertMatch
    if (value) return { test: () => isWanted }
    return { test: (request) => request.headers(name).length > 0 === isWanted }
  }
  const compiled = compileHeaderValue(header)
  if ('problem' in compiled) return { problem: `header "${header.name}": ${compiled.problem}` }
  const { test } = compiled
  if (value) return { test: (request) => test(value(request)) !== invertMatch }
  const ofMissing = treatMissingHeaderAsEmpty && test('') !== invertMatch
  return {
    test: (request) => {
      const lines = request.headers(name)
      return lines.length === 0 ? ofMissing : lines.some(test) !== invertMatch
    },
  }
}

/** Headers that every request has, once. */
function valueOf(name: string): ((request: RequestParts) => string) | undefined {
  switch (name) {
    case ':method':
      return (request) => request.method
    // In Envoy the Host header is the pseudo header :authority.
    case ':authority':
    case 'host':
      return (request) => request.authority
    case ':scheme':
      return (request) => request.scheme
    case ':path':
      return (request) => request.target
    default:
      return undefined
  }
}

function compileHeaderValue({ headerMatchSpecifier }: HeaderMatcher): { test: TextTest } | { problem: string } {
  switch (headerMatchSpecifier.case) {
    case 'exactMatch':
      return { test: compileTextTest('exact', headerMatchSpecifier.value, true) }
    case 'prefixMatch':
      return { test: compileTextTest('prefix', headerMatchSpecifier.value, true) }
    case 'suffixMatch':
      return { test: compileTextTest('suffix', headerMatchSpecifier.value, true) }
    case 'containsMatch':
      return { test: compileTextTest('contains', headerMatchSpecifier.value, true) }
    case 'safeRegexMatch':
      return compileRegex(headerMatchSpecifier.value.regex)
    case 'stringMatch':
      return compileStringMatcher(headerMatchSpecifier.value)
    default:
      return { problem: `the matcher "${headerMatchSpecifier.case ?? 'none'}" is not carried out` }
  }
}

function unknownCriterion(match: RouteMatch | undefined): string | undefined {
  if (!match) return undefined
  if (match.runtimeFraction) return 'matching a fraction of the requests is not carried out'
  if (match.grpc) return 'matching gRPC requests only is not carried out'
  if (match.tlsContext) return "matching on the peer's certificate is not carried out"
  if (match.dynamicMetadata.length > 0 || match.filterState.length > 0) return 'matching on what filters have found out is not carried out'
  return undefined
}

function testPath(test: TextTest): RequestTest {
  return (request) => test(request.path)
}

function every(tests: readonly RequestTest[]): RequestTest {
  const [first, second] = tests
  if (!first) return () => true
  if (!second) return first
  return (request) => tests.every((test) => test(request))
}
