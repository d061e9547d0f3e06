// Builds the small Envoy messages that everything else is put together from.
import { type DescMessage, equals, type MessageShape } from '@bufbuild/protobuf'
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt'
import { parseCidr } from '../base/index.ts'
import { create, extensionNames, packAny, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { type Address, AddressSchema, type CidrRange, CidrRangeSchema } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type ConfigSource, ConfigSourceSchema } from '../xds/gen/envoy/config/core/v3/config_source_pb.js'
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  type FilterChainMatch,
  FilterSchema,
  type ListenerFilter,
  ListenerFilterSchema,
} from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { HttpInspectorSchema } from '../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js'
import { ProxyProtocolSchema } from '../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js'
import { TlsInspectorSchema } from '../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js'
import { TcpProxySchema } from '../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'

/** Of the few that nearly all resources share, one is kept of each. */
const usualDurations = new Map([0, 10_000, 60_000].map((milliseconds) => [milliseconds, makeDuration(milliseconds)]))

export function duration(milliseconds: number): Duration {
  return usualDurations.get(milliseconds) ?? makeDuration(milliseconds)
}

function makeDuration(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1000)
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) })
}

export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  })
}

export function pipeAddress(path: string): Address {
  return create(AddressSchema, { address: { case: 'pipe', value: { path } } })
}

/** An address or a range; `undefined` when it is neither. */
export function cidrRange(text: string): CidrRange | undefined {
  const cidr = parseCidr(text)
  return cidr && create(CidrRangeSchema, { addressPrefix: cidr.ip, prefixLen: cidr.bits })
}

/** The resource comes by the same stream. */
export function adsSource(): ConfigSource {
  return ads
}

const ads = create(ConfigSourceSchema, { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: 2 })

export interface ClusterWeight {
  readonly cluster: string
  readonly weight: number
}

/** One cluster, or several by weight. */
export function tcpProxy(clusters: readonly ClusterWeight[], statPrefix: string, idleTimeoutMs?: number): Filter {
  const only = clusters.length === 1 ? clusters[0] : undefined
  const weights = clusters.map(({ cluster, weight }) => ({ name: cluster, weight }))
  const message = create(TcpProxySchema, {
    statPrefix,
    clusterSpecifier: only ? { case: 'cluster', value: only.cluster } : { case: 'weightedClusters', value: { clusters: weights } },
    ...(idleTimeoutMs !== undefined && { idleTimeout: duration(idleTimeoutMs) }),
  })
  return create(FilterSchema, {
    name: extensionNames.tcpProxy,
    configType: { case: 'typedConfig', value: packAny(TcpProxySchema, message) },
  })
}

export interface ChainInit {
  readonly name?: string
  readonly match?: FilterChainMatch
  readonly filter: Filter
  readonly metadata?: SallyportMetadata
  /** TLS that ends here. */
  readonly transportSocket?: TransportSocket
}

export function filterChain(init: ChainInit): FilterChain {
  return create(FilterChainSchema, {
    name: init.name ?? '',
    filters: [init.filter],
    ...(init.match && { filterChainMatch: init.match }),
    ...(init.transportSocket && { transportSocket: init.transportSocket }),
    ...(init.metadata && { metadata: writeMetadata(init.metadata) }),
  })
}

export function tlsInspector(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: extensionNames.tlsInspector,
    configType: { case: 'typedConfig', value: packAny(TlsInspectorSchema, create(TlsInspectorSchema)) },
  })
}

export function httpInspector(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: extensionNames.httpInspector,
    configType: { case: 'typedConfig', value: packAny(HttpInspectorSchema, create(HttpInspectorSchema)) },
  })
}

export function proxyProtocolFilter(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: extensionNames.proxyProtocolListener,
    configType: { case: 'typedConfig', value: packAny(ProxyProtocolSchema, create(ProxyProtocolSchema)) },
  })
}

/** The earlier message, when it says the same. */
export function unchanged<D extends DescMessage>(schema: D, before: MessageShape<D> | undefined, now: MessageShape<D>): MessageShape<D> {
  return before !== undefined && equals(schema, before, now) ? before : now
}
