// Compiles the action of a route that forwards: which cluster, within what time, tried how often, and what is changed on the way.
import type { OriginRef } from '../flow/index.ts'
import {
  type Route,
  type RouteAction,
  RouteAction_ClusterNotFoundResponseCode,
  type WeightedCluster_ClusterWeight,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { type ClusterChoice, isTaken, singleCluster, weightedClusters } from './cluster-choice.ts'
import type { CorsPlan } from './cors.ts'
import { changesHeaders, compileHeaderChanges, hasKeys, type HeaderRecipe, headerRecipe } from './header-change.ts'
import {
  compileMirrors,
  compileRewrite,
  type HttpRecipe,
  isFixed,
  makeRecipe,
  type MirrorRecipe,
  problemOfAuthority,
} from './http-recipe.ts'
import type { Leg } from './leg.ts'
import { milliseconds } from './milliseconds.ts'
import type { PathRewrite } from './path-rewrite.ts'
import { declaredBy } from './reasons.ts'
import { compileRetry } from './retry.ts'

/** Envoy's default for a route without a timeout (RouteAction.timeout). */
const defaultTimeout = 15_000

export interface ForwardParts {
  readonly name: string
  readonly by: OriginRef | undefined
  readonly cors: CorsPlan | undefined
}

/** `changes` are what the route itself says of responses, whichever destination they come from. */
export type CompiledForward = { readonly leg: Leg; readonly changes: HeaderRecipe | undefined } | { readonly problem: string }

export function compileForward(action: RouteAction, route: Route, { name, by, cors }: ForwardParts): CompiledForward {
  const problem = problemOfForward(action)
  if (problem !== undefined) return { problem }
  const entries = entriesOf(action)
  if ('problem' in entries) return entries
  const recipes = compileRecipes(action, route, { entries: entries.taken, cors })
  if ('problem' in recipes) return recipes
  const { idleTimeout, timeout, maxStreamDuration } = action
  const request = timeout ? milliseconds(timeout) : defaultTimeout
  const longest = maxStreamDuration?.maxStreamDuration ? milliseconds(maxStreamDuration.maxStreamDuration) : 0
  return {
    changes: recipes.changes,
    leg: {
      choice: entries.choice,
      route: name,
      request: longest > 0 && (request === 0 || longest < request) ? longest : request,
      notFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode),
      ...(idleTimeout && { idle: milliseconds(idleTimeout) }),
      ...(by && { ref: by, reason: declaredBy(by) }),
      ...placeRecipes(recipes.list),
    },
  }
}

/** A single cluster has no words of its own. */
type Entry = WeightedCluster_ClusterWeight | undefined

function entriesOf(
  action: RouteAction,
): { readonly choice: ClusterChoice; readonly taken: readonly Entry[] } | { readonly problem: string } {
  const { clusterSpecifier } = action
  if (clusterSpecifier.case === 'cluster') return { choice: singleCluster(clusterSpecifier.value), taken: [undefined] }
  if (clusterSpecifier.case !== 'weightedClusters') {
    return { problem: `choosing the cluster by "${clusterSpecifier.case ?? 'nothing'}" is not carried out` }
  }
  const { clusters } = clusterSpecifier.value
  for (const entry of clusters) {
    if (entry.clusterHeader !== '') return { problem: 'choosing the cluster by a header is not carried out' }
    if (entry.metadataMatch) return { problem: 'choosing endpoints by metadata is not carried out' }
    if (hasKeys(entry.typedPerFilterConfig)) return { problem: 'per-filter configuration of one weighted destination is not carried out' }
  }
  const named = clusters.map((entry) => ({ name: entry.name, weight: entry.weight ?? 0, entry }))
  const choice = weightedClusters(named)
  if (!choice) return { problem: 'no weighted destination has a weight' }
  return { choice, taken: named.filter(isTaken).map(({ entry }) => entry) }
}

/** What is the same for every request and destination is a plan that nobody has to look for. */
function placeRecipes(list: readonly (HttpRecipe | undefined)[]): Pick<Leg, 'plan' | 'recipes'> {
  const [first] = list
  if (list.some((recipe) => recipe !== first)) return { recipes: list }
  if (first === undefined) return {}
  return isFixed(first) ? { plan: first.fixed } : { recipes: list }
}

interface Shared {
  readonly authority: string
  readonly rewrite: PathRewrite | undefined
  readonly mirrors: readonly MirrorRecipe[]
  readonly retry: ReturnType<typeof compileRetry>
  readonly cors: CorsPlan | undefined
}

function compileRecipes(
  action: RouteAction,
  route: Route,
  { entries, cors }: { readonly entries: readonly Entry[]; readonly cors: CorsPlan | undefined },
): { readonly list: readonly (HttpRecipe | undefined)[]; readonly changes: HeaderRecipe | undefined } | { readonly problem: string } {
  const rewrite = compileRewrite(action, route.match)
  if ('problem' in rewrite) return rewrite
  const mirrors = compileMirrors(action.requestMirrorPolicies)
  if ('problem' in mirrors) return mirrors
  const own = compileHeaderChanges([route])
  if ('problem' in own) return own
  const authority = authorityOf(action)
  const shared: Shared = { authority, rewrite: rewrite.rewrite, mirrors, retry: compileRetry(action.retryPolicy), cors }
  const list: (HttpRecipe | undefined)[] = []
  const common = compileRecipe(route, undefined, shared)
  for (const entry of entries) {
    const isOwn = entry && (changesHeaders(entry) || entry.hostRewriteSpecifier.case !== undefined)
    const recipe = isOwn ? compileRecipe(route, entry, shared) : common
    if (recipe && 'problem' in recipe) return recipe
    list.push(recipe)
  }
  return { list, changes: headerRecipe(own.response) }
}

function compileRecipe(route: Route, entry: Entry, shared: Shared): HttpRecipe | undefined | { readonly problem: string } {
  const steps = compileHeaderChanges(entry ? [entry, route] : [route])
  if ('problem' in steps) return steps
  // The route's word comes after that of the destination, and stands.
  const ofEntry = entry?.hostRewriteSpecifier.case === 'hostRewriteLiteral' ? entry.hostRewriteSpecifier.value : ''
  const authority = shared.authority === '' ? ofEntry : shared.authority
  const problem = authority === '' ? undefined : problemOfAuthority(authority)
  if (problem !== undefined) return { problem }
  const { retry, rewrite, cors, mirrors } = shared
  return makeRecipe({
    plan: { ...(authority !== '' && { authority }), ...(retry && { retry }) },
    rewrite,
    requestHeaders: headerRecipe(steps.request),
    responseHeaders: headerRecipe(steps.response),
    cors,
    mirrors,
  })
}

function authorityOf({ hostRewriteSpecifier: host }: RouteAction): string {
  return host.case === 'hostRewriteLiteral' ? host.value : ''
}

function problemOfForward(action: RouteAction): string | undefined {
  const { hostRewriteSpecifier: host } = action
  const isLiteral = host.case === 'hostRewriteLiteral' || (host.case === 'autoHostRewrite' && !host.value.value)
  if (host.case !== undefined && !isLiteral) return 'rewriting the authority other than to a fixed name is not carried out'
  if (action.appendXForwardedHost && host.case === 'hostRewriteLiteral') return 'adding x-forwarded-host is not carried out'
  if (action.metadataMatch) return 'choosing endpoints by metadata is not carried out'
  if (action.rateLimits.length > 0) return 'rate limits are not carried out'
  if (action.cors) return 'CORS in the older place is not carried out'
  if (action.hedgePolicy || action.internalRedirectPolicy) return 'hedging and following redirects are not carried out'
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
