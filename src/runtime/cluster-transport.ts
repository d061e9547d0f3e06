// Says how bytes travel to a cluster: plain, or behind a PROXY protocol header; what would need more is a problem, never plain bytes.
import type { Any } from '@bufbuild/protobuf/wkt'
import { anyIs, anyUnpack } from '@bufbuild/protobuf/wkt'
import type { Cluster } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { ProxyProtocolConfig_Version } from '../xds/gen/envoy/config/core/v3/proxy_protocol_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'

export interface ClusterTransport {
  readonly proxyProtocol: boolean
  readonly problem?: string
}

export function compileTransport(cluster: Cluster): ClusterTransport {
  const socket = compileSocket(cluster.transportSocket)
  const problem = socket.problem ?? problemOfChoice(cluster) ?? problemOfProtocol(cluster)
  return { proxyProtocol: socket.proxyProtocol, ...(problem !== undefined && { problem }) }
}

const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'

function compileSocket(socket: TransportSocket | undefined): ClusterTransport {
  if (!socket) return { proxyProtocol: false }
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  if (config && anyIs(config, rawBuffer)) return { proxyProtocol: false }
  const header = config && anyUnpack(config, ProxyProtocolUpstreamTransportSchema)
  if (!header) return { proxyProtocol: false, problem: `connecting by "${socket.name}" is not carried out` }
  if (header.config?.version !== ProxyProtocolConfig_Version.V2) {
    return { proxyProtocol: false, problem: 'sending a PROXY protocol header other than version 2 is not carried out' }
  }
  return { proxyProtocol: true, ...withProblem(compileSocket(header.transportSocket)) }
}

/** What is inside the PROXY protocol may be plain bytes only. */
function withProblem(inner: ClusterTransport): { problem?: string } {
  if (inner.problem !== undefined) return { problem: inner.problem }
  return inner.proxyProtocol ? { problem: 'two PROXY protocol headers are not carried out' } : {}
}

/** Whatever picks endpoints or transports by metadata would widen when it were ignored. */
function problemOfChoice(cluster: Cluster): string | undefined {
  if (cluster.transportSocketMatches.length > 0 || cluster.transportSocketMatcher) {
    return 'choosing the transport by endpoint metadata is not carried out'
  }
  if (cluster.lbSubsetConfig) return 'choosing endpoints by metadata is not carried out'
  if (cluster.filters.length > 0) return 'upstream filters are not carried out'
  return undefined
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** HTTP/1.1 sent to a server that was declared to speak HTTP/2 only would fail in ways that nobody understands. */
function problemOfProtocol(cluster: Cluster): string | undefined {
  const options: Any | undefined = cluster.typedExtensionProtocolOptions[httpOptions]
  const protocol = options && anyUnpack(options, HttpProtocolOptionsSchema)?.upstreamProtocolOptions
  const isExplicit = protocol?.case === 'explicitHttpConfig' && protocol.value.protocolConfig.case !== 'httpProtocolOptions'
  return isExplicit || cluster.http2ProtocolOptions ? 'speaking HTTP/2 to the origin is not carried out' : undefined
}
