// Boils what a cluster says beyond its endpoints down to words, as far as it is not what every cluster says.
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import type { Duration } from '@bufbuild/protobuf/wkt'
import { type Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { OutlierDetection } from '../../src/xds/gen/envoy/config/cluster/v3/outlier_detection_pb.js'
import type { TransportSocket } from '../../src/xds/gen/envoy/config/core/v3/base_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../../src/xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { UpstreamTlsContextSchema } from '../../src/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { HttpProtocolOptionsSchema } from '../../src/xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'

export function policyTexts(cluster: Cluster): string[] {
  const { clusterDiscoveryType: type, lbPolicy, connectTimeout, circuitBreakers, outlierDetection, transportSocket } = cluster
  const isChosen = type.value !== Cluster_DiscoveryType.ORIGINAL_DST && type.value !== Cluster_DiscoveryType.STATIC
  const hasOwnWay = isChosen && type.case === 'type' && lbPolicy !== Cluster_LbPolicy.LEAST_REQUEST
  const connect = connectTimeout && text(connectTimeout)
  return [
    ...(hasOwnWay ? [`lb=${Cluster_LbPolicy[lbPolicy]}`] : []),
    ...(connect === undefined || connect === '10000ms' ? [] : [`connect=${connect}`]),
    ...socketTexts(transportSocket),
    ...httpTexts(cluster),
    ...(circuitBreakers?.thresholds ?? []).flatMap((limits) => [
      ...limit('max_connections', limits.maxConnections),
      ...limit('max_pending_requests', limits.maxPendingRequests),
      ...limit('max_requests', limits.maxRequests),
      ...limit('max_retries', limits.maxRetries),
    ]),
    ...(outlierDetection ? [`outlier(${outlierTexts(outlierDetection).join(' ')})`] : []),
  ]
}

/** "No limit" is what every cluster says. */
function limit(name: string, count: number | undefined): string[] {
  return count === undefined || count === 4_294_967_295 ? [] : [`${name}=${count}`]
}

function text({ seconds, nanos }: Duration): string {
  return `${Number(seconds) * 1000 + nanos / 1e6}ms`
}

function socketTexts(socket: TransportSocket | undefined): string[] {
  const config = socket?.configType.case === 'typedConfig' ? socket.configType.value : undefined
  const header = config && anyUnpack(config, ProxyProtocolUpstreamTransportSchema)
  if (header) return ['proxy-protocol', ...socketTexts(header.transportSocket)]
  const tls = config && anyUnpack(config, UpstreamTlsContextSchema)
  if (!tls) return []
  const validation = tls.commonTlsContext?.validationContextType
  const combined = validation?.case === 'combinedValidationContext' ? validation.value : undefined
  const trusts = combined?.validationContextSdsSecretConfig?.name ?? 'inline'
  const names =
    combined?.defaultValidationContext?.matchSubjectAltNames.map(({ matchPattern: match }) =>
      match.case === 'exact' ? match.value : '?',
    ) ?? []
  return [`tls=${trusts}`, `sni=${tls.sni || '-'}`, ...(names.length > 0 ? [`sans=${names.join()}`] : [])]
}

function httpTexts(cluster: Cluster): string[] {
  const packed = cluster.typedExtensionProtocolOptions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions']
  const names = packed && anyUnpack(packed, HttpProtocolOptionsSchema)?.upstreamHttpProtocolOptions
  return [...(names?.autoSni ? ['auto-sni'] : []), ...(names?.autoSanValidation ? ['auto-san-validation'] : [])]
}

function outlierTexts(outlier: OutlierDetection): string[] {
  const said = {
    base_ejection_time: outlier.baseEjectionTime && text(outlier.baseEjectionTime),
    consecutive_5xx: outlier.consecutive5xx,
    consecutive_gateway_failure: outlier.consecutiveGatewayFailure,
    enforcing_consecutive_5xx: outlier.enforcingConsecutive5xx,
    enforcing_consecutive_gateway_failure: outlier.enforcingConsecutiveGatewayFailure,
    enforcing_success_rate: outlier.enforcingSuccessRate,
    interval: outlier.interval && text(outlier.interval),
    max_ejection_percent: outlier.maxEjectionPercent,
  }
  return Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
}
