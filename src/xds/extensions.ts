// Names the extensions that resources use.

/** Names of the extensions that are used, as Envoy registers them. */
export const extensionNames = {
  tcpProxy: 'envoy.filters.network.tcp_proxy',
  httpConnectionManager: 'envoy.filters.network.http_connection_manager',
  router: 'envoy.filters.http.router',
  fault: 'envoy.filters.http.fault',
  cors: 'envoy.filters.http.cors',
  tlsInspector: 'envoy.filters.listener.tls_inspector',
  httpInspector: 'envoy.filters.listener.http_inspector',
  proxyProtocolListener: 'envoy.filters.listener.proxy_protocol',
  originalDst: 'envoy.filters.listener.original_dst',
  proxyProtocolUpstream: 'envoy.transport_sockets.upstream_proxy_protocol',
  rawBuffer: 'envoy.transport_sockets.raw_buffer',
  tls: 'envoy.transport_sockets.tls',
  httpProtocolOptions: 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  dynamicForwardProxy: 'envoy.clusters.dynamic_forward_proxy',
} as const
