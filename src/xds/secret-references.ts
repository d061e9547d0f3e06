// Finds the secrets that resources name.
import { anyIs } from '@bufbuild/protobuf/wkt'
import type { Cluster } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import type { TransportSocket } from './gen/envoy/config/core/v3/base_pb.js'
import type { FilterChain } from './gen/envoy/config/listener/v3/listener_components_pb.js'
import type { Listener } from './gen/envoy/config/listener/v3/listener_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from './gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import {
  type CommonTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from './gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { isUnread } from './decode-lazily.ts'
import { unpackAny } from './packed-any.ts'

/** Of clusters and listeners, each looked through once. */
export function secretsNamedBy(resources: {
  readonly clusters: Iterable<Cluster>
  readonly listeners: Iterable<Listener>
}): ReadonlySet<string> {
  const names = new Set<string>()
  for (const cluster of resources.clusters) {
    if (!isUnread(cluster)) for (const name of secretsOf(cluster.transportSocket)) names.add(name)
  }
  for (const { filterChains, defaultFilterChain } of resources.listeners) {
    for (const chain of filterChains) addOfChain(chain, names)
    if (defaultFilterChain !== undefined) addOfChain(defaultFilterChain, names)
  }
  return names
}

function addOfChain(chain: FilterChain, names: Set<string>): void {
  // One that names any was read with its listener.
  if (!isUnread(chain)) for (const name of secretsOf(chain.transportSocket)) names.add(name)
}

const none: readonly string[] = []
const known = new WeakMap<TransportSocket, readonly string[]>()

function secretsOf(socket: TransportSocket | undefined): readonly string[] {
  if (socket === undefined) return none
  const before = known.get(socket)
  if (before !== undefined) return before
  const found = readSecrets(socket)
  known.set(socket, found)
  return found
}

function readSecrets({ configType }: TransportSocket): readonly string[] {
  if (configType.case !== 'typedConfig') return none
  const { value } = configType
  try {
    if (anyIs(value, ProxyProtocolUpstreamTransportSchema)) {
      return secretsOf(unpackAny(value, ProxyProtocolUpstreamTransportSchema)?.transportSocket)
    }
    const tls = unpackAny(value, UpstreamTlsContextSchema) ?? unpackAny(value, DownstreamTlsContextSchema)
    return tls?.commonTlsContext === undefined ? none : secretsOfContext(tls.commonTlsContext)
  } catch {
    // It names nothing that could be asked for; that it cannot be read is said by whoever compiles it.
    return none
  }
}

function secretsOfContext({ tlsCertificateSdsSecretConfigs: own, validationContextType: type }: CommonTlsContext): readonly string[] {
  const roots =
    type.case === 'combinedValidationContext'
      ? type.value.validationContextSdsSecretConfig
      : type.case === 'validationContextSdsSecretConfig'
        ? type.value
        : undefined
  return [...own, ...(roots === undefined ? [] : [roots])].map(({ name }) => name).filter((name) => name !== '')
}
