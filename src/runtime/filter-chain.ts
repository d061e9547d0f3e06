// Compiles a filter chain into what becomes of a connection that it takes; filters that are not carried out make it refuse.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { anyIs } from '@bufbuild/protobuf/wkt'
import { messageOf } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import { unpackAny } from '../xds/index.ts'
import type { Filter, FilterChain, FilterChainMatch } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { HttpConnectionManagerSchema } from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { FilterConfigSchema } from '../xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js'
import { type TcpProxy, TcpProxySchema } from '../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { DownstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { type ClusterChoice, singleCluster, weightedClusters } from './cluster-choice.ts'
import { HttpManager, problemOfManager } from './http-manager.ts'
import type { Leg } from './leg.ts'
import { memoized } from './memo.ts'
import { milliseconds } from './milliseconds.ts'
import { declaredBy } from './reasons.ts'
import { compileServerTls } from './server-tls.ts'
import type { ServerTlsPlan } from './upstream-plan.ts'

export type ChainAction =
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  | { readonly kind: 'tcp'; readonly leg: Leg }
  | { readonly kind: 'http'; readonly manager: HttpManager }

export interface CompiledChain {
  readonly name: string
  readonly ref?: OriginRef
  readonly match: FilterChainMatch | undefined
  /** The connection is taken only when its destination is an address of this name. */
  readonly resolvesTo?: string
  readonly action: ChainAction
  /** The clusters that a refusing chain would have led to, for what Envoy would have recorded. */
  readonly clusters: readonly string[]
  /** Chosen by server name: the name that the connection carries is then this chain's. */
  readonly isByName: boolean
  /** TLS ends here, and the action is about what is inside. */
  readonly tls?: ServerTlsPlan
  /** TLS that carries another server name is not for this chain's host. */
  readonly serverName?: string
  readonly problem?: string
}

export const compileFilterChain = memoized((chain: FilterChain): CompiledChain => {
  try {
    return compileChain(chain)
  } catch (error) {
    // Bytes that do not decode: the chain stands where its match puts it, and refuses.
    const problem = `the filter chain cannot be read: ${messageOf(error)}`
    const action: ChainAction = { kind: 'refuse', refusal: notSupported(problem) }
    return { name: chain.name, match: chain.filterChainMatch, action, clusters: [], isByName: false, problem }
  }
})

function compileChain(chain: FilterChain): CompiledChain {
  const { ref, refusal, said } = readAnnotations(chain.metadata)
  const { resolvesTo, serverName } = said
  const compiled = compileFilters(chain, ref)
  const { tls, problem: problemOfTls } = compileSocket(chain.transportSocket)
  const problem = refusal
    ? undefined
    : (problemOfMatch(chain.filterChainMatch) ?? problemOfTls ?? problemOfChain(chain) ?? compiled.problem)
  const action = compiled.action ?? { kind: 'refuse', refusal: notSupported('the filter chain has no filter that ends it') }
  return {
    name: chain.name,
    match: chain.filterChainMatch,
    action: refuse(action, refusal ?? (problem === undefined ? undefined : notSupported(problem))),
    clusters: action.kind === 'tcp' ? action.leg.choice.names : [],
    isByName: (chain.filterChainMatch?.serverNames.length ?? 0) > 0,
    ...(ref && { ref }),
    // Who is refused anyway is shown no certificate.
    ...(tls && refusal === undefined && problem === undefined && { tls }),
    ...(typeof resolvesTo === 'string' && resolvesTo !== '' && { resolvesTo: resolvesTo.toLowerCase() }),
    ...(typeof serverName === 'string' && serverName !== '' && { serverName: serverName.toLowerCase() }),
    ...(problem !== undefined && { problem }),
  }
}

/** Whether the chain looks at what the runtime does not know: it then takes everything that the rest of its match takes, and refuses. */
export function hasUnknownMatch(chain: CompiledChain): boolean {
  return problemOfMatch(chain.match) !== undefined
}

function refuse(action: ChainAction, refusal: Refusal | undefined): ChainAction {
  return refusal ? { kind: 'refuse', refusal } : action
}

function problemOfMatch(match: FilterChainMatch | undefined): string | undefined {
  if (!match) return undefined
  const looksAtSource =
    match.sourcePrefixRanges.length > 0 ||
    match.directSourcePrefixRanges.length > 0 ||
    match.sourcePorts.length > 0 ||
    match.sourceType !== 0
  if (looksAtSource) return 'choosing a filter chain by the source is not carried out'
  if (match.addressSuffix !== '' || match.suffixLen !== undefined) return 'choosing a filter chain by address suffix is not carried out'
  return undefined
}

function problemOfChain(chain: FilterChain): string | undefined {
  if (chain.useProxyProto) return 'use_proxy_proto of a filter chain is not carried out'
  return undefined
}

const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'

function compileSocket(socket: TransportSocket | undefined): { readonly tls?: ServerTlsPlan; readonly problem?: string } {
  if (!socket) return {}
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  if (config && anyIs(config, rawBuffer)) return {}
  const message = config && unpackAny(config, DownstreamTlsContextSchema)
  if (!message) return { problem: `terminating "${socket.name}" is not carried out` }
  const compiled = compileServerTls(message)
  return 'problem' in compiled ? compiled : { tls: compiled }
}

interface CompiledFilters {
  readonly action?: ChainAction
  readonly problem?: string
}

/** `[sni_dynamic_forward_proxy,] tcp_proxy` or the HTTP connection manager: nothing else is carried out. */
function compileFilters(chain: FilterChain, ref: OriginRef | undefined): CompiledFilters {
  const last = chain.filters.at(-1)
  if (!last) return { problem: 'the filter chain has no filters' }
  let dynamicPort: number | undefined
  for (const filter of chain.filters.slice(0, -1)) {
    const byName = unpack(filter, FilterConfigSchema)
    if (!byName) return { ...compileLast(last, ref, undefined), problem: `the filter "${filter.name}" is not carried out` }
    dynamicPort = byName.portSpecifier.case === 'portValue' ? byName.portSpecifier.value : undefined
  }
  return compileLast(last, ref, dynamicPort)
}

function compileLast(filter: Filter, ref: OriginRef | undefined, dynamicPort: number | undefined): CompiledFilters {
  const http = unpack(filter, HttpConnectionManagerSchema)
  if (http) {
    const problem = problemOfManager(http)
    return { action: { kind: 'http', manager: new HttpManager(http) }, ...(problem !== undefined && { problem }) }
  }
  const tcp = unpack(filter, TcpProxySchema)
  if (!tcp) return { problem: `the filter "${filter.name}" is not carried out` }
  const problem = problemOfTcpProxy(tcp)
  const choice = compileChoice(tcp)
  if (!choice) return { problem: problem ?? 'the TCP proxy has no cluster with a weight' }
  const leg: Leg = {
    choice,
    request: 0,
    idle: tcp.idleTimeout ? milliseconds(tcp.idleTimeout) : 0,
    notFoundStatus: 503,
    ...(ref && { ref, reason: declaredBy(ref) }),
    ...(dynamicPort && { dynamicPort }),
  }
  return { action: { kind: 'tcp', leg }, ...(problem !== undefined && { problem }) }
}

function compileChoice({ clusterSpecifier }: TcpProxy): ClusterChoice | undefined {
  switch (clusterSpecifier.case) {
    case 'cluster':
      return clusterSpecifier.value === '' ? undefined : singleCluster(clusterSpecifier.value)
    case 'weightedClusters':
      return weightedClusters(clusterSpecifier.value.clusters)
    default:
      return undefined
  }
}

function problemOfTcpProxy(tcp: TcpProxy): string | undefined {
  if (tcp.tunnelingConfig) return 'tunnelling TCP through HTTP is not carried out'
  if (tcp.metadataMatch) return 'choosing endpoints by metadata is not carried out'
  if (tcp.maxDownstreamConnectionDuration) return 'limiting how long a connection lives is not carried out'
  if (tcp.proxyProtocolTlvs.length > 0) return 'adding PROXY protocol TLVs is not carried out'
  const { clusterSpecifier } = tcp
  if (clusterSpecifier.case === 'weightedClusters' && clusterSpecifier.value.clusters.some((entry) => entry.metadataMatch)) {
    return 'choosing endpoints by metadata is not carried out'
  }
  return undefined
}

/** `undefined` when the filter is another one. Throws on bytes that are no such message. */
function unpack<Desc extends DescMessage>(filter: Filter, schema: Desc): MessageShape<Desc> | undefined {
  if (filter.configType.case !== 'typedConfig') return undefined
  const { value } = filter.configType
  // Ten thousand chains are asked three times each: most of the answers are in the last letters.
  return value.typeUrl.endsWith(schema.typeName) ? unpackAny(value, schema) : undefined
}
