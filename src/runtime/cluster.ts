// Compiles a cluster into the way its addresses are found; a kind or a transport that is not carried out makes it refuse.
import { anyIs } from '@bufbuild/protobuf/wkt'
import { messageOf } from '../base/index.ts'
import type { Reason } from '../flow/index.ts'
import { type Cluster, Cluster_DiscoveryType, Cluster_DnsLookupFamily } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { ClusterLoadAssignment } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { compileEndpoints, type DnsEndpoint, type EndpointKind } from './cluster-endpoints.ts'
import { compilePolicy } from './cluster-policy.ts'
import { type ClusterTransport, compileTransport } from './cluster-transport.ts'
import type { CompiledCluster } from './compiled.ts'
import { milliseconds } from './milliseconds.ts'
import { declaredBy } from './reasons.ts'
import { type Awaited, type Problem, under } from './rejection.ts'
import type { Target } from './target.ts'

export type AddressPlan =
  /** Istio's BlackHoleCluster: whatever is led here is declared by nobody. */
  | { readonly kind: 'black-hole' }
  /** Declared addresses and sockets, which are dialled as they are. */
  | { readonly kind: 'endpoints'; readonly targets: readonly Target[] }
  | { readonly kind: 'dns'; readonly endpoints: readonly DnsEndpoint[] }
  /** The address that the client dialled, at its own port or another. */
  | { readonly kind: 'original-destination'; readonly port?: number; readonly isPassthrough: boolean }
  /** The name that the flow carries; `pattern` is the declared host that covers it, where the cluster's name tells. */
  | { readonly kind: 'dynamic'; readonly port?: number; readonly family?: 4 | 6; readonly pattern?: string }

export interface ClusterPlan extends CompiledCluster {
  readonly addresses: AddressPlan
  /** Private addresses are allowed although the name is no exact declaration. */
  readonly privateAllowed: boolean
  /** Milliseconds to connect. */
  readonly connect: number
  readonly reason: Reason
  readonly refusal?: Refusal
}

export interface ClusterResult {
  readonly cluster: ClusterPlan
  readonly problems: readonly Problem[]
  /** What is wrong in the endpoints' own resource. */
  readonly endpointProblems: readonly Problem[]
}

/** Istio's names for "nowhere" and "where the client wanted to go". */
export const blackHoleCluster = 'BlackHoleCluster'
export const passthroughCluster = 'PassthroughCluster'

/** Envoy's Cluster.connect_timeout. */
const defaultConnectTimeout = 5000

const known = new WeakMap<Cluster, { readonly assignment: ClusterLoadAssignment | undefined; readonly result: ClusterResult }>()

/** `assignment` is the cluster's entry among the snapshot's endpoints, if it has one. What is not kept is compiled again when it is used. */
export function compileCluster(
  cluster: Cluster,
  assignment: ClusterLoadAssignment | undefined,
  then: 'keep' | 'forget' = 'keep',
): ClusterResult {
  const found = known.get(cluster)
  if (found && found.assignment === assignment) return found.result
  const result = compileSafely(cluster, assignment)
  if (then === 'keep') known.set(cluster, { assignment, result })
  return result
}

function compileSafely(cluster: Cluster, assignment: ClusterLoadAssignment | undefined): ClusterResult {
  try {
    return compile(cluster, assignment)
  } catch (error) {
    const message = `the cluster cannot be read: ${messageOf(error)}`
    const plan = planOf(cluster, { kind: 'endpoints', targets: [] }, undefined, notSupported(message))
    return { cluster: plan, problems: [{ path: '', message }], endpointProblems: [] }
  }
}

function compile(cluster: Cluster, assignment: ClusterLoadAssignment | undefined): ClusterResult {
  const { refusal: annotated, ref, said: words } = readAnnotations(cluster.metadata)
  const transport = compileTransport(cluster, words.gateway === true)
  const found = findAddresses(cluster, assignment)
  const problem = transport.problem ?? found.problem
  const refusal = annotated ?? (problem === undefined ? undefined : notSupported(problem))
  const problems: Problem[] = annotated || problem === undefined ? [] : [{ path: '', message: problem, ...(ref && { ref }) }]
  return {
    cluster: planOf(cluster, found.plan, transport, refusal),
    problems: [...problems, ...under('load_assignment', found.inline)],
    endpointProblems: found.discovered,
  }
}

function planOf(
  cluster: Cluster,
  addresses: AddressPlan,
  transport: ClusterTransport | undefined,
  refusal: Refusal | undefined,
): ClusterPlan {
  const { ref, said } = readAnnotations(cluster.metadata)
  return {
    name: cluster.name,
    gateway: said.gateway === true,
    proxyProtocol: transport?.proxyProtocol ?? false,
    ...(transport?.tls && { tls: transport.tls }),
    ...(transport?.http2 && { http2: transport.http2 }),
    ...compilePolicy(cluster),
    addresses,
    privateAllowed: said.privateNames === 'allow',
    connect: cluster.connectTimeout ? milliseconds(cluster.connectTimeout) : defaultConnectTimeout,
    reason: declaredBy(ref),
    ...(ref && { ref }),
    ...(refusal && { refusal }),
  }
}

interface FoundAddresses {
  readonly plan: AddressPlan
  readonly problem?: string
  readonly inline: readonly Problem[]
  readonly discovered: readonly Problem[]
}

const none: AddressPlan = { kind: 'endpoints', targets: [] }

function findAddresses(cluster: Cluster, assignment: ClusterLoadAssignment | undefined): FoundAddresses {
  const { clusterDiscoveryType: type } = cluster
  if (cluster.name === blackHoleCluster) return found({ kind: 'black-hole' })
  if (type.case === 'clusterType') return findCustom(cluster)
  switch (type.value ?? Cluster_DiscoveryType.STATIC) {
    case Cluster_DiscoveryType.STATIC:
      return listed(cluster.loadAssignment, 'static', 'inline')
    case Cluster_DiscoveryType.EDS:
      return assignment ? listed(assignment, 'static', 'discovered') : undiscovered(cluster)
    case Cluster_DiscoveryType.STRICT_DNS:
      return listed(cluster.loadAssignment, 'dns', 'inline', familyOf(cluster.dnsLookupFamily))
    case Cluster_DiscoveryType.LOGICAL_DNS:
      return firstOnly(listed(cluster.loadAssignment, 'dns', 'inline', familyOf(cluster.dnsLookupFamily)))
    case Cluster_DiscoveryType.ORIGINAL_DST:
      return findOriginalDestination(cluster)
    default:
      return { ...found(none), problem: `the cluster type ${String(type.value)} is not carried out` }
  }
}

function found(plan: AddressPlan): FoundAddresses {
  return { plan, inline: [], discovered: [] }
}

function listed(
  assignment: ClusterLoadAssignment | undefined,
  kind: EndpointKind,
  where: 'inline' | 'discovered',
  family?: 4 | 6,
): FoundAddresses {
  if (!assignment) return found(none)
  const { endpoints, targets, problems } = compileEndpoints(assignment, kind, family)
  const plan: AddressPlan = kind === 'dns' ? { kind: 'dns', endpoints } : { kind: 'endpoints', targets }
  return where === 'inline' ? { plan, inline: problems, discovered: [] } : { plan, inline: [], discovered: problems }
}

function undiscovered({ name, edsClusterConfig }: Cluster): FoundAddresses {
  const awaits: Awaited = { type: 'endpoints', name: edsClusterConfig?.serviceName || name }
  return { plan: none, inline: [], discovered: [{ path: '', message: 'the cluster has no endpoints resource', awaits }] }
}

/** A logical DNS cluster has one endpoint (Istio's DNS_ROUND_ROBIN with several uses the first). */
function firstOnly(result: FoundAddresses): FoundAddresses {
  return result.plan.kind === 'dns' ? { ...result, plan: { ...result.plan, endpoints: result.plan.endpoints.slice(0, 1) } } : result
}

function findOriginalDestination(cluster: Cluster): FoundAddresses {
  const isPassthrough = cluster.name === passthroughCluster
  const { lbConfig } = cluster
  if (lbConfig.case !== 'originalDstLbConfig') return found({ kind: 'original-destination', isPassthrough })
  const { useHttpHeader, metadataKey, upstreamPortOverride: port } = lbConfig.value
  const problem = useHttpHeader || metadataKey ? 'taking the destination from a header or metadata is not carried out' : undefined
  const plan: AddressPlan = { kind: 'original-destination', isPassthrough, ...(port && { port }) }
  return { ...found(plan), ...(problem !== undefined && { problem }) }
}

const dynamicForwardProxy = 'envoy.clusters.dynamic_forward_proxy'
const dynamicForwardProxyConfig = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'

function findCustom(cluster: Cluster): FoundAddresses {
  const { clusterDiscoveryType: type } = cluster
  if (type.case !== 'clusterType') return found(none)
  const { name, typedConfig } = type.value
  const isDynamic = typedConfig ? anyIs(typedConfig, dynamicForwardProxyConfig) : name === dynamicForwardProxy
  if (!isDynamic) return { ...found(none), problem: `the cluster type "${name}" is not carried out` }
  const said = partsOfName(cluster.name)
  const family = familyOf(cluster.dnsLookupFamily)
  return found({ kind: 'dynamic', ...said, ...(family && { family }) })
}

/** Istio's cluster names say the declared port and host: `outbound|443||*.example.com`. */
function partsOfName(name: string): { readonly port?: number; readonly pattern?: string } {
  const [, port, pattern] = /^outbound\|(\d{1,5})\|[^|]*\|([^|]+)$/.exec(name) ?? []
  return port === undefined || pattern === undefined ? {} : { port: Number(port), pattern: pattern.toLowerCase() }
}

/** The other settings only order what the resolver gives, which the executor does. */
function familyOf(family: Cluster_DnsLookupFamily): 4 | 6 | undefined {
  if (family === Cluster_DnsLookupFamily.V4_ONLY) return 4
  return family === Cluster_DnsLookupFamily.V6_ONLY ? 6 : undefined
}
