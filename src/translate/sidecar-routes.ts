// Builds the route tables of a sidecar: one per port that HTTP services share, and one per sniffed service with an address of its own.
import type { Steps } from '../base/index.ts'
import { create } from '../xds/index.ts'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { type Route, type VirtualHost, VirtualHostSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { RuleSet } from '../model/index.ts'
import { compareText, defaultPort, isRange, type Service } from '../registry/index.ts'
import { clusterKind } from './cluster-kind.ts'
import { type Context, refMetadata } from './context.ts'
import { defaultRoute, httpRoutes } from './http-routes.ts'
import { type Filling, Parallel } from './memo.ts'
import type { Closed } from './kept-parts.ts'
import { closedHost } from './narrower-hosts.ts'
import { clusterName, shortForms } from './names.ts'
import type { PlacedHost } from './plain-table.ts'
import { routeTable, ruleMetadata, unknownHosts, virtualHost } from './route-tables.ts'

export interface TablePlan {
  readonly port: number
  readonly services: Service[]
  /** Hosts that a wildcard on this port does not speak for. */
  readonly closed: readonly Closed[]
}

export interface BuiltTable {
  readonly table: RouteConfiguration
  /** Some VirtualService has a say in it. */
  readonly isRuled: boolean
  /** Its virtual hosts, where each stands for the name of one service and nothing else can come in between. */
  readonly plain?: readonly VirtualHost[]
}

/** So many hosts are placed before others get their turn. */
const STEP = 256

/** The table of a port: every visible service that may speak HTTP there, and the hosts that VirtualServices add. */
export function* sharedTable(ctx: Context, plan: TablePlan): Steps<BuiltTable> {
  const { port } = plan
  const table: Table = { port, services: byHostName(ctx, plan.services), claimed: new Set(), hosts: [], isPlain: ctx.strict }
  const served = new Set<Service>()
  const ruled = ruledHosts(ctx, table)
  for (const one of ruled) {
    if (one.service !== undefined) served.add(one.service)
    place(ctx, table, ruledHost(ctx, one))
  }
  yield* placeDefaults(ctx, table, served)
  yield
  for (const closed of plan.closed) if (closed.family === 'http') placeClosed(ctx, table, closed)
  // Services came by name, so this is nearly sorted.
  table.hosts.sort((a, b) => compareText(a.name, b.name))
  yield
  const hosts = [...table.hosts, unknownHosts(ctx)]
  const isPlain = table.isPlain && ctx.scope.rules('mesh').all.length === 0 && table.services.size === plan.services.length
  return { table: routeTable(ctx, String(port), hosts), isRuled: ruled.length > 0, ...(isPlain && { plain: hosts }) }
}

/** How a service stands in the table of a port when no rule speaks about it. */
export function defaultHost(ctx: Context, service: Service, port: number): PlacedHost {
  const host = service.host.toLowerCase()
  const domains = domainsOf(host, service, ctx.proxy.namespace)
  return { host: buildHost(ctx, { host, port, service }, domains), domains }
}

/** The table of a sniffed service behind an address of its own. */
export function ownTable(ctx: Context, name: string, service: Service, port: number): BuiltTable {
  const { host } = service
  const found = rulesFor(ctx, service, port)
  const literals = service.addresses.filter((address) => !isRange(address)).map(literal)
  const virtual = ctx.model.virtualAddresses(service)
  // Differs from Istio, where whatever Host says is the service's: the name has to be the service's, or its address.
  const own = [host, `${host}.`, ...literals, ...(virtual === undefined ? [] : [virtual.v4, literal(virtual.v6)])]
  const inputs = [ctx.strict, virtual, found?.routes, found?.rules, ctx.model.settings.mesh.defaultHttpRetryPolicy]
  const init = { host, port, service, ...found }
  const made = ctx.kept.memo.get(service, `own ${port}`, inputs, () => buildHost(ctx, init, ctx.strict ? own : ['*']))
  const table = routeTable(ctx, name, ctx.strict ? [made, unknownHosts(ctx)] : [made])
  return { table, isRuled: found !== undefined }
}

/** A table in the making. */
interface Table {
  readonly port: number
  /** By host, in order of names. */
  readonly services: ReadonlyMap<string, Service>
  /** Domains that are taken; names of services are taken by them from the beginning. */
  readonly claimed: Set<string>
  readonly hosts: VirtualHost[]
  /** No host has asked for more than its name. */
  isPlain: boolean
}

interface HostInit {
  readonly host: string
  readonly port: number
  readonly service?: Service
  readonly rules?: RuleSet
  readonly routes?: readonly Route[]
}

interface RuledHost extends HostInit {
  readonly rules: RuleSet
  readonly routes: readonly Route[]
}

/** Of several services of one host the last counts, as in Istio. */
function byHostName(ctx: Context, services: Service[]): ReadonlyMap<string, Service> {
  services.sort((a, b) => compareText(a.host, b.host))
  const byHost = new Map<string, Service>()
  for (const service of services) byHost.set(ctx.strict ? service.host : service.host.toLowerCase(), service)
  return byHost
}

/** Differs from Istio: what is dialled as the client dialled it must not be chosen by a Host header. */
export function isChosenByAddressOnly(ctx: Context, service: Service, port: number): boolean {
  const destination = ctx.strict ? ctx.scope.destination(service.host) : undefined
  return destination !== undefined && clusterKind(ctx, destination, port) === 'original-dst'
}

/** Virtual hosts that VirtualServices speak about, in order of precedence. A VirtualService without a rule for the port is as if absent. */
function ruledHosts(ctx: Context, { port, services }: Table): RuledHost[] {
  const index = ctx.scope.rules('mesh')
  if (index.all.length === 0) return []
  const covered = servicesByWildcard(ctx, services)
  return index.all.flatMap((rules) => {
    const exact = rules.hosts.filter((host) => !host.startsWith('*'))
    const named = exact.flatMap((host) => services.get(host.toLowerCase()) ?? [])
    const chosen = [...named, ...(covered.get(rules) ?? [])]
    const idle = rules.hosts.filter((host) => host.startsWith('*') && (covered.get(rules)?.length ?? 0) === 0)
    const unknown = [...exact.filter((host) => !services.has(host.toLowerCase())), ...idle]
    // A host without a service is served on port 80, or beside a service of the same VirtualService.
    const extra = port === 80 || chosen.length > 0 ? unknown : []
    const inits = [
      ...extra.map((host) => ({ host, port, rules })),
      ...chosen.map((service) => ({ host: service.host.toLowerCase(), port, rules, service })),
    ]
    return inits.flatMap((init) => {
      const routes = httpRoutes(ctx, rules, { gateway: 'mesh', port, hosts: [init.host] })
      return routes.length === 0 ? [] : [{ ...init, routes }]
    })
  })
}

/** Services that no VirtualService names exactly, by the one with the most specific wildcard. */
function servicesByWildcard(ctx: Context, services: ReadonlyMap<string, Service>): Map<RuleSet, Service[]> {
  const index = ctx.scope.rules('mesh')
  const covered = new Map<RuleSet, Service[]>()
  if (!index.all.some((rules) => rules.hosts.some((host) => host.startsWith('*')))) return covered
  for (const service of services.values()) {
    const rules = index.covering(service.host)
    if (rules === undefined) continue
    const list = covered.get(rules)
    if (list === undefined) covered.set(rules, [service])
    else list.push(service)
  }
  return covered
}

function rulesFor(ctx: Context, service: Service, port: number): { rules: RuleSet; routes: readonly Route[] } | undefined {
  const index = ctx.scope.rules('mesh')
  const covering = index.covering(service.host)
  for (const rules of [...index.naming(service.host), ...(covering === undefined ? [] : [covering])]) {
    const routes = httpRoutes(ctx, rules, { gateway: 'mesh', port, hosts: [service.host] })
    if (routes.length > 0) return { rules, routes }
  }
  return undefined
}

function ruledHost(ctx: Context, ruled: RuledHost): PlacedHost {
  const { host, port, service, rules, routes } = ruled
  const domains = domainsOf(host, service, ctx.proxy.namespace)
  const inputs = [routes, domains.join(' ')]
  return ctx.kept.memo.get(rules, `host ${host}:${port}`, inputs, () => ({ host: buildHost(ctx, ruled, domains), domains }))
}

/** The services that no VirtualService speaks about. */
function* placeDefaults(ctx: Context, table: Table, served: ReadonlySet<Service>): Steps<void> {
  const services = [...table.services.values()]
  const placed = yield* hostsOf(ctx, table.port).all(ctx, services)
  for (const [i, one] of placed.entries()) {
    if (i % STEP === STEP - 1) yield
    const service = services[i]
    if (service === undefined || served.has(service)) continue
    const [name = '', dotted = ''] = one.domains
    // A name with its dotted form can only collide with what VirtualServices and addresses have claimed.
    const isPlain = ctx.strict && one.domains.length === 2 && !table.claimed.has(name) && !table.claimed.has(dotted)
    if (isPlain) table.hosts.push(one.host)
    else place(ctx, table, one)
  }
}

function placeClosed(ctx: Context, table: Table, closed: Closed): void {
  if (table.services.has(closed.service.host)) return
  const made = closedHost(ctx, closed)
  place(ctx, table, { host: made, domains: made.domains })
}

function hostsOf(ctx: Context, port: number): Parallel<Context, Service, PlacedHost> {
  const known = ctx.kept.hosts.get(port)
  if (known !== undefined) return known
  const made = new Parallel((now: Context, service: Service) => fillHost(now, service, port))
  ctx.kept.hosts.set(port, made)
  return made
}

function fillHost(ctx: Context, service: Service, port: number): Filling<PlacedHost> {
  const make = (): PlacedHost => defaultHost(ctx, service, port)
  return { inputs: [ctx.model.settings.mesh.defaultHttpRetryPolicy], isSettled: true, make }
}

/** Left out when its name is taken; loses those of its other domains that are. */
function place(ctx: Context, table: Table, { host, domains }: PlacedHost): void {
  table.isPlain = false
  const free = domains.filter((domain, i) => isFree(table, domain, i === 0))
  if (free[0] === undefined || free[0] !== domains[0]) return
  for (const domain of free) table.claimed.add(domain)
  if (free.length === domains.length) table.hosts.push(host)
  else table.hosts.push(ctx.kept.memo.get(host, 'fewer domains', [free.join(' ')], () => withDomains(host, free)))
}

function withDomains(host: VirtualHost, domains: readonly string[]): VirtualHost {
  const { name, routes, metadata, includeRequestAttemptCount } = host
  const made = create(VirtualHostSchema, { name, domains: [...domains], includeRequestAttemptCount })
  made.routes = routes
  if (metadata !== undefined) made.metadata = metadata
  return made
}

function isFree(table: Table, domain: string, isName: boolean): boolean {
  if (table.claimed.has(domain)) return false
  // A short form or an address never takes the full name of another service.
  return isName || !table.services.has(domain)
}

function domainsOf(host: string, service: Service | undefined, namespace: string): readonly string[] {
  const lower = host.toLowerCase()
  if (service === undefined) return [lower]
  const address = service.addresses.at(-1)
  return [lower, `${lower}.`, ...shortForms(lower, namespace), ...(address === undefined ? [] : [literal(address)])]
}

/** As it stands in a Host header. */
function literal(address: string): string {
  return address.includes(':') && !isRange(address) ? `[${address}]` : address
}

function buildHost(ctx: Context, init: HostInit, domains: readonly string[]): VirtualHost {
  const { host, port, service, rules, routes } = init
  const name = `${host}:${port}`
  if (rules !== undefined && routes !== undefined) return virtualHost({ name, domains, routes, metadata: ruleMetadata(rules) })
  const cluster = clusterName(defaultPort(service, port), '', host)
  const metadata = service === undefined ? {} : refMetadata(service.ref, service.field)
  return virtualHost({ name, domains, routes: [defaultRoute(ctx, cluster, metadata)], metadata })
}
