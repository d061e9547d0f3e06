// Compiles one route into what becomes of a request that it matches; an action that is not carried out in full becomes a refusal.
import type { OriginRef, ReasonCode } from '../flow/index.ts'
import type {
  DirectResponseAction,
  Route,
  RouteAction,
  VirtualHost,
  WeightedCluster,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RouteAction_ClusterNotFoundResponseCode } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { type ClusterChoice, singleCluster, weightedClusters } from './cluster-choice.ts'
import { changesHeaders, hasKeys } from './header-change.ts'
import type { Leg } from './leg.ts'
import { milliseconds } from './milliseconds.ts'
import { declaredBy } from './reasons.ts'
import { compileRouteMatch, type RequestParts } from './route-match.ts'

/** What a refusing route answers besides its reason. */
export interface RouteRefusal extends Refusal {
  readonly status?: number
  readonly details?: string
}

export interface CompiledRoute {
  readonly name: string
  readonly ref?: OriginRef
  readonly matches: (request: RequestParts) => boolean
  readonly action: RouteRefusal | Leg
}

/** Envoy's default for a route without a timeout (RouteAction.timeout). */
const defaultTimeout = 15_000

export function compileRoute(route: Route, host: VirtualHost): { route: CompiledRoute; problem?: string } {
  const { ref, refusal: said } = readAnnotations(route.metadata)
  const by = ref ?? readAnnotations(host.metadata).ref
  const match = compileRouteMatch(route.match)
  const name = route.name === '' ? host.name : route.name
  const base = { name, matches: match.matches, ...(ref && { ref }) }
  if (said) return { route: { ...base, action: refuse(said, route) } }
  const problem = match.problem ?? problemOfRoute(route)
  if (problem !== undefined) return { route: { ...base, action: notSupported(problem) }, problem }
  const compiled = compileAction(route, name, by)
  if ('problem' in compiled) return { route: { ...base, action: notSupported(compiled.problem) }, problem: compiled.problem }
  return { route: { ...base, action: compiled.action } }
}

export function isRefusal(action: RouteRefusal | Leg): action is RouteRefusal {
  return 'code' in action
}

/** The refusal that metadata says, with the status of the direct response that stands there for Envoy. */
function refuse(refusal: Refusal, { action }: Route): RouteRefusal {
  if (action.case !== 'directResponse') return refusal
  return { ...refusal, status: action.value.status, details: 'direct_response' }
}

function problemOfRoute(route: Route): string | undefined {
  if (hasKeys(route.typedPerFilterConfig)) return `the filter "${Object.keys(route.typedPerFilterConfig).join('", "')}" is not carried out`
  if (changesHeaders(route)) return 'adding or removing headers is not carried out'
  return undefined
}

function compileAction(route: Route, name: string, by: OriginRef | undefined): { action: RouteRefusal | Leg } | { problem: string } {
  const { action } = route
  switch (action.case) {
    case 'route':
      return compileForward(action.value, name, by)
    case 'directResponse':
      return compileDirectResponse(action.value, name)
    case 'redirect':
      return { problem: 'redirecting is not carried out' }
    default:
      return { problem: `the route action "${action.case ?? 'none'}" is not carried out` }
  }
}

function compileForward(action: RouteAction, name: string, by: OriginRef | undefined): { action: Leg } | { problem: string } {
  const problem = problemOfForward(action)
  if (problem !== undefined) return { problem }
  const choice = compileChoice(action)
  if ('problem' in choice) return choice
  const { idleTimeout, timeout, maxStreamDuration } = action
  const request = timeout ? milliseconds(timeout) : defaultTimeout
  const longest = maxStreamDuration?.maxStreamDuration ? milliseconds(maxStreamDuration.maxStreamDuration) : 0
  return {
    action: {
      choice,
      route: name,
      request: longest > 0 && (request === 0 || longest < request) ? longest : request,
      notFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode),
      ...(idleTimeout && { idle: milliseconds(idleTimeout) }),
      ...(by && { ref: by, reason: declaredBy(by) }),
    },
  }
}

function compileChoice(action: RouteAction): ClusterChoice | { problem: string } {
  const { clusterSpecifier } = action
  switch (clusterSpecifier.case) {
    case 'cluster':
      return singleCluster(clusterSpecifier.value)
    case 'weightedClusters':
      return compileWeights(clusterSpecifier.value)
    default:
      return { problem: `choosing the cluster by "${clusterSpecifier.case ?? 'nothing'}" is not carried out` }
  }
}

function compileWeights({ clusters }: WeightedCluster): ClusterChoice | { problem: string } {
  for (const entry of clusters) {
    if (entry.clusterHeader !== '') return { problem: 'choosing the cluster by a header is not carried out' }
    if (entry.metadataMatch) return { problem: 'choosing endpoints by metadata is not carried out' }
    if (changesHeaders(entry)) return { problem: 'adding or removing headers for one weighted destination is not carried out' }
    if (entry.hostRewriteSpecifier.case) return { problem: 'rewriting the authority is not carried out' }
    if (hasKeys(entry.typedPerFilterConfig)) return { problem: 'per-filter configuration of one weighted destination is not carried out' }
  }
  const choice = weightedClusters(clusters.map(({ name, weight }) => ({ name, weight: weight ?? 0 })))
  return choice ?? { problem: 'no weighted destination has a weight' }
}

function problemOfForward(action: RouteAction): string | undefined {
  if (action.prefixRewrite !== '' || action.pathRewrite !== '' || action.regexRewrite || action.pathRewritePolicy) {
    return 'rewriting the path is not carried out'
  }
  const { hostRewriteSpecifier: host } = action
  if (host.case !== undefined && !(host.case === 'autoHostRewrite' && !host.value.value))
    return 'rewriting the authority is not carried out'
  if (action.metadataMatch) return 'choosing endpoints by metadata is not carried out'
  if (action.requestMirrorPolicies.length > 0) return 'mirroring is not carried out'
  if (action.rateLimits.length > 0) return 'rate limits are not carried out'
  if (action.cors) return 'CORS is not carried out'
  return undefined
}

/** Envoy's RouteAction.ClusterNotFoundResponseCode. */
function notFoundStatus(code: RouteAction_ClusterNotFoundResponseCode): number {
  switch (code) {
    case RouteAction_ClusterNotFoundResponseCode.NOT_FOUND:
      return 404
    case RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR:
      return 500
    default:
      return 503
  }
}

/** Istio's catch-all under REGISTRY_ONLY has this route name; another control plane's has no metadata of ours that says so. */
const blockAll = 'block_all'

function compileDirectResponse(
  { status, body, bodyFormat }: DirectResponseAction,
  name: string,
): { action: RouteRefusal } | { problem: string } {
  if (name === blockAll) return { action: direct('not-declared', status) }
  // An answer of one's own, with a body or as a success, would have to be given by this proxy in the origin's name.
  if (body || bodyFormat || status < 400 || status > 599) return { problem: 'answering without an origin is not carried out' }
  return { action: { ...direct('not-supported', status), text: `the route answers every request with ${status} itself` } }
}

function direct(code: ReasonCode, status: number): RouteRefusal {
  return { code, status, details: 'direct_response' }
}
