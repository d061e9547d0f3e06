// Compiles a listener: where it stands, its filter chains in Envoy's order of choice, and what comes when none of them fits.
import { parseIp } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import { type Address as AddressMessage, SocketAddress_Protocol } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { ListenerFilter } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { gatherAddresses } from './cluster-endpoints.ts'
import type { Gather } from './decision.ts'
import { type CompiledChain, compileFilterChain, hasUnknownMatch } from './filter-chain.ts'
import { ChainMatcher } from './filter-chain-match.ts'
import { type HiddenNames, readHiddenNames } from './hidden-names.ts'
import { memoized } from './memo.ts'
import { milliseconds } from './milliseconds.ts'
import type { Problem } from './rejection.ts'
import type { Target } from './target.ts'

/** A chain that takes only destinations which are addresses of a name. */
export interface ResolvingChain {
  readonly chain: CompiledChain
  readonly name: string
  readonly gather: Gather
  /** The rest of the chain's match. */
  readonly matcher: ChainMatcher<CompiledChain>
}

export interface CompiledListener {
  readonly name: string
  readonly ref?: OriginRef
  readonly addresses: readonly Target[]
  /** Bound for real, as a gateway's listeners are; the others get connections by their original destination. */
  readonly isBound: boolean
  /** Istio's `virtualOutbound`: takes what no other listener takes. */
  readonly isCatchAll: boolean
  readonly strictness: string | undefined
  readonly outboundPolicy: string | undefined
  readonly hidden: HiddenNames | undefined
  readonly refusal?: Refusal
  readonly proxyProtocol: boolean
  readonly matcher: ChainMatcher<CompiledChain>
  readonly resolving: readonly ResolvingChain[]
  readonly defaultChain?: CompiledChain
  /** Some chain looks at what the client says first. */
  readonly needsFirstBytes: boolean
  /** The question for the first bytes, prepared. */
  readonly gather: Gather
  /** A client that says nothing in time is closed instead of being matched without its bytes. */
  readonly closesSilent: boolean
  readonly chains: readonly { readonly chain: CompiledChain; readonly path: string }[]
  readonly problems: readonly Problem[]
}

export const compileListener = memoized((listener: Listener): CompiledListener => {
  const { ref, said, refusal: refusalSaid } = readAnnotations(listener.metadata)
  const problems: Problem[] = []
  const addresses = readAddresses(listener, problems)
  const chains = listener.filterChains.map((message, index) => ({ chain: compileFilterChain(message), path: `filter_chains[${index}]` }))
  const last = listener.defaultFilterChain && { chain: compileFilterChain(listener.defaultFilterChain), path: 'default_filter_chain' }
  const all = last ? [...chains, last] : chains
  // A default that asks for the addresses of a name is no default: it takes its turn after the others that do.
  const defaultChain = last?.chain.resolvesTo === undefined ? last?.chain : undefined
  const { matcher, resolving } = placeChains(defaultChain ? chains : all, problems)
  for (const { chain, path } of all) {
    if (chain.problem !== undefined) problems.push({ path, message: chain.problem, ...(chain.ref && { ref: chain.ref }) })
  }
  const problem = problemOfListener(listener)
  if (problem !== undefined) problems.push({ path: '', message: problem, ...(ref && { ref }) })
  const refusal = refusalSaid ?? (problem === undefined ? undefined : notSupported(problem))
  return {
    name: listener.name,
    addresses,
    isBound: listener.bindToPort !== false && listener.useOriginalDst !== true,
    isCatchAll: listener.useOriginalDst === true,
    strictness: said.strictness,
    outboundPolicy: said.outboundPolicy,
    hidden: readHiddenNames(said.hiddenBy, said.hidden),
    proxyProtocol: listener.listenerFilters.some((filter) => typeOf(filter) === proxyProtocolFilter),
    matcher,
    resolving,
    needsFirstBytes: matcher.needsFirstBytes || resolving.some((entry) => entry.matcher.needsFirstBytes),
    gather: firstBytes(listener.listenerFiltersTimeout ? milliseconds(listener.listenerFiltersTimeout) : defaultTimeout),
    closesSilent: !listener.continueOnListenerFiltersTimeout,
    chains: all,
    problems,
    ...(ref && { ref }),
    ...(refusal && { refusal }),
    ...(defaultChain && { defaultChain }),
  }
})

export function firstBytes(until: number): Gather {
  return { verdict: 'gather', need: 'first-bytes', until }
}

/** Envoy's Listener.listener_filters_timeout. */
const defaultTimeout = 15_000

interface Placed {
  readonly chain: CompiledChain
  readonly path: string
}

function placeChains(chains: readonly Placed[], problems: Problem[]): Pick<CompiledListener, 'matcher' | 'resolving'> {
  const matcher = new ChainMatcher<CompiledChain>()
  const resolving: ResolvingChain[] = []
  const add = (to: ChainMatcher<CompiledChain>, { chain, path }: Placed) => {
    const problem = to.add(chain.match, chain)
    if (problem !== undefined) problems.push({ path: `${path}.filter_chain_match`, message: problem, ...(chain.ref && { ref: chain.ref }) })
  }
  // A chain whose match is not fully known refuses, and keeps its place against one that would take the same connections.
  for (const placed of chains) if (hasUnknownMatch(placed.chain)) add(matcher, placed)
  for (const placed of chains) {
    const { chain } = placed
    if (hasUnknownMatch(chain)) continue
    if (chain.resolvesTo === undefined) {
      add(matcher, placed)
      continue
    }
    const own = new ChainMatcher<CompiledChain>()
    add(own, placed)
    resolving.push({ chain, name: chain.resolvesTo, matcher: own, gather: gatherAddresses(chain.resolvesTo) })
  }
  return { matcher, resolving }
}

function readAddresses(listener: Listener, problems: Problem[]): Target[] {
  const all = [{ address: listener.address, path: 'address' }]
  for (const [index, extra] of listener.additionalAddresses.entries()) {
    all.push({ address: extra.address, path: `additional_addresses[${index}]` })
  }
  const targets: Target[] = []
  for (const { address, path } of all) {
    const target = readAddress(address)
    if (target) targets.push(target)
    else problems.push({ path, message: 'not an IP address with a TCP port, and not a Unix socket: nothing can listen there' })
  }
  return targets
}

function readAddress(message: AddressMessage | undefined): Target | undefined {
  const address = message?.address
  if (address?.case === 'pipe') return address.value.path === '' ? undefined : { pipe: address.value.path }
  if (address?.case !== 'socketAddress') return undefined
  const { address: text, portSpecifier, protocol } = address.value
  const ip = parseIp(text)
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : 0
  return ip === undefined || port === 0 || protocol !== SocketAddress_Protocol.TCP ? undefined : { ip, port }
}

const proxyProtocolFilter = 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'
const inspectors: ReadonlySet<string> = new Set([
  proxyProtocolFilter,
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
])

function typeOf({ configType }: ListenerFilter): string {
  if (configType.case !== 'typedConfig') return ''
  return configType.value.typeUrl.slice(configType.value.typeUrl.lastIndexOf('/') + 1)
}

function problemOfListener(listener: Listener): string | undefined {
  if (listener.filterChainMatcher || listener.fcdsConfig) return 'choosing filter chains by the generic matcher or FCDS is not carried out'
  if (listener.udpListenerConfig) return 'UDP listeners are not carried out'
  const unknown = listener.listenerFilters.find((filter) => !inspectors.has(typeOf(filter)))
  return unknown ? `the listener filter "${unknown.name}" is not carried out` : undefined
}
