// Builds small snapshots and facts for tests and benchmarks, in the words of the resources they stand for.
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf'
import { anyPack, type Any, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt'
import { type Address, parseAddress, parseCidr, parseIp } from '../base/index.ts'
import type { ConnectionFacts, FirstBytes, NameFacts, RequestFacts, Resolution } from '../flow/index.ts'
import { type OriginPlace, type SallyportMetadata, type Snapshot, writeMetadata } from '../xds/index.ts'
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { AddressSchema } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import {
  type FilterChain,
  FilterChainMatchSchema,
  FilterChainSchema,
  FilterSchema,
} from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import {
  type Route,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { type RouteConfiguration, RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { type DnsTable_DnsVirtualDomain, DnsTable_DnsVirtualDomainSchema } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import { RouterSchema } from '../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.js'
import { HttpConnectionManagerSchema } from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { TcpProxySchema } from '../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'

/** A message's fields, of which any may be left out. */
export type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { $typeName: string }>

export interface SnapshotParts {
  readonly version?: number
  readonly listeners?: readonly Listener[]
  readonly routes?: readonly RouteConfiguration[]
  readonly clusters?: readonly Cluster[]
  readonly endpoints?: readonly ClusterLoadAssignment[]
  /** Addresses by declared host. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly origins?: Readonly<Record<string, OriginPlace>>
}

export function snapshotOf(parts: SnapshotParts): Snapshot {
  const byName = <T extends { readonly name: string }>(all: readonly T[] = []) => new Map(all.map((each) => [each.name, each]))
  return {
    version: parts.version ?? 1,
    listeners: byName(parts.listeners),
    routes: byName(parts.routes),
    clusters: byName(parts.clusters),
    endpoints: new Map((parts.endpoints ?? []).map((each) => [each.clusterName, each])),
    secrets: new Map(),
    names: new Map(Object.entries(parts.names ?? {}).map(([host, addresses]) => [host, declaredName(host, addresses)])),
    origins: new Map(Object.entries(parts.origins ?? {})),
  }
}

export function declaredName(host: string, addresses: readonly string[]): DnsTable_DnsVirtualDomain {
  return create(DnsTable_DnsVirtualDomainSchema, {
    name: host,
    endpoint: { endpointConfig: { case: 'addressList', value: { address: [...addresses] } } },
  })
}

/** Metadata that refers to a ServiceEntry (or another kind, `Kind/namespace/name`) and says more. */
export function refTo(ref: string, more: SallyportMetadata = {}): SallyportMetadata {
  const [kind = '', namespace = '', name = ''] = ref.split('/')
  return { kind, namespace, name, ...more }
}

export function duration(milliseconds: number): Duration {
  return create(DurationSchema, { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1e6 })
}

/** `1.2.3.4:80`, `[::1]:80`, `name:80` or `/a/socket`. */
export function addressOf(text: string) {
  if (text.startsWith('/')) return create(AddressSchema, { address: { case: 'pipe', value: { path: text } } })
  const known = parseAddress(text)
  const colon = text.lastIndexOf(':')
  const [address, port] = known ? [known.ip, known.port] : [text.slice(0, colon), Number(text.slice(colon + 1))]
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  })
}

export interface ListenerParts extends Omit<Init<typeof ListenerSchema>, 'name' | 'metadata'> {
  readonly chains?: readonly FilterChain[]
  readonly otherwise?: FilterChain
  readonly said?: SallyportMetadata
}

/** A sidecar's listener: not bound, reached by its addresses. */
export function listener(name: string, at: readonly string[], parts: ListenerParts = {}): Listener {
  const { chains = [], otherwise, said, ...fields } = parts
  const [address, ...more] = at.map(addressOf)
  return create(ListenerSchema, {
    name,
    ...(address && { address }),
    additionalAddresses: more.map((extra) => ({ address: extra })),
    bindToPort: false,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: duration(0),
    filterChains: [...chains],
    ...(otherwise && { defaultFilterChain: otherwise }),
    ...(said && { metadata: writeMetadata(said) }),
    ...fields,
  })
}

export function gatewayListener(name: string, at: string, parts: ListenerParts = {}): Listener {
  return listener(name, [at], { bindToPort: true, ...parts })
}

export interface PolicyParts {
  readonly policy?: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly strictness?: 'strict' | 'istio'
}

/** As Istio has it: the loop guard, and the catch-all of the outbound policy. */
export function virtualOutbound({ policy = 'REGISTRY_ONLY', strictness = 'strict' }: PolicyParts = {}): Listener {
  return listener('virtualOutbound', ['0.0.0.0:15001'], {
    useOriginalDst: true,
    chains: [
      tcpChain('BlackHoleCluster', {
        name: 'virtualOutbound-blackhole',
        match: { destinationPort: 15001 },
        said: { refuse: 'not-declared' },
      }),
      catchAll(policy, 'virtualOutbound-catchall-tcp'),
    ],
    said: refTo('ConfigMap/istio-system/istio', { strictness, outboundPolicy: policy }),
  })
}

export function catchAll(policy: 'REGISTRY_ONLY' | 'ALLOW_ANY' = 'REGISTRY_ONLY', name = 'PassthroughFilterChain'): FilterChain {
  if (policy === 'ALLOW_ANY') return tcpChain('PassthroughCluster', { name })
  return tcpChain('BlackHoleCluster', { name, said: { refuse: 'not-declared' } })
}

export interface ChainParts {
  readonly name?: string
  readonly match?: Init<typeof FilterChainMatchSchema>
  readonly said?: SallyportMetadata
}

export function chain(filters: readonly Any[], { name = 'chain', match, said }: ChainParts = {}): FilterChain {
  return create(FilterChainSchema, {
    name,
    filters: filters.map((value) => create(FilterSchema, { name: value.typeUrl, configType: { case: 'typedConfig', value } })),
    ...(match && { filterChainMatch: create(FilterChainMatchSchema, match) }),
    ...(said && { metadata: writeMetadata(said) }),
  })
}

export function tcpChain(cluster: string | Readonly<Record<string, number>>, parts: ChainParts = {}): FilterChain {
  return chain([tcpProxy(cluster)], { name: typeof cluster === 'string' ? cluster : 'weighted', ...parts })
}

export function tcpProxy(cluster: string | Readonly<Record<string, number>>, fields: Init<typeof TcpProxySchema> = {}): Any {
  const clusters = typeof cluster === 'string' ? [] : Object.entries(cluster).map(([name, weight]) => ({ name, weight }))
  const clusterSpecifier =
    typeof cluster === 'string'
      ? ({ case: 'cluster', value: cluster } as const)
      : ({ case: 'weightedClusters', value: { clusters } } as const)
  return anyPack(TcpProxySchema, create(TcpProxySchema, { statPrefix: 'tcp', clusterSpecifier, ...fields }))
}

/** As Istio's on a shared port: HTTP/1.1 and h2c in plain text. */
export function sniffedHttpChain(routes: string, parts: ChainParts = {}): FilterChain {
  const match = { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'], ...parts.match }
  return httpChain(routes, { ...parts, match })
}

export function httpChain(routes: string, parts: ChainParts = {}): FilterChain {
  return chain([httpManager(routes)], { name: 'http', ...parts })
}

export function httpManager(routes: string, fields: Init<typeof HttpConnectionManagerSchema> = {}): Any {
  const router = { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } as const
  const message = create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'rds', value: { routeConfigName: routes } },
    httpFilters: [{ name: 'envoy.filters.http.router', configType: router }],
    normalizePath: true,
    ...fields,
  })
  return anyPack(HttpConnectionManagerSchema, message)
}

export function routeTable(name: string, virtualHosts: readonly VirtualHost[], fields: Init<typeof RouteConfigurationSchema> = {}) {
  return create(RouteConfigurationSchema, { name, virtualHosts: [...virtualHosts], ignorePortInHostMatching: true, ...fields })
}

export function virtualHost(name: string, domains: readonly string[], routes: readonly Route[], said?: SallyportMetadata): VirtualHost {
  return create(VirtualHostSchema, {
    name,
    domains: [...domains],
    routes: [...routes],
    ...(said && { metadata: writeMetadata(said) }),
  })
}

export interface RouteParts {
  readonly name?: string
  readonly match?: Init<typeof RouteMatchSchema>
  readonly action?: Init<typeof RouteActionSchema>
  readonly said?: SallyportMetadata
}

export function route(action: Route['action'], { name = '', match, said }: RouteParts = {}): Route {
  const specifier = { pathSpecifier: { case: 'prefix', value: '/' } } as const
  return create(RouteSchema, {
    name,
    match: create(RouteMatchSchema, { ...specifier, ...match }),
    action,
    ...(said && { metadata: writeMetadata(said) }),
  })
}

/** Without a timeout, as translate writes it. */
export function routeTo(cluster: string | Readonly<Record<string, number>>, parts: RouteParts = {}): Route {
  const clusters = typeof cluster === 'string' ? [] : Object.entries(cluster).map(([name, weight]) => ({ name, weight }))
  const clusterSpecifier =
    typeof cluster === 'string'
      ? ({ case: 'cluster', value: cluster } as const)
      : ({ case: 'weightedClusters', value: { clusters } } as const)
  const value = create(RouteActionSchema, { clusterSpecifier, timeout: duration(0), ...parts.action })
  return route({ case: 'route', value }, { name: 'default', ...parts })
}

export function answer(status: number, parts: RouteParts = {}): Route {
  const { action } = create(RouteSchema, { action: { case: 'directResponse', value: { status } } })
  return route(action, parts)
}

/** The last virtual host of a sidecar's route table. */
export function otherHosts({ policy = 'REGISTRY_ONLY', strictness = 'strict' }: PolicyParts = {}): VirtualHost {
  if (policy === 'ALLOW_ANY') return virtualHost('allow_any', ['*'], [routeTo('PassthroughCluster', { name: 'allow_any' })])
  const status = strictness === 'strict' ? 403 : 502
  const said = { refuse: 'not-declared' }
  return virtualHost('block_all', ['*'], [answer(status, strictness === 'strict' ? { name: 'block_all', said } : { name: 'block_all' })])
}

export interface ClusterParts extends Omit<Init<typeof ClusterSchema>, 'name' | 'metadata' | 'clusterDiscoveryType'> {
  readonly said?: SallyportMetadata
}

function cluster(name: string, type: Cluster['clusterDiscoveryType'], { said, ...fields }: ClusterParts = {}): Cluster {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: type,
    connectTimeout: duration(10_000),
    ...(said && { metadata: writeMetadata(said) }),
    ...fields,
  })
}

export function endpointsOf(name: string, endpoints: readonly string[]): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [
      { lbEndpoints: endpoints.map((text) => ({ hostIdentifier: { case: 'endpoint', value: { address: addressOf(text) } } }) as const) },
    ],
  })
}

export function edsCluster(name: string, parts: ClusterParts = {}): Cluster {
  return cluster(name, { case: 'type', value: Cluster_DiscoveryType.EDS }, parts)
}

export function staticCluster(name: string, endpoints: readonly string[], parts: ClusterParts = {}): Cluster {
  return cluster(name, { case: 'type', value: Cluster_DiscoveryType.STATIC }, { loadAssignment: endpointsOf(name, endpoints), ...parts })
}

export function dnsCluster(name: string, endpoints: readonly string[], parts: ClusterParts = {}): Cluster {
  return cluster(
    name,
    { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
    { loadAssignment: endpointsOf(name, endpoints), ...parts },
  )
}

export function logicalDnsCluster(name: string, endpoints: readonly string[], parts: ClusterParts = {}): Cluster {
  return cluster(
    name,
    { case: 'type', value: Cluster_DiscoveryType.LOGICAL_DNS },
    { loadAssignment: endpointsOf(name, endpoints), ...parts },
  )
}

export function originalDstCluster(name: string, parts: ClusterParts = {}): Cluster {
  return cluster(name, { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST }, parts)
}

export function customCluster(name: string, type: string, parts: ClusterParts = {}): Cluster {
  const { clusterDiscoveryType } = create(ClusterSchema, { clusterDiscoveryType: { case: 'clusterType', value: { name: type } } })
  return cluster(name, clusterDiscoveryType, parts)
}

export function dynamicCluster(name: string, parts: ClusterParts = {}): Cluster {
  return customCluster(name, 'envoy.clusters.dynamic_forward_proxy', parts)
}

export function blackHole(): Cluster {
  return cluster('BlackHoleCluster', { case: 'type', value: Cluster_DiscoveryType.STATIC })
}

export function passthrough(): Cluster {
  return originalDstCluster('PassthroughCluster')
}

export interface FactParts {
  readonly to: string
  readonly first?: FirstBytes
  readonly virtualName?: string
  readonly listener?: string
  /** What the resolver has said so far: addresses, or `failed` in words. */
  readonly names?: Readonly<Record<string, readonly string[] | string>>
  readonly random?: number
}

export function connection({ to, names = {}, random = 0, ...rest }: FactParts): ConnectionFacts {
  return { kind: 'connection', source: at('198.18.0.11:40000'), destination: at(to), names: namesOf(names), random, ...rest }
}

/** Lines of a header in order, by its name in lower case. */
export type Lines = Readonly<Record<string, string | readonly string[]>>

export interface RequestPartsInit extends Partial<Pick<RequestFacts, 'method' | 'path' | 'random' | 'scheme'>> {
  readonly headers?: Lines
  /** By purpose; 0 where nothing is said. */
  readonly chance?: Readonly<Record<string, number>>
}

export function request(on: ConnectionFacts, authority: string, { headers = {}, chance = {}, ...parts }: RequestPartsInit = {}) {
  const facts: RequestFacts = {
    kind: 'request',
    connection: on,
    method: 'GET',
    path: '/',
    scheme: 'http',
    headers: (name) => [headers[name] ?? []].flat(),
    chance: (purpose) => chance[purpose] ?? 0,
    authority,
    names: on.names,
    random: on.random,
    ...parts,
  }
  return facts
}

export function namesOf(table: Readonly<Record<string, readonly string[] | string>>): NameFacts {
  const known = new Map<string, Resolution>()
  for (const [name, answered] of Object.entries(table)) {
    const addresses = typeof answered === 'string' ? [] : answered.flatMap((text) => parseIp(text) ?? [])
    known.set(name, typeof answered === 'string' ? { failed: answered, expires: 1 } : { addresses, expires: 1 })
  }
  return (name) => known.get(name)
}

export function tls(sni?: string, alpn: readonly string[] = []): FirstBytes {
  return { protocol: 'tls', alpn, ...(sni !== undefined && { sni }) }
}

export function http1(host?: string): FirstBytes {
  return { protocol: 'http1', method: 'GET', target: '/', ...(host !== undefined && { host }) }
}

export const silent: FirstBytes = { protocol: 'silent' }
export const otherBytes: FirstBytes = { protocol: 'other' }

export function at(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new TypeError(`not an address: ${text}`)
  return address
}

export function ranges(...texts: readonly string[]) {
  return texts.map((text) => {
    const cidr = parseCidr(text)
    if (!cidr) throw new TypeError(`not a range: ${text}`)
    return { addressPrefix: cidr.ip, prefixLen: cidr.bits }
  })
}
