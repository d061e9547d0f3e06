// Builds the route table of a gateway's HTTP port: hosts that its servers and the bound VirtualServices have in common.
import { intersectHosts, type RuleSet, type ServerConfig } from '../model/index.ts'
import { compareText, familyOfProtocol, parseProtocol } from '../registry/index.ts'
import type { SallyportMetadata } from '../xds/index.ts'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { Route, VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { type Context, refMetadata, refuseUnsupported } from './context.ts'
import type { GatewayPort } from './gateway-ports.ts'
import { catchAllRedirect, catchAllRefusal, httpRoutes, isCatchAll, isWidened } from './http-routes.ts'
import { routeTable, virtualHost } from './route-tables.ts'

interface HostPlan {
  readonly port: number
  readonly routes: Route[]
  readonly metadata: SallyportMetadata
  /** Server that answers every request for the host with a redirect. */
  redirected?: ServerConfig
  /** Server that refuses the host as a whole. */
  refused?: { readonly server: ServerConfig; readonly field: string }
}

export function gatewayTable(ctx: Context, name: string, port: GatewayPort): RouteConfiguration {
  const plans = new Map<string, HostPlan>()
  for (const server of port.servers) {
    const hosts = addRules(ctx, plans, server)
    const field = refusedServerField(ctx, server)
    if (field !== undefined) refuseHosts(plans, server, field)
    else if (server.server.tls?.httpsRedirect === true) redirectHosts(plans, server, hosts)
  }
  const hosts = joinEqual(plans).map(([domains, plan]) => hostOf(ctx, name, domains, plan))
  hosts.sort((a, b) => compareText(a.name, b.name))
  return routeTable(ctx, name, hosts.length > 0 ? hosts : [emptyHost(ctx, port)])
}

/** Fields of the server, or of the Gateway as a whole, that are not carried out. */
export function refusedServerField(ctx: Context, server: ServerConfig): string | undefined {
  const gateway = ctx.model.gateways.find((one) => one.key === server.gateway)
  return server.unsupported[0] ?? gateway?.unsupported[0] ?? misplacedRedirect(server)
}

/** Only plain requests can be told to come back by HTTPS. */
function misplacedRedirect({ server, field }: ServerConfig): string | undefined {
  const isPlainHttp = familyOfProtocol(parseProtocol(server.port.protocol)) === 'http'
  return server.tls?.httpsRedirect === true && !isPlainHttp ? `${field}.tls.httpsRedirect` : undefined
}

/** Several VirtualServices for one host are joined, unlike at sidecars: oldest first, catch-alls last. Returns the hosts. */
function addRules(ctx: Context, plans: Map<string, HostPlan>, server: ServerConfig): ReadonlySet<string> {
  const hosts = new Set<string>()
  for (const rules of ctx.scope.rules(server.gateway).all) {
    for (const host of intersectHosts(server, rules.namespace, rules.hosts)) {
      const routes = routesFor(ctx, server, rules, host)
      if (routes.length === 0) continue
      hosts.add(host)
      const plan = plans.get(host)
      if (plan !== undefined) plan.routes.push(...routes)
      else plans.set(host, { port: server.server.port.number, routes: [...routes], metadata: refMetadata(rules.ref, 'spec.hosts') })
    }
  }
  return hosts
}

function routesFor(ctx: Context, server: ServerConfig, rules: RuleSet, host: string): readonly Route[] {
  return httpRoutes(ctx, rules, { gateway: server.gateway, port: server.server.port.number, hosts: [host] })
}

/** As in Istio: for every server of the port that has the host, and whether or not a VirtualService has it too. */
function redirectHosts(plans: Map<string, HostPlan>, server: ServerConfig, ruled: ReadonlySet<string>): void {
  for (const host of new Set([...ruled, ...server.hosts.map((own) => own.host)])) {
    const metadata = refMetadata(server.ref, redirectField(server))
    const plan = plans.get(host) ?? { port: server.server.port.number, routes: [], metadata }
    plan.redirected ??= server
    plans.set(host, plan)
  }
}

function redirectField({ field }: ServerConfig): string {
  return `${field}.tls.httpsRedirect`
}

function refuseHosts(plans: Map<string, HostPlan>, server: ServerConfig, field: string): void {
  for (const { host } of server.hosts) {
    const plan = plans.get(host) ?? { port: server.server.port.number, routes: [], metadata: refMetadata(server.ref, field) }
    plan.refused ??= { server, field }
    plans.set(host, plan)
  }
  // Narrower hosts that VirtualServices brought are the server's too.
  for (const [host, plan] of plans) {
    const isOwn = server.hosts.some((own) => own.host === '*' || (own.host.startsWith('*') && host.endsWith(own.host.slice(1))))
    if (isOwn) plan.refused ??= { server, field }
  }
}

/** Hosts with the very same routes are one virtual host, named after the first of them, as in Istio: longer names first. */
function joinEqual(plans: ReadonlyMap<string, HostPlan>): [string[], HostPlan][] {
  const joined: [string[], HostPlan][] = []
  const byFirst = new Map<Route, [string[], HostPlan][]>()
  for (const [host, plan] of [...plans].sort(([a], [b]) => b.length - a.length || compareText(a, b))) {
    const [first] = plan.routes
    const known = first && byFirst.get(first)?.find(([, one]) => isSame(one, plan))
    if (known) {
      known[0].push(host)
      continue
    }
    const made: [string[], HostPlan] = [[host], plan]
    joined.push(made)
    if (first) byFirst.set(first, [...(byFirst.get(first) ?? []), made])
  }
  return joined
}

function isSame(a: HostPlan, b: HostPlan): boolean {
  const isAlike = a.port === b.port && a.refused === b.refused && a.redirected === b.redirected && a.metadata.field === b.metadata.field
  return isAlike && a.routes.length === b.routes.length && a.routes.every((route, i) => route === b.routes[i])
}

function hostOf(ctx: Context, table: string, domains: readonly string[], plan: HostPlan): VirtualHost {
  const [host = ''] = domains
  const name = `${host}:${plan.port}`
  const routes = routesOf(ctx, plan)
  return ctx.kept.assemblies.get(`host ${table} ${host}`, [domains.join(' '), ...routes], () =>
    virtualHost({ name, domains, routes, metadata: plan.metadata }),
  )
}

function routesOf(ctx: Context, { refused, redirected, routes }: HostPlan): readonly Route[] {
  if (refused !== undefined) return [refusingRoute(ctx, refused.server, refused.field)]
  return redirected === undefined ? sortRoutes(routes) : [redirectingRoute(ctx, redirected)]
}

function sortRoutes(routes: readonly Route[]): readonly Route[] {
  const isLast = (route: Route): boolean => isCatchAll(route) && !isWidened(route)
  return [...routes.filter((route) => !isLast(route)), ...routes.filter(isLast)]
}

function refusingRoute(ctx: Context, server: ServerConfig, field: string): Route {
  return ctx.kept.memo.get(server, 'refusing route', [field], () => catchAllRefusal(refuseUnsupported({ ref: server.ref, field })))
}

/**
 * Differs from Istio, which lets the virtual host demand TLS: there a request whose x-forwarded-proto says https is told that there is no route,
 * and nothing says who answered.
 */
function redirectingRoute(ctx: Context, server: ServerConfig): Route {
  const metadata = refMetadata(server.ref, redirectField(server))
  return ctx.kept.memo.get(server, 'redirecting route', [], () => catchAllRedirect(metadata))
}

/** No VirtualService at all: every request is answered with 404, which says that the gateway is there. */
function emptyHost(ctx: Context, port: GatewayPort): VirtualHost {
  const number = port.servers[0]?.server.port.number ?? port.port
  return ctx.kept.assemblies.get(`no host ${port.bind} ${port.port}`, [number], () =>
    virtualHost({ name: `blackhole:${number}`, domains: ['*'], routes: [], metadata: {} }),
  )
}
