// Completes network filters for stock Envoy: records of requests, and the look-up of names that traffic carries.
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { create, extensionNames, packAny } from '../../xds/index.ts'
import { Cluster_DnsLookupFamily } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { type Filter, FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { DnsCacheConfigSchema } from '../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js'
import { FilterConfigSchema } from '../../xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js'
import {
  Config_ValueType,
  ConfigSchema as HeaderToMetadataSchema,
} from '../../xds/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js'
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js'
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  HttpFilterSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { FilterConfigSchema as SniFilterConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js'
import { type TcpProxy, TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'
import { hopNamespace, requestLogs } from './access-log.ts'
import type { TraitsByName } from './cluster-traits.ts'
import type { StockSite } from './site.ts'

export const httpFilterNames = { rbac: 'envoy.filters.http.rbac', dynamicForwardProxy: 'envoy.filters.http.dynamic_forward_proxy' } as const

/** One cache for all that asks by a name of the traffic, as the clusters of the translation have it. */
const dnsCache = create(DnsCacheConfigSchema, {
  name: 'declared_wildcards',
  dnsLookupFamily: Cluster_DnsLookupFamily.ALL,
  maxHosts: 1024,
})

export interface FilterSite {
  readonly site: StockSite
  readonly traits: TraitsByName
  /** Where the connection was dialled, which is where a name of the traffic is dialled too. */
  readonly port: number
}

export function stockFilters(filters: readonly Filter[], at: FilterSite): Filter[] {
  return filters.flatMap((filter) => {
    const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined
    if (config === undefined) return [filter]
    const manager = anyUnpack(config, HttpConnectionManagerSchema)
    if (manager !== undefined) return [packed(filter.name, packAny(HttpConnectionManagerSchema, complete(manager, at.site)))]
    const tcp = anyUnpack(config, TcpProxySchema)
    return tcp !== undefined && clustersOf(tcp).some((name) => at.traits(name)?.isDynamic) ? [lookUp(at.port), filter] : [filter]
  })
}

/** The clusters that a chain's last filter leads to; none for HTTP, whose routes say it. */
export function clustersOf({ clusterSpecifier: to }: TcpProxy): readonly string[] {
  return to.case === 'cluster' ? [to.value] : to.case === 'weightedClusters' ? to.value.clusters.map(({ name }) => name) : []
}

function packed(name: string, value: ReturnType<typeof packAny>): Filter {
  return create(FilterSchema, { name, configType: { case: 'typedConfig', value } })
}

function lookUp(port: number): Filter {
  const config = create(SniFilterConfigSchema, { dnsCacheConfig: dnsCache, portSpecifier: { case: 'portValue', value: port } })
  return packed('envoy.filters.network.sni_dynamic_forward_proxy', packAny(SniFilterConfigSchema, config))
}

/** What the hop before told of the flow is for the record alone. */
const hopHeaders = create(HttpFilterSchema, {
  name: 'envoy.filters.http.header_to_metadata',
  configType: {
    case: 'typedConfig',
    value: packAny(HeaderToMetadataSchema, create(HeaderToMetadataSchema, { requestRules: [kept('flow'), kept('source')] })),
  },
})

function kept(key: 'flow' | 'source') {
  return {
    header: `x-sallyport-${key}`,
    onHeaderPresent: { metadataNamespace: hopNamespace, key, type: Config_ValueType.STRING },
    remove: true,
  }
}

/** Always the same filters, so that a wildcard that comes or goes changes no listener: they do nothing where no route asks them to. */
function complete(manager: HttpConnectionManager, site: StockSite): HttpConnectionManager {
  if (site.role === 'gateway') manager.httpFilters.unshift(hopHeaders)
  const last = manager.httpFilters.findIndex(({ name }) => name === extensionNames.router)
  const byName = create(FilterConfigSchema, { implementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache } })
  manager.httpFilters.splice(
    last < 0 ? manager.httpFilters.length : last,
    0,
    create(HttpFilterSchema, {
      name: httpFilterNames.rbac,
      configType: { case: 'typedConfig', value: packAny(RBACSchema, create(RBACSchema)) },
    }),
    create(HttpFilterSchema, {
      name: httpFilterNames.dynamicForwardProxy,
      configType: { case: 'typedConfig', value: packAny(FilterConfigSchema, byName) },
    }),
  )
  manager.accessLog = requestLogs(site, manager.accessLog)
  return manager
}
