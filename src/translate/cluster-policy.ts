// Says in Envoy's words how the load of a cluster is shared out and limited, and when an endpoint is left out: a DestinationRule's numbers.
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Any } from '@bufbuild/protobuf/wkt'
import type { ConnectionPool, HttpPool, LoadBalancer, OutlierDetection as OutlierSettings, TcpPool, TrafficPolicy } from '../api/index.ts'
import { parseDuration } from '../base/index.ts'
import type { EffectivePolicy } from '../model/index.ts'
import { create, extensionNames, packAny } from '../xds/index.ts'
import { type CircuitBreakers, CircuitBreakersSchema } from '../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.js'
import { Cluster_LbPolicy } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { OutlierDetectionSchema } from '../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.js'
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'
import type { AutoNames } from './cluster-transport.ts'
import { duration } from './messages.ts'
import { protocolOptions, type UpstreamProtocol } from './upstream-protocol.ts'

type ConsistentHash = NonNullable<LoadBalancer['consistentHash']>
type RetryBudget = NonNullable<TrafficPolicy['retryBudget']>

/** Everything but discovery and transport. Zero counts are the same as none, as in Istio. */
export function clusterPolicy(policy: EffectivePolicy, names: AutoNames | undefined, protocol: UpstreamProtocol) {
  const pool = policy.connectionPool?.value
  const outlier = policy.outlierDetection?.value
  const keepAlive = pool?.tcp?.tcpKeepalive
  return {
    circuitBreakers: circuitBreakers(pool, policy.retryBudget?.value),
    ...(keepAlive && { upstreamConnectionOptions: { tcpKeepalive: keepAliveInit(keepAlive) } }),
    ...(outlier && {
      outlierDetection: outlierInit(outlier),
      commonLbConfig: { healthyPanicThreshold: { value: outlier.minHealthPercent ?? 0 } },
    }),
    ...httpOptions({ pool, names, hash: policy.loadBalancer?.value.consistentHash, protocol }),
  }
}

/** Ours for clusters whose endpoints we choose among. */
export function balancerOf(policy: EffectivePolicy) {
  const { simple, consistentHash: hash } = policy.loadBalancer?.value ?? {}
  if (hash) return hashBalancer(hash)
  switch (simple) {
    case 'ROUND_ROBIN':
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN }
    case 'RANDOM':
      return { lbPolicy: Cluster_LbPolicy.RANDOM }
    default:
      return { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST }
  }
}

function hashBalancer({ maglev, ringHash, minimumRingSize }: ConsistentHash) {
  if (maglev) {
    const value = maglev.tableSize ? { tableSize: BigInt(maglev.tableSize) } : {}
    return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: 'maglevLbConfig', value } } as const
  }
  const value = { minimumRingSize: BigInt(ringHash?.minimumRingSize || minimumRingSize || 1024) }
  return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { case: 'ringHashLbConfig', value } } as const
}

/**
 * Differs from Istio, which writes this into every route that leads to the cluster: here it stands once, where Envoy looks when the route says
 * nothing. Istio's order of precedence, should several be set.
 */
function hashPolicies({ httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName }: ConsistentHash) {
  if (httpHeaderName) return [{ policySpecifier: { case: 'header', value: { headerName: httpHeaderName } } }] as const
  if (httpCookie?.name) return [{ policySpecifier: { case: 'cookie', value: { name: httpCookie.name } } }] as const
  if (useSourceIp) return [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } }] as const
  if (!httpQueryParameterName) return []
  return [{ policySpecifier: { case: 'queryParameter', value: { name: httpQueryParameterName } } }] as const
}

/** "No limit" in Istio's words; Envoy's own default would be 1024 of each. */
const unlimited = 4_294_967_295

function circuitBreakers(pool: ConnectionPool | undefined, budget: RetryBudget | undefined): CircuitBreakers {
  const { tcp, http } = pool ?? {}
  const said = [tcp?.maxConnections, http?.http1MaxPendingRequests, http?.http2MaxRequests, http?.maxRetries]
  return budget || said.some((count) => (count ?? 0) > 0) ? limitedBreakers({ tcp, http, budget }) : noBreakers
}

interface Limits {
  readonly tcp?: TcpPool | undefined
  readonly http?: HttpPool | undefined
  readonly budget?: RetryBudget | undefined
}

function limitedBreakers({ tcp, http, budget }: Limits): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: tcp?.maxConnections || unlimited,
        maxPendingRequests: http?.http1MaxPendingRequests || unlimited,
        maxRequests: http?.http2MaxRequests || unlimited,
        maxRetries: http?.maxRetries || unlimited,
        trackRemaining: true,
        ...(budget && { retryBudget: budgetInit(budget) }),
      },
    ],
  })
}

const noBreakers = limitedBreakers({})

function budgetInit({ percent, minRetryConcurrency }: RetryBudget) {
  return {
    ...(percent !== undefined && { budgetPercent: { value: percent } }),
    ...(minRetryConcurrency !== undefined && { minRetryConcurrency }),
  }
}

function keepAliveInit({ probes, time, interval }: NonNullable<TcpPool['tcpKeepalive']>) {
  const seconds = (text: string | undefined) => (text === undefined ? undefined : Math.ceil((parseDuration(text) ?? 0) / 1000))
  const [keepaliveTime, keepaliveInterval] = [seconds(time), seconds(interval)]
  return {
    ...(probes !== undefined && { keepaliveProbes: probes }),
    ...(keepaliveTime !== undefined && { keepaliveTime }),
    ...(keepaliveInterval !== undefined && { keepaliveInterval }),
  }
}

function outlierInit(outlier: OutlierSettings): MessageInitShape<typeof OutlierDetectionSchema> {
  const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures, interval, baseEjectionTime } = outlier
  const enforced = (count: number) => (count > 0 ? 100 : 0)
  const local = consecutiveLocalOriginFailures ?? 0
  return {
    // Istio switches what Envoy counts by success rates off.
    enforcingSuccessRate: 0,
    ...(consecutive5xxErrors !== undefined && {
      consecutive5xx: consecutive5xxErrors,
      enforcingConsecutive5xx: enforced(consecutive5xxErrors),
    }),
    ...(consecutiveGatewayErrors !== undefined && {
      consecutiveGatewayFailure: consecutiveGatewayErrors,
      enforcingConsecutiveGatewayFailure: enforced(consecutiveGatewayErrors),
    }),
    ...(interval !== undefined && { interval: time(interval) }),
    ...(baseEjectionTime !== undefined && { baseEjectionTime: time(baseEjectionTime) }),
    ...((outlier.maxEjectionPercent ?? 0) > 0 && { maxEjectionPercent: outlier.maxEjectionPercent }),
    ...(outlier.splitExternalLocalOriginErrors === true && {
      splitExternalLocalOriginErrors: true,
      ...(local > 0 && { consecutiveLocalOriginFailure: local, enforcingConsecutiveLocalOriginFailure: 100 }),
      enforcingLocalOriginSuccessRate: 0,
    }),
  }
}

interface HttpOptionsInit {
  readonly pool?: ConnectionPool | undefined
  readonly names?: AutoNames | undefined
  readonly hash?: ConsistentHash | undefined
  readonly protocol: UpstreamProtocol
}

/** Nothing where all is as Envoy has it by itself. */
export function httpOptions({ pool, names, hash, protocol }: HttpOptionsInit): { typedExtensionProtocolOptions?: Record<string, Any> } {
  const { tcp, http } = pool ?? {}
  const idle = http?.idleTimeout ?? tcp?.idleTimeout
  const lifetime = tcp?.maxConnectionDuration
  const requests = http?.maxRequestsPerConnection ?? 0
  const hasCommon = idle !== undefined || lifetime !== undefined || requests > 0
  const hasNames = names !== undefined && (names.autoSni || names.autoSanValidation)
  if (!hasCommon && !hasNames && !hash && protocol === 'http1') return {}
  const options = create(HttpProtocolOptionsSchema, {
    ...(hasCommon && {
      commonHttpProtocolOptions: {
        ...(idle !== undefined && { idleTimeout: time(idle) }),
        ...(lifetime !== undefined && { maxConnectionDuration: time(lifetime) }),
        ...(requests > 0 && { maxRequestsPerConnection: requests }),
      },
    }),
    ...(hasNames && { upstreamHttpProtocolOptions: names }),
    ...(hash && { hashPolicy: [...hashPolicies(hash)] }),
    upstreamProtocolOptions: protocolOptions(protocol, http),
  })
  return { typedExtensionProtocolOptions: { [extensionNames.httpProtocolOptions]: packAny(HttpProtocolOptionsSchema, options) } }
}

function time(text: string) {
  return duration(parseDuration(text) ?? 0)
}
