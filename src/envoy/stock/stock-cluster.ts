// Turns clusters into what stock Envoy can do with them: those that refuse lose their endpoints.
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { create, extensionNames, packAny } from '../../xds/index.ts'
import {
  type Cluster,
  Cluster_CustomClusterTypeSchema,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { type TransportSocket, TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { DnsLookupFamily } from '../../xds/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.js'
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { altered } from './altered.ts'
import { traitsOf } from './cluster-traits.ts'
import { stockTls } from './stock-tls.ts'

const known = new WeakMap<Cluster, Cluster>()

export function stockCluster(cluster: Cluster): Cluster {
  const found = known.get(cluster)
  if (found !== undefined) return found
  const made = traitsOf(cluster).refusal === undefined ? withResolution(withSecrets(cluster)) : deadEnd(cluster)
  known.set(cluster, made)
  return made
}

/** Envoy knows no cluster that refuses: one without endpoints answers 503 and closes (UH), and the record says why. */
function deadEnd({ name, metadata, connectTimeout }: Cluster): Cluster {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    ...(metadata && { metadata }),
    ...(connectTimeout && { connectTimeout }),
  })
}

/** Envoy has deprecated what clusters say of resolving names, in favour of a type of cluster that says it. */
function withResolution(cluster: Cluster): Cluster {
  const { STRICT_DNS, LOGICAL_DNS } = Cluster_DiscoveryType
  const type = cluster.clusterDiscoveryType.case === 'type' ? cluster.clusterDiscoveryType.value : undefined
  if (type !== STRICT_DNS && type !== LOGICAL_DNS) return cluster
  const { dnsRefreshRate, dnsFailureRefreshRate, respectDnsTtl } = cluster
  const config = create(DnsClusterSchema, {
    dnsLookupFamily: DnsLookupFamily.ALL,
    respectDnsTtl,
    allAddressesInSingleEndpoint: type === LOGICAL_DNS,
    ...(dnsRefreshRate && { dnsRefreshRate }),
    ...(dnsFailureRefreshRate && {
      dnsFailureRefreshRate: {
        ...(dnsFailureRefreshRate.baseInterval && { baseInterval: dnsFailureRefreshRate.baseInterval }),
        ...(dnsFailureRefreshRate.maxInterval && { maxInterval: dnsFailureRefreshRate.maxInterval }),
      },
    }),
  })
  return altered(ClusterSchema, cluster, {
    clusterDiscoveryType: {
      case: 'clusterType',
      value: create(Cluster_CustomClusterTypeSchema, { name: 'envoy.cluster.dns', typedConfig: packAny(DnsClusterSchema, config) }),
    },
    dnsRefreshRate: undefined,
    dnsFailureRefreshRate: undefined,
    respectDnsTtl: false,
    dnsLookupFamily: Cluster_DnsLookupFamily.AUTO,
  })
}

function withSecrets(cluster: Cluster): Cluster {
  const socket = cluster.transportSocket && socketWithSecrets(cluster.transportSocket)
  return socket === undefined || socket === cluster.transportSocket ? cluster : altered(ClusterSchema, cluster, { transportSocket: socket })
}

function socketWithSecrets(socket: TransportSocket): TransportSocket {
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  if (config === undefined) return socket
  const proxied = anyUnpack(config, ProxyProtocolUpstreamTransportSchema)
  if (proxied !== undefined) {
    const inner = proxied.transportSocket && socketWithSecrets(proxied.transportSocket)
    if (inner === undefined || inner === proxied.transportSocket) return socket
    proxied.transportSocket = inner
    return packed(socket.name, packAny(ProxyProtocolUpstreamTransportSchema, proxied))
  }
  const tls = anyUnpack(config, UpstreamTlsContextSchema)
  if (tls?.commonTlsContext === undefined) return socket
  stockTls(tls.commonTlsContext)
  return packed(extensionNames.tls, packAny(UpstreamTlsContextSchema, tls))
}

function packed(name: string, value: ReturnType<typeof packAny>): TransportSocket {
  return create(TransportSocketSchema, { name, configType: { case: 'typedConfig', value } })
}
