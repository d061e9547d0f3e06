// Turns the HTTP rules of a VirtualService into Envoy routes for one proxy, port and gateway; what is not carried out becomes a refusal.
import type { HttpMatchRequest, HttpRoute, StringMatch } from '../api/index.ts'
import { parseDuration } from '../base/index.ts'
import { fieldsUnder, type RuleSet } from '../model/index.ts'
import { hasLabels } from '../registry/index.ts'
import { create, readMetadata, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type RetryPolicy,
  RetryPolicySchema,
  type Route,
  type RouteAction,
  RouteActionSchema,
  type RouteMatch,
  RouteMatchSchema,
  RouteSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RegexMatcherSchema } from '../xds/gen/envoy/type/matcher/v3/regex_pb.js'
import { type Context, refMetadata, refuseUnsupported } from './context.ts'
import { portOfDestination, type Reach, routeInputs, unreachable, weightedClusters } from './destinations.ts'
import { type ClusterWeight, duration } from './messages.ts'

/** Where the rules are being applied. */
export interface RouteSite {
  /** `mesh` or the key of a Gateway. */
  readonly gateway: string
  /** The port that the client dialled; at a gateway the server's port. */
  readonly port: number
  /** Hosts of the virtual host that gets the routes. */
  readonly hosts: readonly string[]
}

/** Empty when no rule applies here: the VirtualService then says nothing about the port. */
export function httpRoutes(ctx: Context, rules: RuleSet, site: RouteSite): readonly Route[] {
  const inputs = [ctx.strict, ...rules.http.flatMap((rule) => routeInputs(ctx, rule.route ?? []))]
  const hosts = strangers(ctx, rules, site)
  const slot = `routes ${site.gateway} ${site.port} ${hosts.join(' ')}`
  return ctx.kept.memo.get(rules, slot, inputs, () => buildRoutes(ctx, rules, { ...site, hosts }))
}

/** Route to one cluster that no VirtualService says anything about. */
export function defaultRoute(cluster: string, metadata: SallyportMetadata): Route {
  return create(RouteSchema, {
    name: 'default',
    match: catchAll(),
    action: { case: 'route', value: routeAction([{ cluster, weight: 1 }], 0, defaultRetries()) },
    metadata: writeMetadata(metadata),
  })
}

/** Takes every request that came so far, and refuses it. */
export function catchAllRefusal(metadata: SallyportMetadata): Route {
  const action = { case: 'directResponse', value: { status: 403 } } as const
  return create(RouteSchema, { name: 'refused', match: catchAll(), action, metadata: writeMetadata(metadata) })
}

export function catchAll(): RouteMatch {
  return allPaths
}

/** One for all routes: tens of thousands say so. */
const allPaths = create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } })

/** Nothing but a catch-all comes after another, and Istio tells one by its path alone when there are no other criteria. */
export function isCatchAll(route: Route): boolean {
  const match = route.match
  if (match === undefined || match.headers.length > 0) return match === undefined
  const path = match.pathSpecifier
  if (path.case === 'prefix') return path.value === '/'
  return path.case === 'safeRegex' && (path.value.regex === '.*' || path.value.regex === '*')
}

/** Refused because its match cannot be evaluated: it stands for what may follow it, so it must stay where it is. */
export function isWidened(route: Route): boolean {
  const { refuse, field } = readMetadata(route.metadata)
  return refuse !== undefined && field !== undefined && field.includes('.match[')
}

/** Only hosts that some wildcard destination does not cover make a difference, so that equal routes are shared by virtual hosts. */
function strangers(ctx: Context, rules: RuleSet, site: RouteSite): readonly string[] {
  if (!ctx.strict) return []
  const isStrange = (host: string): boolean =>
    rules.http.some((rule) => (rule.route ?? []).some(({ destination }) => blocked(ctx, destination, site.port, [host]) !== undefined))
  return site.hosts.filter(isStrange)
}

function blocked(
  ctx: Context,
  destination: NonNullable<HttpRoute['route']>[number]['destination'],
  port: number,
  hosts: readonly string[],
) {
  const reach: Reach = { hosts, isByAddress: false }
  return unreachable(ctx, destination, portOfDestination(ctx, destination, port), reach)
}

function buildRoutes(ctx: Context, rules: RuleSet, site: RouteSite): readonly Route[] {
  const routes: Route[] = []
  for (const [i, rule] of rules.http.entries()) {
    const matches: readonly (HttpMatchRequest | undefined)[] =
      rule.match === undefined || rule.match.length === 0 ? [undefined] : rule.match
    for (const [j, match] of matches.entries()) {
      if (!isAppliedAt(ctx, match, site)) continue
      const route = buildRoute(ctx, rules, site, { rule, field: `spec.http[${i}]`, match, matchField: `spec.http[${i}].match[${j}]` })
      routes.push(route)
      if (isCatchAll(route)) return routes
    }
  }
  return routes
}

/** Conditions that are known beforehand. Beside `gateways` the source conditions are not looked at, as in Istio. */
function isAppliedAt(ctx: Context, match: HttpMatchRequest | undefined, site: RouteSite): boolean {
  if (match === undefined) return true
  if (match.port !== undefined && match.port !== 0 && match.port !== site.port) return false
  if (match.gateways !== undefined && match.gateways.length > 0) return match.gateways.includes(site.gateway)
  if (!hasLabels(ctx.proxy.labels, match.sourceLabels ?? {})) return false
  return (match.sourceNamespace ?? '') === '' || match.sourceNamespace === ctx.proxy.namespace
}

interface RuleAt {
  readonly rule: HttpRoute
  readonly field: string
  readonly match: HttpMatchRequest | undefined
  readonly matchField: string
}

function buildRoute(ctx: Context, rules: RuleSet, site: RouteSite, at: RuleAt): Route {
  const { rule, match } = at
  const timeout = rule.timeout === undefined ? 0 : (parseDuration(rule.timeout) ?? 0)
  const clusters = weightedClusters(ctx, rule.route ?? [], site.port)
  return create(RouteSchema, {
    name: routeName(rule, match),
    match: match === undefined ? catchAll() : routeMatch(match),
    action:
      clusters.length === 0
        ? { case: 'directResponse', value: { status: 503 } }
        : { case: 'route', value: routeAction(clusters, timeout, retryPolicy(rule)) },
    metadata: writeMetadata(refusal(ctx, rules, site, at) ?? refMetadata(rules.ref, at.field)),
  })
}

function routeName(rule: HttpRoute, match: HttpMatchRequest | undefined): string {
  return match?.name === undefined || match.name === '' ? (rule.name ?? '') : `${rule.name ?? ''}.${match.name}`
}

/** Parts of a rule that change what it does, so that doing less would be something else. */
const refusedActions = ['redirect', 'directResponse', 'delegate', 'rewrite', 'fault', 'headers'] as const
/** Parts of a match that cannot be evaluated: the rest of the match is refused, for it is wider than the match. */
const refusedMatches = ['scheme', 'headers', 'withoutHeaders', 'queryParams'] as const

function refusal(ctx: Context, rules: RuleSet, site: RouteSite, at: RuleAt): SallyportMetadata | undefined {
  const field = refusedField(rules, at)
  if (field !== undefined) return refuseUnsupported({ ref: rules.ref, field })
  for (const { destination } of at.rule.route ?? []) {
    const text = blocked(ctx, destination, site.port, site.hosts)
    if (text !== undefined) return { ...refMetadata(rules.ref, at.field), refuse: 'destination-mismatch', refuseText: text }
  }
  return undefined
}

function refusedField(rules: RuleSet, at: RuleAt): string | undefined {
  const { rule, match, field, matchField } = at
  const general = rules.unsupported.find((one) => !/^spec\.(http|tls|tcp)\b/.test(one))
  if (general !== undefined) return general
  const ofRule = fieldsUnder(rules.unsupported, field).find((one) => !one.startsWith(`${field}.match`))
  const action = refusedActions.find((name) => rule[name] !== undefined)
  const headers = rule.route?.findIndex((one) => one.headers !== undefined) ?? -1
  const ofMatch = fieldsUnder(rules.unsupported, matchField)[0]
  const criterion = refusedMatches.find((name) => match?.[name] !== undefined)
  if (ofRule !== undefined) return ofRule
  if (action !== undefined) return `${field}.${action}`
  if (headers >= 0) return `${field}.route[${headers}].headers`
  return ofMatch ?? (criterion === undefined ? undefined : `${matchField}.${criterion}`)
}

function routeMatch(match: HttpMatchRequest): RouteMatch {
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.uri),
    caseSensitive: match.ignoreUriCase !== true,
    headers: [
      ...headerMatcher(':method', match.method),
      ...headerMatcher(':authority', match.authority),
      ...headerMatcher(':scheme', match.scheme),
    ],
  })
}

function pathSpecifier(uri: StringMatch | undefined): RouteMatch['pathSpecifier'] {
  if (uri?.exact !== undefined) return { case: 'path', value: uri.exact }
  if (uri?.regex !== undefined) return { case: 'safeRegex', value: create(RegexMatcherSchema, { regex: uri.regex }) }
  return { case: 'prefix', value: uri?.prefix === undefined || uri.prefix === '' ? '/' : uri.prefix }
}

function headerMatcher(name: string, match: StringMatch | undefined): HeaderMatcher[] {
  if (match === undefined) return []
  const pattern = stringPattern(match)
  return [create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: pattern } } })]
}

function stringPattern(match: StringMatch) {
  if (match.exact !== undefined) return { case: 'exact' as const, value: match.exact }
  if (match.regex !== undefined) return { case: 'safeRegex' as const, value: { regex: match.regex } }
  return { case: 'prefix' as const, value: match.prefix ?? '' }
}

const retriedByDefault = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes'

function retryPolicy(rule: HttpRoute): RetryPolicy | undefined {
  const retries = rule.retries
  if (typeof retries !== 'object' || retries === null) return defaultRetries()
  const attempts = 'attempts' in retries && typeof retries.attempts === 'number' ? retries.attempts : 0
  const on = 'retryOn' in retries && typeof retries.retryOn === 'string' && retries.retryOn !== '' ? retries.retryOn : retriedByDefault
  return attempts <= 0 ? undefined : create(RetryPolicySchema, { retryOn: on, numRetries: attempts, hostSelectionRetryMaxAttempts: 5n })
}

function defaultRetries(): RetryPolicy {
  return usualRetries
}

const usualRetries = create(RetryPolicySchema, { retryOn: retriedByDefault, numRetries: 2, hostSelectionRetryMaxAttempts: 5n })

/** Istio says a timeout always; 0 disables it. */
export function routeAction(clusters: readonly ClusterWeight[], timeoutMs: number, retries?: RetryPolicy): RouteAction {
  const only = clusters.length === 1 ? clusters[0] : undefined
  const weights = clusters.map(({ cluster, weight }) => ({ name: cluster, weight }))
  return create(RouteActionSchema, {
    clusterSpecifier: only ? { case: 'cluster', value: only.cluster } : { case: 'weightedClusters', value: { clusters: weights } },
    timeout: duration(timeoutMs),
    maxGrpcTimeout: duration(timeoutMs),
    ...(retries && { retryPolicy: retries }),
  })
}
