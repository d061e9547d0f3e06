// Compiles what a route matches on into one test of a request; what cannot be tested matches everything, for a route that refuses.
import type { HeaderMatcher, RouteMatch } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { compileRegex, compileStringMatcher, compileTextTest, type TextTest } from './string-match.ts'

/** The parts of a request that routes look at. */
export interface RequestParts {
  readonly method: string
  readonly authority: string
  /** Without query and fragment. */
  readonly path: string
}

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
  const problem = path.problem ?? headers.find((header) => header.problem !== undefined)?.problem ?? unknownCriterion(match)
  const tests = [...(path.test ? [testPath(path.test)] : []), ...headers.flatMap((header) => (header.test ? [header.test] : []))]
  return { matches: every(tests), ...(problem !== undefined && { problem }) }
}

type RequestTest = (request: RequestParts) => boolean

/** Without a test, every request matches. */
interface Part<Test> {
  readonly test?: Test
  readonly problem?: string
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

/** A request's facts hold method and authority only; the presence and value of other headers are not known. */
function compileHeader(header: HeaderMatcher): Part<RequestTest> {
  const name = header.name.toLowerCase()
  const value = valueOf(name)
  if (!value) return { problem: `matching on the header "${header.name}" is not carried out` }
  const test = compileHeaderValue(header)
  if ('problem' in test) return { problem: `header "${header.name}": ${test.problem}` }
  return { test: (request) => test.test(value(request)) !== header.invertMatch }
}

function valueOf(name: string): ((request: RequestParts) => string) | undefined {
  if (name === ':method') return (request) => request.method
  // In Envoy the Host header is the pseudo header :authority.
  if (name === ':authority' || name === 'host') return (request) => request.authority
  return undefined
}

/** The two headers above are always present. */
function compileHeaderValue({ headerMatchSpecifier }: HeaderMatcher): { test: TextTest } | { problem: string } {
  switch (headerMatchSpecifier.case) {
    case undefined:
      return { test: () => true }
    case 'presentMatch': {
      const isWanted = headerMatchSpecifier.value
      return { test: () => isWanted }
    }
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
      return { problem: `the matcher "${headerMatchSpecifier.case}" is not carried out` }
  }
}

function unknownCriterion(match: RouteMatch | undefined): string | undefined {
  if (!match) return undefined
  if (match.queryParameters.length > 0) return 'matching on query parameters is not carried out'
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
