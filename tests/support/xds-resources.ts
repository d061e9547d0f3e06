// Envoy resources as its JSON, as any control plane might write them: a gateway's listener with routes, and clusters with endpoints.
import type { JsonObject } from '@bufbuild/protobuf'

const prefix = 'type.googleapis.com'

export function endpointsJson(name: string, ...ports: readonly number[]): JsonObject {
  return { cluster_name: name, endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: socketAddress(port) } })) }] }
}

export function staticCluster(name: string, ...ports: readonly number[]): JsonObject {
  return { name, type: 'STATIC', connect_timeout: '2s', load_assignment: endpointsJson(name, ...ports) }
}

export function edsCluster(name: string): JsonObject {
  return { name, type: 'EDS', connect_timeout: '2s', eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } } }
}

export function httpListener(name: string, port: number, routes: string): JsonObject {
  return listener(name, port, [httpManager(name, routes)])
}

export function httpManager(name: string, routes: string): JsonObject {
  const manager = {
    '@type': `${prefix}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    rds: { route_config_name: routes, config_source: { ads: {}, resource_api_version: 'V3' } },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${prefix}/envoy.extensions.filters.http.router.v3.Router` } },
    ],
  }
  return { name: 'envoy.filters.network.http_connection_manager', typed_config: manager }
}

export function tcpListener(name: string, port: number, cluster: string): JsonObject {
  return listener(name, port, [tcpProxy(name, cluster)])
}

export function tcpProxy(name: string, cluster: string): JsonObject {
  const proxy = { '@type': `${prefix}/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: name, cluster }
  return { name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }
}

export function listener(name: string, port: number, filters: readonly JsonObject[]): JsonObject {
  return { name, address: socketAddress(port), filter_chains: [{ filters: [...filters] }] }
}

/** Host names to clusters. */
export function routeTable(name: string, hosts: Readonly<Record<string, string>>): JsonObject {
  return {
    name,
    virtual_hosts: Object.entries(hosts).map(([host, cluster]) => ({
      name: host,
      domains: [host],
      routes: [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' } }],
    })),
  }
}

function socketAddress(port: number): JsonObject {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
