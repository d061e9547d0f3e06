// Turns the HTTP rules of a VirtualService into Envoy routes for one proxy, port and gateway; what is not carried out becomes a refusal.
import type { Destination, HttpMatchRequest, HttpRoute, RouteDestination } from '../api/index.ts'
import type { FieldRef, HttpRule, RuleMatch, RuleSet } from '../model/index.ts'
import { hasLabels } from '../registry/index.ts'
import { create, readMetadata, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { type Route, RouteSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { type Context, refMetadata, refuseUnsupported } from './context.ts'
import { portOfDestination, type Reach, routeInputs, unreachable } from './destinations.ts'
import { authorityOf, forwardAction, plainAction, retryPolicy, takenRoutes } from './http-actions.ts'
import { directResponseAction, httpsRedirectAction, redirectAction } from './http-answers.ts'
import { filterConfigs } from './http-filters.ts'
import { headerFields } from './http-headers.ts'
import { catchAll, claimOf, routeMatch } from './http-match.ts'

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
  const to = rules.http.flatMap(({ rule }) => destinationsOf(rule).map((one) => one.destination))
  const inputs = [ctx.strict, ctx.model.settings.mesh.defaultHttpRetryPolicy, ...routeInputs(ctx, to)]
  const hosts = strangers(ctx, rules, site)
  const slot = `routes ${site.gateway} ${site.port} ${hosts.join(' ')}`
  return ctx.kept.memo.get(rules, slot, inputs, () => buildRoutes(ctx, rules, { ...site, hosts }))
}

/** Route to one cluster that no VirtualService says anything about. */
export function defaultRoute(ctx: Context, cluster: string, metadata: SallyportMetadata): Route {
  return create(RouteSchema, {
    name: 'default',
    match: catchAll(),
    action: { case: 'route', value: plainAction(cluster, retryPolicy(ctx.model.settings.mesh.defaultHttpRetryPolicy)) },
    metadata: writeMetadata(metadata),
  })
}

/** Takes every request that came so far, and refuses it. */
export function catchAllRefusal(metadata: SallyportMetadata): Route {
  const action = { case: 'directResponse', value: { status: 403 } } as const
  return create(RouteSchema, { name: 'refused', match: catchAll(), action, metadata: writeMetadata(metadata) })
}

/** Answers every request that came so far with where it is by HTTPS. */
export function catchAllRedirect(metadata: SallyportMetadata): Route {
  return create(RouteSchema, { name: 'redirect', match: catchAll(), action: httpsRedirectAction(), metadata: writeMetadata(metadata) })
}

/** Nothing but a catch-all comes after another, and Istio tells one by its path alone when there are no other criteria. */
export function isCatchAll(route: Route): boolean {
  const match = route.match
  if (match === undefined) return true
  if (match.headers.length > 0 || match.queryParameters.length > 0) return false
  const path = match.pathSpecifier
  if (path.case === 'prefix') return path.value === '/'
  return path.case === 'safeRegex' && (path.value.regex === '.*' || path.value.regex === '*')
}

/** Refused because its match cannot be evaluated: it stands for what may follow it, so it must stay where it is. */
export function isWidened(route: Route): boolean {
  const { refuse, field } = readMetadata(route.metadata)
  return refuse !== undefined && field !== undefined && field.includes('.match[')
}

interface Going {
  readonly destination: Destination
  /** What the request is renamed to on the way; empty = nothing. */
  readonly authority: string
  /** Field of the rule that names the destination. */
  readonly field: string
}

/** Wherever requests and their copies go. */
function destinationsOf(rule: HttpRoute): readonly Going[] {
  const taken = takenRoutes(rule)
  const routes = taken.map((route: RouteDestination) => ({
    destination: route.destination,
    authority: authorityOf(rule, route),
    field: 'route',
  }))
  // A copy carries the name that its request was given.
  const names = new Set(routes.map(({ authority }) => authority))
  const copies = [...(rule.mirror ? [rule.mirror] : []), ...(rule.mirrors ?? []).flatMap(({ destination }) => destination ?? [])]
  return [...routes, ...copies.flatMap((destination) => [...names].map((authority) => ({ destination, authority, field: 'mirror' })))]
}

/** Only hosts that some wildcard destination does not cover make a difference, so that equal routes are shared by virtual hosts. */
function strangers(ctx: Context, rules: RuleSet, site: RouteSite): readonly string[] {
  if (!ctx.strict) return []
  const isStrange = (host: string): boolean =>
    rules.http.some(({ rule }) => destinationsOf(rule).some((going) => blocked(ctx, going, site.port, [host]) !== undefined))
  return site.hosts.filter(isStrange)
}

/** Name-true: what a request is renamed to is what its destination has to stand for, whatever it came as. */
function blocked(ctx: Context, { destination, authority }: Going, port: number, hosts: readonly string[]): string | undefined {
  const reach: Reach = { hosts: authority === '' ? hosts : [nameOf(authority)], isByAddress: false, isRenamed: authority !== '' }
  return unreachable(ctx, destination, portOfDestination(ctx, destination, port), reach)
}

function nameOf(authority: string): string {
  return authority.replace(/:\d+$/, '').toLowerCase()
}

function buildRoutes(ctx: Context, rules: RuleSet, site: RouteSite): readonly Route[] {
  const routes: Route[] = []
  const general = rules.unsupported.find((one) => !/^spec\.(http|tls|tcp)\b/.test(one))
  for (const rule of rules.http) {
    for (const match of rule.matches) {
      if (!isAppliedAt(ctx, match.match, site)) continue
      const route = buildRoute(ctx, site, { rule, match, general: general === undefined ? undefined : { ref: rules.ref, field: general } })
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
  readonly rule: HttpRule
  readonly match: RuleMatch
  /** A field of the whole VirtualService that is not carried out. */
  readonly general: FieldRef | undefined
}

function buildRoute(ctx: Context, site: RouteSite, at: RuleAt): Route {
  const { rule, at: place } = at.rule
  const { match } = at.match
  const single = rule.route?.length === 1 ? rule.route[0] : undefined
  return create(RouteSchema, {
    name: routeName(rule, match),
    match: match === undefined ? catchAll() : routeMatch(match),
    action: actionOf(ctx, rule, site.port),
    ...headerFields([rule.headers, single?.headers]),
    ...((rule.fault ?? rule.corsPolicy) && { typedPerFilterConfig: filterConfigs(rule) }),
    metadata: writeMetadata(refusal(ctx, site, at) ?? refMetadata(place.ref, place.field)),
  })
}

function actionOf(ctx: Context, rule: HttpRoute, port: number): Route['action'] {
  if (rule.redirect !== undefined) return redirectAction(rule.redirect, port)
  if (rule.directResponse !== undefined) return directResponseAction(rule.directResponse)
  const forward = forwardAction(ctx, rule, port)
  return forward === undefined ? directResponseAction({ status: 503 }) : { case: 'route', value: forward }
}

function routeName(rule: HttpRoute, match: HttpMatchRequest | undefined): string {
  return match?.name === undefined || match.name === '' ? (rule.name ?? '') : `${rule.name ?? ''}.${match.name}`
}

function refusal(ctx: Context, site: RouteSite, { rule, match, general }: RuleAt): SallyportMetadata | undefined {
  const field = general ?? rule.unsupported[0] ?? match.unsupported[0] ?? claimRef(rule, match)
  if (field !== undefined) return refuseUnsupported(field)
  for (const going of destinationsOf(rule.rule)) {
    const text = blocked(ctx, going, site.port, site.hosts)
    if (text !== undefined) return { ...refMetadata(rule.at.ref, rule.at.field), refuse: 'destination-mismatch', refuseText: text }
  }
  return undefined
}

function claimRef({ at }: HttpRule, { match }: RuleMatch): FieldRef | undefined {
  const claim = match && claimOf(match)
  return claim === undefined ? undefined : { ref: at.ref, field: `${at.field}.match[].${claim}` }
}
