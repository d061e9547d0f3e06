// Compiles how the load of a cluster is shared out and limited, and when an endpoint is left out for a while.
import type { Duration } from '@bufbuild/protobuf/wkt'
import { RoutingPriority } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import type { CircuitBreakers_Thresholds_RetryBudget } from '../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.js'
import { type Cluster, Cluster_LbPolicy } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { OutlierDetection } from '../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.js'
import { httpOptionsOf } from './cluster-transport.ts'
import type { CompiledCluster } from './compiled.ts'
import { milliseconds } from './milliseconds.ts'
import type { Balancing, HashRule, OutlierPlan, PoolPlan } from './upstream-plan.ts'

export function compilePolicy(cluster: Cluster): Pick<CompiledCluster, 'balancing' | 'hash' | 'pool' | 'outlier'> {
  const pool = compilePool(cluster)
  const { outlierDetection } = cluster
  const balancing = balancings[cluster.lbPolicy] ?? 'round-robin'
  const hash = balancing === 'hash' ? compileHash(cluster) : undefined
  return {
    balancing,
    ...(hash && { hash }),
    ...(Object.keys(pool).length > 0 && { pool }),
    ...(outlierDetection && { outlier: compileOutlier(outlierDetection, cluster) }),
  }
}

const balancings: { readonly [P in Cluster_LbPolicy]?: Balancing } = {
  [Cluster_LbPolicy.LEAST_REQUEST]: 'least-request',
  [Cluster_LbPolicy.RANDOM]: 'random',
  [Cluster_LbPolicy.RING_HASH]: 'hash',
  [Cluster_LbPolicy.MAGLEV]: 'hash',
}

/** The first way counts: Istio writes one, and a mixture of several is not carried out. */
function compileHash(cluster: Cluster): HashRule | undefined {
  const specifier = httpOptionsOf(cluster)?.hashPolicy[0]?.policySpecifier
  switch (specifier?.case) {
    case 'header':
      return { by: 'header', name: specifier.value.headerName.toLowerCase() }
    case 'cookie':
      return { by: 'cookie', name: specifier.value.name }
    case 'queryParameter':
      return { by: 'query', name: specifier.value.name }
    case 'connectionProperties':
      return specifier.value.sourceIp ? { by: 'source', name: '' } : undefined
    default:
      return undefined
  }
}

/** Istio's "no limit". */
const unlimited = 4_294_967_295

function compilePool(cluster: Cluster): PoolPlan {
  const limits = cluster.circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT)
  const http = httpOptionsOf(cluster)?.commonHttpProtocolOptions
  const { tcpKeepalive } = cluster.upstreamConnectionOptions ?? {}
  return present({
    connections: limitOf(limits?.maxConnections),
    pending: limitOf(limits?.maxPendingRequests),
    requests: limitOf(limits?.maxRequests),
    retries: limitOf(limits?.maxRetries),
    retryBudget: limits?.retryBudget && budgetOf(limits.retryBudget),
    requestsPerConnection: http?.maxRequestsPerConnection || undefined,
    idle: timeOf(http?.idleTimeout),
    duration: timeOf(http?.maxConnectionDuration),
    // Linux begins after two hours when nothing else is said.
    keepAlive: tcpKeepalive && (tcpKeepalive.keepaliveTime ?? 7200) * 1000,
  })
}

/** Envoy's defaults. */
function budgetOf({ budgetPercent, minRetryConcurrency }: CircuitBreakers_Thresholds_RetryBudget) {
  return { percent: budgetPercent?.value ?? 20, least: minRetryConcurrency ?? 3 }
}

function limitOf(count: number | undefined): number | undefined {
  return count === unlimited ? undefined : count
}

function timeOf(duration: Duration | undefined): number | undefined {
  return duration && milliseconds(duration)
}

type Maybe<T> = { readonly [K in keyof T]: T[K] | undefined }

function present(parts: Maybe<PoolPlan>): PoolPlan {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
}

/** Absent values are Envoy's defaults. A detector counts only as far as it is enforced: 0 of 100 is off. */
function compileOutlier(message: OutlierDetection, cluster: Cluster): OutlierPlan {
  const split = message.splitExternalLocalOriginErrors
  const base = timeOf(message.baseEjectionTime) ?? 30_000
  return {
    consecutive5xx: message.enforcingConsecutive5xx === 0 ? 0 : (message.consecutive5xx ?? 5),
    consecutiveGateway: (message.enforcingConsecutiveGatewayFailure ?? 0) === 0 ? 0 : (message.consecutiveGatewayFailure ?? 5),
    consecutiveLocal: !split || message.enforcingConsecutiveLocalOriginFailure === 0 ? 0 : (message.consecutiveLocalOriginFailure ?? 5),
    splitLocal: split,
    interval: timeOf(message.interval) ?? 10_000,
    baseEjection: base,
    maxEjection: Math.max(timeOf(message.maxEjectionTime) ?? 300_000, base),
    maxEjectionPercent: message.maxEjectionPercent ?? 10,
    panicPercent: cluster.commonLbConfig?.healthyPanicThreshold?.value ?? 50,
  }
}
