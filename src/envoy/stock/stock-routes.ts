// Turns route tables into what stock Envoy is given: refusals become answers, and hops to gateways carry the id of their flow.
import type { Steps } from '../../base/index.ts'
import { create, packAny, readMetadata, type SallyportMetadata, writeMetadata } from '../../xds/index.ts'
import { HeaderValueOption_HeaderAppendAction, HeaderValueOptionSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { CidrRangeSchema } from '../../xds/gen/envoy/config/core/v3/address_pb.js'
import {
  PermissionSchema,
  type Policy,
  PolicySchema,
  PrincipalSchema,
  RBAC_Action,
  RBACSchema as RulesSchema,
} from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.js'
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.js'
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.js'
import {
  HeaderMatcherSchema,
  type Route,
  type RouteAction,
  RouteMatchSchema,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RBACPerRouteSchema, RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js'
import { altered } from './altered.ts'
import type { ClusterTraits, TraitsByName } from './cluster-traits.ts'
import { decisionHeaders, refusingAction } from './refusals.ts'
import { requestId, type StockSite } from './site.ts'
import { httpFilterNames } from './stock-filters.ts'

export interface RouteSite {
  readonly site: StockSite
  readonly strict: boolean
  readonly traits: TraitsByName
}

const passthrough = 'PassthroughCluster'
const ownHeaders = ['x-sallyport-flow', 'x-sallyport-source']

/** So many virtual hosts are made between two moments at which others may have their turn. */
const STEP = 16

export class StockRoutes {
  readonly #hosts = new WeakMap<VirtualHost, { readonly key: string; readonly host: VirtualHost }>()
  readonly #tables = new WeakMap<RouteConfiguration, { readonly hosts: readonly VirtualHost[]; readonly table: RouteConfiguration }>();

  /** The same object again while the table and the kinds of its clusters are the same. */
  *table(table: RouteConfiguration, at: RouteSite): Steps<RouteConfiguration> {
    const hosts: VirtualHost[] = []
    for (const host of table.virtualHosts) {
      hosts.push(this.#host(host, table.name, at))
      if (hosts.length % STEP === 0) yield
    }
    const known = this.#tables.get(table)
    if (known !== undefined && known.hosts.every((host, i) => host === hosts[i])) return known.table
    const made = altered(RouteConfigurationSchema, table, { virtualHosts: hosts })
    this.#tables.set(table, { hosts, table: made })
    return made
  }

  #host(host: VirtualHost, table: string, at: RouteSite): VirtualHost {
    const key = host.routes.map((route) => traitKey(traitsOfRoute(route, at.traits))).join()
    const known = this.#hosts.get(host)
    if (known?.key === key) return known.host
    const made = stockHost(host, table, at)
    this.#hosts.set(host, { key, host: made })
    return made
  }
}

function stockHost(host: VirtualHost, table: string, at: RouteSite): VirtualHost {
  const said = readMetadata(host.metadata)
  const routes = said.refuse === undefined ? host.routes.flatMap((route) => stockRoute(route, table, at)) : [refusalOf(host, said, at)]
  return altered(VirtualHostSchema, host, { routes })
}

function refusalOf(host: VirtualHost, metadata: SallyportMetadata, at: RouteSite): Route {
  const match = create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } })
  return refused(create(RouteSchema, { name: `${host.name}-refused`, match }), metadata, at, 403)
}

function stockRoute(route: Route, table: string, at: RouteSite): readonly Route[] {
  const said = readMetadata(route.metadata)
  if (said.refuse !== undefined) return [refused(route, said, at, route.action.case === 'directResponse' ? route.action.value.status : 403)]
  if (route.action.case !== 'route') return [route]
  const traits = traitsOfRoute(route, at.traits)
  const made = altered(RouteSchema, route, {
    requestHeadersToRemove: [...route.requestHeadersToRemove, ...ownHeaders],
    ...(traits.isGateway && { requestHeadersToAdd: [...route.requestHeadersToAdd, ...hopHeaders(at.site)] }),
    ...(at.strict && isPassthrough(route.action.value) && { typedPerFilterConfig: { ...route.typedPerFilterConfig, ...guard(at.site) } }),
  })
  return traits.isDynamic && at.strict ? atOwnPort(made, said, table, at) : [made]
}

function refused(route: Route, metadata: SallyportMetadata, at: RouteSite, status: number): Route {
  const { name, match } = route
  return create(RouteSchema, {
    name,
    ...(match && { match }),
    action: { case: 'directResponse', value: refusingAction({ ...at, metadata }, status) },
    metadata: writeMetadata(metadata),
    ...(at.strict && { responseHeadersToAdd: decisionHeaders(at.site) }),
  })
}

function traitsOfRoute({ action }: Route, traits: TraitsByName): ClusterTraits {
  const names = action.case === 'route' ? clustersOf(action.value) : []
  const all = names.map((name) => traits(name))
  return {
    isGateway: all.some((one) => one?.isGateway),
    isDynamic: all.some((one) => one?.isDynamic),
    refusal: undefined,
  }
}

function traitKey({ isGateway, isDynamic }: ClusterTraits): string {
  return `${isGateway ? 'g' : ''}${isDynamic ? 'd' : ''}`
}

function clustersOf({ clusterSpecifier: to }: RouteAction): readonly string[] {
  if (to.case === 'cluster') return [to.value]
  return to.case === 'weightedClusters' ? to.value.clusters.map(({ name }) => name) : []
}

function isPassthrough(action: RouteAction): boolean {
  return clustersOf(action).includes(passthrough)
}

function hopHeaders({ records }: StockSite) {
  if (records === undefined) return []
  const appendAction = HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
  return [
    create(HeaderValueOptionSchema, { header: { key: 'x-sallyport-flow', value: requestId(records) }, appendAction }),
    create(HeaderValueOptionSchema, { header: { key: 'x-sallyport-source', value: records.workload }, appendAction }),
  ]
}

/** What nothing declares goes to the dialled address, but not to one that is never reached without being declared. */
function guard({ neverReached }: StockSite) {
  const ranges = neverReached.map(({ ip, bits }) => create(CidrRangeSchema, { addressPrefix: ip, prefixLen: bits }))
  const rules = ranges.map((value) => create(PermissionSchema, { rule: { case: 'destinationIp', value } }))
  const policy = create(PolicySchema, {
    permissions: [create(PermissionSchema, { rule: { case: 'orRules', value: { rules } } })],
    principals: [create(PrincipalSchema, { identifier: { case: 'any', value: true } })],
  })
  const policies: Record<string, Policy> = rules.length === 0 ? {} : { 'never-reached': policy }
  const rbac = create(RBACSchema, { rules: create(RulesSchema, { action: RBAC_Action.DENY, policies }) })
  return { [httpFilterNames.rbac]: packAny(RBACPerRouteSchema, create(RBACPerRouteSchema, { rbac })) }
}

/** Envoy dials the port that a Host header says, and 80 if it says none: only the port of the table itself is declared. */
function atOwnPort(route: Route, said: SallyportMetadata, table: string, at: RouteSite): readonly Route[] {
  const port = /(\d+)$/.exec(table)?.[1] ?? '80'
  const regex = `[^:]+${port === '80' ? '(:80)?' : `:${port}`}`
  const authority = create(HeaderMatcherSchema, {
    name: ':authority',
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'safeRegex', value: { regex } } } },
  })
  const match = altered(RouteMatchSchema, route.match, { headers: [...(route.match?.headers ?? []), authority] })
  const refuseText = `the Host header has to say port ${port}${port === '80' ? ' or none' : ''}, which is the one that is declared`
  return [altered(RouteSchema, route, { match }), refused(route, { ...said, refuse: 'destination-mismatch', refuseText }, at, 403)]
}
