// Writes a bootstrap for stock Envoy as its own documentation has it: who it is, and where an ADS server answers.

export interface BootstrapPlan {
  readonly apiType: string
  /** `HOST:PORT`, or the path of a Unix socket. */
  readonly ads: string
  /** Port of loopback. */
  readonly admin: number
  readonly node: object
}

export function plainBootstrap({ apiType, ads: server, admin, node }: BootstrapPlan): object {
  const ads = { ads: {}, resource_api_version: 'V3' }
  return {
    node,
    admin: { address: addressOf(`127.0.0.1:${admin}`) },
    dynamic_resources: {
      ads_config: { api_type: apiType, transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          connect_timeout: '2s',
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(server) } }] }] },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  }
}

function addressOf(text: string): object {
  if (text.startsWith('/')) return { pipe: { path: text } }
  const [address = '', port = ''] = text.split(':')
  return { socket_address: { address, port_value: Number(port) } }
}
