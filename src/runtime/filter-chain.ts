// Compiles a filter chain into what becomes of a connection that it takes; filters that are not carried out make it refuse.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { anyIs } from '@bufbuild/protobuf/wkt'
import { messageOf } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import { isUnread, readMetadata, unpackAny } from '../xds/index.ts'
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
import { noProblems, type Surveyed } from './surveyed.ts'
import { compileServerTls } from './server-tls.ts'
import type { ServerTlsPlan } from './upstream-plan.ts'

export type ChainAction =
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  | { readonly kind: 'tcp'; readonly leg: Leg }
  | { readonly kind: 'http'; readonly manager: HttpManager }

/** What a chain says, in the runtime's terms. */
interface ChainParts {
  readonly ref?: OriginRef
  readonly action: ChainAction
  readonly clusters: readonly string[]
  readonly tls?: ServerTlsPlan
  readonly serverName?: string
  readonly problem?: string
}

/** What is to be reported of a chain. */
export interface SurveyedChain extends Surveyed {
  readonly ref: OriginRef | undefined
  readonly manager?: HttpManager
}

const nowhere: readonly string[] = []

/** A chain in its place: where that is is known, and the rest is compiled when a connection first takes it. */
export class CompiledChain {
  readonly source: FilterChain
  /** The connection is taken only when its destination is an address of this name. */
  readonly resolvesTo: string | undefined
  #parts: ChainParts | undefined
  #surveyed: SurveyedChain | undefined

  constructor(source: FilterChain) {
    this.source = source
    // What is read later has its place by its match alone.
    const { resolvesTo } = isUnread(source) ? {} : readMetadata(source.metadata)
    this.resolvesTo = typeof resolvesTo === 'string' && resolvesTo !== '' ? resolvesTo.toLowerCase() : undefined
  }

  get name(): string {
    return this.source.name
  }

  get match(): FilterChainMatch | undefined {
    return this.source.filterChainMatch
  }

  get ref(): OriginRef | undefined {
    return this.#compiled.ref
  }

  get action(): ChainAction {
    return this.#compiled.action
  }

  /** The clusters that a refusing chain would have led to, for what Envoy would have recorded. */
  get clusters(): readonly string[] {
    return this.#compiled.clusters
  }

  /** Chosen by server name: the name that the connection carries is then this chain's. */
  get isByName(): boolean {
    return (this.match?.serverNames.length ?? 0) > 0
  }

  /** TLS ends here, and the action is about what is inside. */
  get tls(): ServerTlsPlan | undefined {
    return this.#compiled.tls
  }

  /** TLS that carries another server name is not for this chain's host. */
  get serverName(): string | undefined {
    return this.#compiled.serverName
  }

  /** What is to be reported of it; of what it was compiled to for that, only the few that lead to route tables are kept. */
  get surveyed(): SurveyedChain {
    if (this.#surveyed !== undefined) return this.#surveyed
    const parts = this.#parts ?? compileSafely(this.source)
    if (parts.action.kind === 'http') this.#parts = parts
    this.#surveyed = surveyed(parts)
    return this.#surveyed
  }

  get #compiled(): ChainParts {
    return (this.#parts ??= compileSafely(this.source))
  }
}

function surveyed({ action, problem, ref }: ChainParts): SurveyedChain {
  return {
    ref,
    clusters: action.kind === 'tcp' ? action.leg.choice.names : nowhere,
    problems: problem === undefined ? noProblems : [{ path: '', message: problem, ...(ref && { ref }) }],
    ...(action.kind === 'http' && { manager: action.manager }),
  }
}

export const compileFilterChain = memoized((chain: FilterChain) => new CompiledChain(chain))

function compileSafely(chain: FilterChain): ChainParts {
  try {
    return compileChain(chain)
  } catch (error) {
    // Bytes that do not decode: the chain stands where its match puts it, and refuses.
    const problem = `the filter chain cannot be read: ${messageOf(error)}`
    return { action: { kind: 'refuse', refusal: notSupported(problem) }, clusters: nowhere, problem }
  }
}

function compileChain(chain: FilterChain): ChainParts {
  const { ref, refusal, said } = readAnnotations(chain.metadata)
  const { serverName } = said
  const compiled = compileFilters(chain, ref)
  const { tls, problem: problemOfTls } = compileSocket(chain.transportSocket)
  const problem = refusal
    ? undefined
    : (problemOfMatch(chain.filterChainMatch) ?? problemOfTls ?? problemOfChain(chain) ?? compiled.problem)
  const action = compiled.action ?? { kind: 'refuse', refusal: notSupported('the filter chain has no filter that ends it') }
  return {
    action: refuse(action, refusal ?? (problem === undefined ? undefined : notSupported(problem))),
    clusters: action.kind === 'tcp' ? action.leg.choice.names : nowhere,
    ...(ref && { ref }),
    // Who is refused anyway is shown no certificate.
    ...(tls && refusal === undefined && problem === undefined && { tls }),
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
