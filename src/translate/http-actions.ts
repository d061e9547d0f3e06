// Turns rules that forward into Envoy's route actions: destinations by weight, time-outs, retries, rewrites and copies.
import type { Destination, HttpRetry, HttpRoute, RouteDestination } from '../api/index.ts'
import { parseDuration } from '../base/index.ts'
import { create, packAny } from '../xds/index.ts'
import {
  type RetryPolicy,
  RetryPolicySchema,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
  RouteActionSchema,
  WeightedCluster_ClusterWeightSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { PreviousHostsPredicateSchema } from '../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js'
import type { FractionalPercent } from '../xds/gen/envoy/type/v3/percent_pb.js'
import type { Context } from './context.ts'
import { clusterOf } from './destinations.ts'
import { hundredths, percentOf } from './http-filters.ts'
import { authorityAmong, headerFields } from './http-headers.ts'
import { duration } from './messages.ts'

/** Undefined: there is nowhere to go. */
export function forwardAction(ctx: Context, rule: HttpRoute, port: number): RouteAction | undefined {
  const routes = takenRoutes(rule)
  const [first] = routes
  if (first === undefined) return undefined
  const isSingle = (rule.route ?? []).length === 1
  const authority = authorityOf(rule, isSingle ? first : undefined)
  const timeout = rule.timeout === undefined ? 0 : (parseDuration(rule.timeout) ?? 0)
  const retry = retryPolicy(rule.retries ?? ctx.model.settings.mesh.defaultHttpRetryPolicy)
  const action = create(RouteActionSchema, {
    clusterSpecifier: isSingle
      ? { case: 'cluster', value: clusterOf(ctx, first.destination, port) }
      : { case: 'weightedClusters', value: { clusters: routes.map((route) => weighted(ctx, route, port)) } },
    ...timeouts(timeout),
    ...(retry && { retryPolicy: retry }),
    ...rewriteOf(rule),
    requestMirrorPolicies: mirrorPolicies(ctx, rule, port),
    ...(authority !== '' && { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: authority } }),
  })
  return action
}

/** Entries of weight 0 are left out when there are several; a single one counts whatever its weight. */
export function takenRoutes({ route = [] }: HttpRoute): readonly RouteDestination[] {
  return route.length === 1 ? route : route.filter((one) => (one.weight ?? 0) > 0)
}

/** What the request is renamed to on its way to `to`: the rule's word stands over the destination's. */
export function authorityOf(rule: HttpRoute, to: RouteDestination | undefined): string {
  return rule.rewrite?.authority || authorityAmong(rule.headers) || authorityAmong(to?.headers)
}

/** One cluster that nothing more is said about. */
export function plainAction(cluster: string, retry: RetryPolicy | undefined): RouteAction {
  return create(RouteActionSchema, {
    clusterSpecifier: { case: 'cluster', value: cluster },
    ...timeouts(0),
    ...(retry && { retryPolicy: retry }),
  })
}

/** Istio says a time-out always; 0 disables it. It also sets `max_grpc_timeout`, which Envoy has deprecated and warns of. */
function timeouts(milliseconds: number) {
  return { timeout: duration(milliseconds) }
}

function weighted(ctx: Context, route: RouteDestination, port: number) {
  const authority = authorityAmong(route.headers)
  return create(WeightedCluster_ClusterWeightSchema, {
    name: clusterOf(ctx, route.destination, port),
    weight: route.weight ?? 0,
    ...headerFields([route.headers]),
    ...(authority !== '' && { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: authority } }),
  })
}

function rewriteOf({ rewrite }: HttpRoute) {
  const { match, rewrite: substitution } = rewrite?.uriRegexRewrite ?? {}
  if (match !== undefined) return { regexRewrite: { pattern: { regex: match }, substitution: substitution ?? '' } }
  return rewrite?.uri === undefined || rewrite.uri === '' ? {} : { prefixRewrite: rewrite.uri }
}

function mirrorPolicies(ctx: Context, rule: HttpRoute, port: number): RouteAction_RequestMirrorPolicy[] {
  const share = mirrorShare(rule)
  const only = rule.mirror && share ? [mirrorPolicy(ctx, rule.mirror, port, share)] : []
  const several = (rule.mirrors ?? []).flatMap(({ destination, percentage }) => {
    const part = percentage === undefined ? hundredths(100) : percentOf(percentage)
    return destination && part.numerator > 0 ? [mirrorPolicy(ctx, destination, port, part)] : []
  })
  return [...only, ...several]
}

/** Undefined: no copies, which zero says. */
function mirrorShare({ mirrorPercentage, mirrorPercent, mirror_percent }: HttpRoute): FractionalPercent | undefined {
  const older = mirrorPercent ?? mirror_percent
  const share = mirrorPercentage === undefined ? hundredths(older ?? 100) : percentOf(mirrorPercentage)
  return share.numerator > 0 ? share : undefined
}

function mirrorPolicy(ctx: Context, to: Destination, port: number, share: FractionalPercent): RouteAction_RequestMirrorPolicy {
  return create(RouteAction_RequestMirrorPolicySchema, {
    cluster: clusterOf(ctx, to, port),
    runtimeFraction: { defaultValue: share },
    traceSampled: false,
    disableShadowHostSuffixAppend: true,
  })
}

const retriedByDefault = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes'

/** One for all routes that say nothing. */
let usualRetries: RetryPolicy | undefined

/** Undefined: nothing is tried again, which `attempts: 0` says. */
export function retryPolicy(retries: HttpRetry | undefined): RetryPolicy | undefined {
  if (retries === undefined) return (usualRetries ??= policyOf(2, {}))
  const attempts = retries.attempts ?? 0
  return attempts <= 0 ? undefined : policyOf(attempts, retries)
}

function policyOf(attempts: number, { retryOn, perTryTimeout, backoff, retryIgnorePreviousHosts }: HttpRetry): RetryPolicy {
  const perTry = perTryTimeout === undefined ? undefined : parseDuration(perTryTimeout)
  const base = backoff === undefined ? undefined : parseDuration(backoff)
  return create(RetryPolicySchema, {
    ...conditions(retryOn),
    numRetries: attempts,
    hostSelectionRetryMaxAttempts: 5n,
    retryHostPredicate: retryIgnorePreviousHosts === false ? [] : [previousHosts],
    ...(perTry !== undefined && { perTryTimeout: duration(perTry) }),
    ...(base !== undefined && { retryBackOff: { baseInterval: duration(base) } }),
  })
}

/** Numbers are statuses, and imply the word for them; Istio adds it behind a comma even where nothing stands before. */
function conditions(retryOn: string | undefined): { retryOn: string; retriableStatusCodes?: number[] } {
  if (retryOn === undefined || retryOn === '') return { retryOn: retriedByDefault }
  const parts = retryOn
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const isStatus = (part: string): boolean => /^[1-5]\d\d$/.test(part)
  const words = parts.filter((part) => !isStatus(part)).join(',')
  const codes = parts.filter(isStatus).map(Number)
  const isImplied = codes.length > 0 && !words.includes('retriable-status-codes')
  return { retryOn: isImplied ? `${words},retriable-status-codes` : words, retriableStatusCodes: codes }
}

/** Another endpoint than those that failed. */
const previousHosts = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  configType: { case: 'typedConfig' as const, value: packAny(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)) },
}
