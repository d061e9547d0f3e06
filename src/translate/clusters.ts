// Builds the clusters of every destination that the proxy sees, one for each port and subset, with their endpoints.
import { parseDuration } from '../base/index.ts'
import { type Destination, type DestinationPolicy, type EffectivePolicy, effectivePolicy, type FieldRef } from '../model/index.ts'
import { isWildcardHost, type ServicePort } from '../registry/index.ts'
import { create, extensionNames, packAny, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  Cluster_RefreshRateSchema,
  ClusterSchema,
} from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { ProxyProtocolConfig_Version } from '../xds/gen/envoy/config/core/v3/proxy_protocol_pb.js'
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ClusterConfigSchema } from '../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js'
import { type ClusterKind, clusterKind } from './cluster-kind.ts'
import { type BuiltClusters, type Context, policyOf, refMetadata, refuseUnsupported } from './context.ts'
import { balancerOf, clusterPolicy, httpOptions } from './cluster-policy.ts'
import { autoNames, begins, meshSocket, namelessTls, proxyProtocolSocket, transportSocket } from './cluster-transport.ts'
import { isEgressGateway, isEmbedded, isOwnGateway } from './egress-gateway.ts'
import { loadAssignment } from './endpoints.ts'
import type { Filling } from './memo.ts'
import { adsSource, duration, unchanged } from './messages.ts'
import { blackHole, clusterName, passthrough } from './names.ts'
import { upstreamProtocol } from './upstream-protocol.ts'

/** Istio's default, which the mesh may change. */
const defaultConnectTimeout = 10_000

export function fillClusters(ctx: Context, destination: Destination): Filling<BuiltClusters> {
  const policy = policyOf(ctx, destination.service)
  const { mesh, sallyport } = ctx.model.settings
  const isGateway = isEgressGateway(ctx, destination)
  const isOwn = isEmbedded(ctx, destination)
  const isLoop = ctx.strict && isOwnGateway(ctx, destination)
  const inputs = [policy, ctx.strict, mesh.connectTimeout, mesh.h2UpgradePolicy, sallyport.privateNames, isGateway, isOwn, isLoop]
  return { inputs, isSettled: true, make: () => buildClusters(ctx, { destination, policy, isGateway, isLoop }) }
}

function buildClusters(ctx: Context, init: Omit<Init, 'port' | 'subset'>): BuiltClusters {
  const clusters: Cluster[] = []
  const endpoints: ClusterLoadAssignment[] = []
  for (const port of init.destination.service.ports) {
    if (port.family === 'none') continue
    for (const subset of ['', ...(init.policy?.subsets ?? []).map((one) => one.value.name)]) {
      buildCluster(ctx, { ...init, port, subset }, clusters, endpoints)
    }
  }
  const { maps } = ctx.kept
  return {
    clusters: clusters.map((now) => unchanged(ClusterSchema, maps.clusters.map.get(now.name), now)),
    endpoints: endpoints.map((now) => unchanged(ClusterLoadAssignmentSchema, maps.endpoints.map.get(now.clusterName), now)),
  }
}

interface Init {
  readonly destination: Destination
  readonly port: ServicePort
  readonly subset: string
  readonly policy: DestinationPolicy | undefined
  readonly isGateway: boolean
  /** The gateway would send to itself. */
  readonly isLoop: boolean
}

function buildCluster(ctx: Context, init: Init, clusters: Cluster[], endpoints: ClusterLoadAssignment[]): void {
  const { destination, port, subset } = init
  const kind = clusterKind(ctx, destination, port.number)
  const name = clusterName(port.number, subset, destination.service.host)
  const assignment = loadAssignment(name, init, kind)
  const isDns = kind === 'dns' || kind === 'logical-dns'
  // A DNS cluster without anything to resolve is left out, as in Istio: what leads there finds no cluster.
  if (isDns && assignment.endpoints.length === 0) return
  const policy = effectivePolicy(init.policy, subset, port.number)
  const isPassthrough = !ctx.strict && policy.loadBalancer?.value.simple === 'PASSTHROUGH'
  const discovery = isPassthrough ? discoveryOf('original-dst', assignment, port) : discoveryOf(kind, assignment, port)
  const { mesh } = ctx.model.settings
  const protocol = upstreamProtocol({
    port,
    pool: policy.connectionPool?.value.http,
    mesh,
    role: ctx.proxy.role,
    isGateway: init.isGateway,
  })
  const subject = { service: destination.service, port, strict: ctx.strict, protocol, subset }
  const tls = policy.tls?.value
  // The gateway behind the socket learns from the header where the client came from and where it wanted to go.
  const socket = isEmbedded(ctx, destination)
    ? proxyProtocolSocket(ProxyProtocolConfig_Version.V2, meshSocket(policy, subject))
    : transportSocket(policy, subject)
  const cluster = create(ClusterSchema, {
    name,
    ...discovery,
    ...(discovery.lbPolicy === Cluster_LbPolicy.LEAST_REQUEST && balancerOf(policy)),
    ...clusterPolicy(policy, begins(tls) ? autoNames(tls, subject) : undefined, protocol),
    connectTimeout: duration(connectTimeout(ctx, policy)),
    metadata: writeMetadata(clusterMetadata(ctx, init, kind, policy), init.policy?.ref),
    ...(socket && { transportSocket: socket }),
  })
  clusters.push(cluster)
  if (!isDns && !isPassthrough && hasEndpoints(kind)) endpoints.push(assignment)
}

function hasEndpoints(kind: ClusterKind): boolean {
  return kind === 'static' || kind === 'only-address' || kind === 'ambiguous'
}

function discoveryOf(kind: ClusterKind, assignment: ClusterLoadAssignment, port: ServicePort) {
  switch (kind) {
    case 'static':
    case 'only-address':
    case 'ambiguous':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        edsClusterConfig: { edsConfig: adsSource(), serviceName: assignment.clusterName },
      } as const
    case 'dns':
    case 'logical-dns':
      return dnsDiscovery(kind, assignment)
    case 'original-dst':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
        ...(port.targetPort !== undefined && {
          lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: port.targetPort } } as const,
        }),
      } as const
    case 'dynamic':
      return dynamicDiscovery()
  }
}

const refreshRate = create(Cluster_RefreshRateSchema, { baseInterval: duration(60_000), maxInterval: duration(60_000) })

function dnsDiscovery(kind: 'dns' | 'logical-dns', assignment: ClusterLoadAssignment) {
  const value = kind === 'dns' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS
  return {
    clusterDiscoveryType: { case: 'type', value },
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    loadAssignment: assignment,
    dnsRefreshRate: duration(60_000),
    dnsFailureRefreshRate: refreshRate,
    respectDnsTtl: true,
    dnsLookupFamily: Cluster_DnsLookupFamily.ALL,
  } as const
}

function dynamicDiscovery() {
  const config = create(ClusterConfigSchema, {
    // Options of HTTP are enough for Envoy to ask that names are taken from requests; which are is said with TLS.
    allowInsecureClusterOptions: true,
    clusterImplementationSpecifier: {
      case: 'dnsCacheConfig',
      value: { name: 'declared_wildcards', dnsLookupFamily: Cluster_DnsLookupFamily.ALL, maxHosts: 1024 },
    },
  })
  return {
    clusterDiscoveryType: {
      case: 'clusterType',
      value: { name: extensionNames.dynamicForwardProxy, typedConfig: packAny(ClusterConfigSchema, config) },
    },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  } as const
}

function connectTimeout(ctx: Context, policy: EffectivePolicy): number {
  const said = policy.connectionPool?.value.tcp?.connectTimeout ?? ctx.model.settings.mesh.connectTimeout
  return (said === undefined ? undefined : parseDuration(said)) ?? defaultConnectTimeout
}

function clusterMetadata(ctx: Context, init: Init, kind: ClusterKind, policy: EffectivePolicy): SallyportMetadata {
  const { service } = init.destination
  const base = {
    ...refMetadata(service.ref, service.field),
    ...(init.isGateway && { gateway: true }),
    ...(policy.tls?.value.mode === 'ISTIO_MUTUAL' && { mesh: true }),
    ...(ctx.model.settings.sallyport.privateNames === 'allow' && isWildcardHost(service.host) && { privateNames: 'allow' }),
  }
  // Differs from Istio, where such a request circles until its head is too long: over 5,000 times.
  // The rule is to blame, and not who declared the gateway.
  if (init.isLoop) return { gateway: true, refuse: 'no-route', refuseText: loopText(service.host) }
  const field = refusedField(init, policy)
  if (field !== undefined) return { ...base, ...refuseUnsupported(field) }
  const { tls } = policy
  // Differs from Istio, which sends plain bytes then: they are not what was asked for.
  if (tls && begins(tls.value) && (tls.value.credentialName ?? '') !== '' && !mayHaveCredentials(ctx, init)) {
    return { ...base, ...refMetadata(tls.ref, `${tls.field}.credentialName`), refuse: 'not-supported', refuseText: unselectedText(tls.ref) }
  }
  const nameless = policy.tls && namelessTls(policy.tls.value, { service, port: init.port, strict: ctx.strict, subset: init.subset })
  if (policy.tls && nameless !== undefined) {
    return { ...base, ...refMetadata(policy.tls.ref, policy.tls.field), refuse: 'not-supported', refuseText: nameless }
  }
  if (kind !== 'ambiguous') return base
  const refuseText = `${service.host} is declared by ${service.addresses.join(', ')}, and the gateway is not told which address was dialled`
  return { ...base, refuse: 'ambiguous-destination', refuseText }
}

/** A workload is not given what a rule for everybody names, as in Istio. */
function mayHaveCredentials({ proxy }: Context, { policy }: Init): boolean {
  return proxy.role === 'gateway' || policy?.selector !== undefined
}

function unselectedText({ namespace, name }: FieldRef['ref']): string {
  return `DestinationRule ${namespace}/${name} names a Secret by credentialName, which a sidecar is given only by a rule with a workloadSelector: add one, or name files`
}

function loopText(host: string): string {
  return `the rule leads from the gateway back to the gateway (${host}): say \`match: [{gateways: [mesh]}]\` in the rule that is meant for workloads, and add one for the gateway`
}

function refusedField({ destination, port }: Init, effective: EffectivePolicy): FieldRef | undefined {
  const { service } = destination
  const general = service.unsupported[0] ?? port.unsupported[0]
  if (general !== undefined) return { ref: service.ref, field: general }
  const said = effective.refused[0]
  if (said !== undefined) return said
  const { tunnel } = effective
  return tunnel === undefined ? undefined : { ref: tunnel.ref, field: tunnel.field }
}

/** Nobody's cluster: what is led here is refused. */
export function blackHoleCluster(ctx: Context): Cluster {
  return ctx.kept.assemblies.get('cluster of nobody', [], () =>
    create(ClusterSchema, {
      name: blackHole,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
      connectTimeout: duration(defaultConnectTimeout),
    }),
  )
}

/** The dialled address, whatever it is. */
export function passthroughCluster(ctx: Context): Cluster {
  const timeout = connectTimeout(ctx, { refused: [] })
  return ctx.kept.assemblies.get('cluster of the dialled address', [timeout], () =>
    create(ClusterSchema, {
      name: passthrough,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
      lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
      connectTimeout: duration(timeout),
      ...httpOptions({ protocol: 'downstream' }),
    }),
  )
}
