// Says how bytes travel to a cluster: plain, in TLS, or behind a PROXY protocol header; what would need more is a problem, never plain bytes.
import type { Any } from '@bufbuild/protobuf/wkt'
import { anyIs } from '@bufbuild/protobuf/wkt'
import { unpackAny } from '../xds/index.ts'
import type { Cluster } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import type { Http2ProtocolOptions } from '../xds/gen/envoy/config/core/v3/protocol_pb.js'
import { ProxyProtocolConfig_Version } from '../xds/gen/envoy/config/core/v3/proxy_protocol_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { UpstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'
import { compileTls } from './cluster-tls.ts'
import { milliseconds } from './milliseconds.ts'
import type { Http2Plan, ProxyHeaderKind, TlsPlan } from './upstream-plan.ts'

export interface ClusterTransport {
  readonly proxyProtocol: false | ProxyHeaderKind
  readonly tls?: TlsPlan
  readonly http2?: Http2Plan
  readonly problem?: string
}

/** `isHop`: the cluster leads to a gateway of our own, which is told of the flow. */
export function compileTransport(cluster: Cluster, isHop: boolean): ClusterTransport {
  const options = httpOptionsOf(cluster)
  const socket = compileSocket(cluster.transportSocket, { options, isHop, host: hostInName(cluster.name) })
  const problem = socket.problem ?? problemOfChoice(cluster) ?? problemOfProtocol(options)
  const http2 = compileHttp2(cluster, options)
  return { ...socket, ...(http2 && { http2 }), ...(problem !== undefined && { problem }) }
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

export function httpOptionsOf(cluster: Cluster): HttpProtocolOptions | undefined {
  const options: Any | undefined = cluster.typedExtensionProtocolOptions[httpOptions]
  return options && unpackAny(options, HttpProtocolOptionsSchema)
}

const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'

interface Around {
  readonly options: HttpProtocolOptions | undefined
  readonly isHop: boolean
  readonly host: string | undefined
}

/** Istio's cluster names end in the host: `outbound|443||api.example.com`. A wildcard is no name to ask for. */
function hostInName(name: string): string | undefined {
  return /^outbound\|\d{1,5}\|[^|]*\|([^*|]+)$/.exec(name)?.[1]?.toLowerCase()
}

function compileSocket(socket: TransportSocket | undefined, around: Around): ClusterTransport {
  if (!socket) return { proxyProtocol: false }
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  if (config && anyIs(config, rawBuffer)) return { proxyProtocol: false }
  const secure = config && unpackAny(config, UpstreamTlsContextSchema)
  if (secure) {
    const compiled = compileTls(secure, around.options?.upstreamHttpProtocolOptions, around.host)
    return { proxyProtocol: false, ...('problem' in compiled ? compiled : { tls: compiled }) }
  }
  const header = config && unpackAny(config, ProxyProtocolUpstreamTransportSchema)
  if (!header) return { proxyProtocol: false, problem: `connecting by "${socket.name}" is not carried out` }
  const inner = compileSocket(header.transportSocket, around)
  if (header.config && header.config.passThroughTlvs) return { ...inner, problem: 'passing PROXY protocol TLVs on is not carried out' }
  if (inner.proxyProtocol) return { ...inner, problem: 'two PROXY protocol headers are not carried out' }
  const isV1 = (header.config?.version ?? ProxyProtocolConfig_Version.V1) === ProxyProtocolConfig_Version.V1
  return { ...inner, proxyProtocol: isV1 ? 'v1' : around.isHop ? 'hop' : 'v2' }
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

/** What is declared to speak something else would answer HTTP/1.1 in ways that nobody understands. */
function problemOfProtocol(options: HttpProtocolOptions | undefined): string | undefined {
  const protocol = options?.upstreamProtocolOptions
  const isHttp3 = protocol?.case === 'explicitHttpConfig' && protocol.value.protocolConfig.case === 'http3ProtocolOptions'
  return isHttp3 ? 'speaking HTTP/3 to the origin is not carried out' : undefined
}

function compileHttp2(cluster: Cluster, options: HttpProtocolOptions | undefined): Http2Plan | undefined {
  const said = options?.upstreamProtocolOptions
  if (said?.case === 'explicitHttpConfig') {
    const { protocolConfig } = said.value
    return protocolConfig.case === 'http2ProtocolOptions' ? http2Plan('always', protocolConfig.value) : undefined
  }
  if (said?.case === 'useDownstreamProtocolConfig') {
    const { http2ProtocolOptions: http2 } = said.value
    return http2 && http2Plan('like-client', http2)
  }
  // The older place, which counts where the newer one says nothing.
  return said === undefined && cluster.http2ProtocolOptions ? http2Plan('always', cluster.http2ProtocolOptions) : undefined
}

function http2Plan(when: Http2Plan['when'], { maxConcurrentStreams: streams, connectionKeepalive: said }: Http2ProtocolOptions): Http2Plan {
  const interval = said?.interval ? milliseconds(said.interval) : 0
  const timeout = said?.timeout ? milliseconds(said.timeout) : 0
  return {
    when,
    ...(streams !== undefined && streams > 0 && { streams }),
    ...(interval > 0 && timeout > 0 && { ping: { interval, timeout } }),
  }
}
