// Writes what Envoy is started with: who it is, where its resources come from, and where it is asked how it does.
import type { JsonObject } from '@bufbuild/protobuf'

export interface BootstrapInit {
  readonly node: JsonObject
  /** Unix socket of the ADS server. */
  readonly ads: string
  /** Unix socket of Envoy's admin interface. */
  readonly admin: string
  /** `ip:port` of the resolver that names are asked of: ours, which tells no address that may not be dialled. */
  readonly resolver: { readonly ip: string; readonly port: number }
}

const xds = 'sallyport-xds'
const mostConnections = 100_000

export function bootstrap({ node, ads, admin, resolver }: BootstrapInit): JsonObject {
  return {
    node,
    admin: { address: { pipe: { path: admin, mode: 0o600 } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: xds } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
    },
    static_resources: { clusters: [serverCluster(ads)] },
    typed_dns_resolver_config: {
      name: 'envoy.network.dns_resolver.cares',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
        resolvers: [{ socket_address: { address: resolver.ip, port_value: resolver.port } }],
        dns_resolver_options: { no_default_search_domain: true },
        // Neither files nor another resolver are asked when ours says no.
        use_resolvers_as_fallback: false,
        query_timeout_seconds: 3,
        query_tries: 1,
        filter_unroutable_families: false,
      },
    },
    stats_config: { stats_matcher: { inclusion_list: { patterns: keptStats.map((prefix) => ({ prefix })) } } },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: mostConnections,
          },
        },
      ],
    },
  }
}

/** What is looked at; ten thousand clusters have a hundred numbers each. */
const keptStats = ['server.', 'listener_manager.', 'cluster_manager.', 'control_plane.']

function serverCluster(path: string): JsonObject {
  return {
    name: xds,
    type: 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '10s', timeout: '5s' } } },
      },
    },
    load_assignment: { cluster_name: xds, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] },
  }
}
