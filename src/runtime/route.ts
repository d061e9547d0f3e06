// Compiles one route into what becomes of a request that it matches; an action that is not carried out in full becomes a refusal.
import type { OriginRef, ReasonCode } from '../flow/index.ts'
import type { DirectResponseAction, Route, VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { compileCors, type CorsPlan } from './cors.ts'
import { compileFault, type FaultPlan } from './fault.ts'
import { compileHeaderChanges, type HeaderRecipe, headerRecipe } from './header-change.ts'
import type { Leg } from './leg.ts'
import { type AnswerParts, compileDirectResponse, compileRedirect, type RouteAnswer } from './route-answer.ts'
import { compileForward } from './route-forward.ts'
import type { RequestParts } from './request-test.ts'
import { compileRouteMatch } from './route-match.ts'

/** What a refusing route answers besides its reason. */
export interface RouteRefusal extends Refusal {
  readonly status?: number
  readonly details?: string
}

export interface CompiledRoute {
  readonly name: string
  readonly ref?: OriginRef
  readonly matches: (request: RequestParts) => boolean
  readonly action: RouteRefusal | RouteAnswer | Leg
  /** What the filters ahead of the router do. */
  readonly filters?: RouteFilters
}

/** In the order in which Istio has them: a request that a fault ends is not looked at by CORS. */
export interface RouteFilters {
  readonly fault?: FaultPlan
  /** Of a route that forwards. */
  readonly cors?: CorsPlan
  /** Changes of the responses of a route that forwards, which the answer of a fault gets too. */
  readonly changes?: HeaderRecipe
}

export function compileRoute(route: Route, host: VirtualHost): { route: CompiledRoute; problem?: string } {
  const { ref, refusal: said } = readAnnotations(route.metadata)
  const by = ref ?? readAnnotations(host.metadata).ref
  const match = compileRouteMatch(route.match)
  const name = route.name === '' ? host.name : route.name
  const base = { name, matches: match.matches, ...(ref && { ref }) }
  if (said) return { route: { ...base, action: refuse(said, route) } }
  const problem = match.problem
  if (problem !== undefined) return { route: { ...base, action: notSupported(problem) }, problem }
  const compiled = compileAction(route, name, by)
  if ('problem' in compiled) return { route: { ...base, action: notSupported(compiled.problem) }, problem: compiled.problem }
  return { route: { ...base, ...compiled } }
}

export function isRefusal(action: CompiledRoute['action']): action is RouteRefusal {
  return 'code' in action
}

export function isAnswer(action: CompiledRoute['action']): action is RouteAnswer {
  return 'kind' in action
}

/** A copy that has nowhere to go is left out, as Envoy does; that is worth a word all the same. */
export function clustersOfRoute({ action }: CompiledRoute): readonly string[] {
  if (isRefusal(action) || isAnswer(action)) return nowhere
  const mirrors = action.recipes?.[0]?.mirrors
  return mirrors ? [...action.choice.names, ...mirrors.map((mirror) => mirror.cluster)] : action.choice.names
}

const nowhere: readonly string[] = []

/** The refusal that metadata says, with the status of the direct response that stands there for Envoy. */
function refuse(refusal: Refusal, { action }: Route): RouteRefusal {
  if (action.case !== 'directResponse') return refusal
  return { ...refusal, status: action.value.status, details: 'direct_response' }
}

type CompiledAction = Pick<CompiledRoute, 'action' | 'filters'> | { readonly problem: string }

function compileAction(route: Route, name: string, by: OriginRef | undefined): CompiledAction {
  const filters = compileFilters(route)
  if ('problem' in filters) return filters
  const { fault, cors } = filters
  const { action } = route
  if (action.case === 'route') {
    const compiled = compileForward(action.value, route, { name, by, cors })
    if ('problem' in compiled) return compiled
    const changes = fault && compiled.changes
    if (!fault && !cors) return { action: compiled.leg }
    return { action: compiled.leg, filters: { ...(fault && { fault }), ...(cors && { cors }), ...(changes && { changes }) } }
  }
  const compiled = compileAnswer(route, name, by)
  if ('problem' in compiled) return compiled
  return { action: compiled.action, ...(fault && { filters: { fault } }) }
}

function compileAnswer(
  route: Route,
  name: string,
  by: OriginRef | undefined,
): { readonly action: RouteAnswer | RouteRefusal } | { readonly problem: string } {
  const { action } = route
  if (action.case === 'directResponse' && name === blockAll) return { action: blocked(action.value) }
  const steps = compileHeaderChanges([route])
  if ('problem' in steps) return steps
  const parts: AnswerParts = { name, by, changes: headerRecipe(steps.response) }
  switch (action.case) {
    case 'directResponse':
      return compileDirectResponse(action.value, parts)
    case 'redirect':
      return compileRedirect(action.value, route, parts)
    default:
      return { problem: `the route action "${action.case ?? 'none'}" is not carried out` }
  }
}

/** Istio's names for the two filters that routes configure. */
const faultFilter = 'envoy.filters.http.fault'
const corsFilter = 'envoy.filters.http.cors'

function compileFilters({ typedPerFilterConfig }: Route): { fault?: FaultPlan; cors?: CorsPlan } | { readonly problem: string } {
  const unknown = Object.keys(typedPerFilterConfig).filter((name) => name !== faultFilter && name !== corsFilter)
  if (unknown.length > 0) return { problem: `the filter "${unknown.join('", "')}" is not carried out` }
  const { [faultFilter]: faultConfig, [corsFilter]: corsConfig } = typedPerFilterConfig
  const fault = faultConfig && compileFault(faultConfig)
  if (fault && 'problem' in fault) return fault
  const cors = corsConfig && compileCors(corsConfig)
  if (cors && 'problem' in cors) return cors
  return { ...(fault?.plan && { fault: fault.plan }), ...(cors?.plan && { cors: cors.plan }) }
}

/** Istio's catch-all under REGISTRY_ONLY has this route name; another control plane's has no metadata of ours that says so. */
const blockAll = 'block_all'

function blocked({ status }: DirectResponseAction): RouteRefusal {
  const code: ReasonCode = 'not-declared'
  return { code, status, details: 'direct_response' }
}
