// Turns clusters into what stock Envoy can do with them: those that refuse lose their endpoints, and certificates are read from files.
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { existsSync } from 'node:fs'
import { create, extensionNames, packAny } from '../../xds/index.ts'
import {
  type Cluster,
  Cluster_CustomClusterTypeSchema,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import {
  type DataSource,
  DataSourceSchema,
  type TransportSocket,
  TransportSocketSchema,
} from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { DnsLookupFamily } from '../../xds/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.js'
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import {
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsCertificateSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { type CommonTlsContext, UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import type { StringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.js'
import { altered } from './altered.ts'
import { traitsOf } from './cluster-traits.ts'

const known = new WeakMap<Cluster, Cluster>()

export function stockCluster(cluster: Cluster): Cluster {
  const found = known.get(cluster)
  if (found !== undefined) return found
  const made = traitsOf(cluster).refusal === undefined ? withResolution(withFiles(cluster)) : deadEnd(cluster)
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

function withFiles(cluster: Cluster): Cluster {
  const socket = cluster.transportSocket && socketWithFiles(cluster.transportSocket)
  return socket === undefined || socket === cluster.transportSocket ? cluster : altered(ClusterSchema, cluster, { transportSocket: socket })
}

/** Secrets that are named after files become those files. */
function socketWithFiles(socket: TransportSocket): TransportSocket {
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  if (config === undefined) return socket
  const proxied = anyUnpack(config, ProxyProtocolUpstreamTransportSchema)
  if (proxied !== undefined) {
    const inner = proxied.transportSocket && socketWithFiles(proxied.transportSocket)
    if (inner === undefined || inner === proxied.transportSocket) return socket
    proxied.transportSocket = inner
    return packed(socket.name, packAny(ProxyProtocolUpstreamTransportSchema, proxied))
  }
  const tls = anyUnpack(config, UpstreamTlsContextSchema)
  if (tls?.commonTlsContext === undefined) return socket
  fillFiles(tls.commonTlsContext)
  return packed(extensionNames.tls, packAny(UpstreamTlsContextSchema, tls))
}

function packed(name: string, value: ReturnType<typeof packAny>): TransportSocket {
  return create(TransportSocketSchema, { name, configType: { case: 'typedConfig', value } })
}

function fillFiles(context: CommonTlsContext): void {
  context.tlsCertificates = context.tlsCertificateSdsSecretConfigs.flatMap(({ name }) => {
    const [, chain, key] = /^file-cert:(.*)~(.*)$/.exec(name) ?? []
    if (chain === undefined || key === undefined) return []
    return [create(TlsCertificateSchema, { certificateChain: fileSource(chain), privateKey: fileSource(key) })]
  })
  context.tlsCertificateSdsSecretConfigs = []
  const validation = context.validationContextType
  if (validation.case !== 'combinedValidationContext') return
  const root = validation.value.validationContextSdsSecretConfig?.name.replace(/^file-root:/, '') ?? ''
  const checks = validation.value.defaultValidationContext
  if (checks === undefined) return
  checks.matchTypedSubjectAltNames = [...checks.matchTypedSubjectAltNames, ...checks.matchSubjectAltNames.flatMap(ofEveryType)]
  checks.matchSubjectAltNames = []
  checks.trustedCa = fileSource(root === 'system' || root === '' ? systemRoots() : root)
  context.validationContextType = { case: 'validationContext', value: checks }
}

/** Names of any type are asked for; Envoy has deprecated not to say of which. */
function ofEveryType(matcher: StringMatcher) {
  const { DNS, URI, IP_ADDRESS, EMAIL } = SubjectAltNameMatcher_SanType
  return [DNS, URI, IP_ADDRESS, EMAIL].map((sanType) => create(SubjectAltNameMatcherSchema, { sanType, matcher }))
}

function fileSource(path: string): DataSource {
  return create(DataSourceSchema, { specifier: { case: 'filename', value: path } })
}

/** Where systems keep the bundle of those they trust, in the order in which Istio looks for it. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

function systemRoots(): string {
  return systemBundles.find((path) => existsSync(path)) ?? systemBundles[0] ?? ''
}
