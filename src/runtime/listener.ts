// Compiles a listener: where it stands, its filter chains in Envoy's order of choice, and what comes when none of them fits.
import { parseIp } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import { type Address as AddressMessage, SocketAddress_Protocol } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { ListenerFilter } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import type { Gather } from './decision.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { ChainMatcher } from './filter-chain-match.ts'
import { compileChains, type ResolvingChain } from './listener-chains.ts'
import { type HiddenNames, readHiddenNames } from './hidden-names.ts'
import { milliseconds } from './milliseconds.ts'
import type { Problem } from './rejection.ts'
import type { Target } from './target.ts'

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
  /** As the message has them, the default one last. */
  readonly chains: readonly CompiledChain[]
  /** What it was compiled from. */
  readonly source: Listener
  readonly problems: readonly Problem[]
}

const known = new WeakMap<Listener, CompiledListener>()

/** `before` is what an earlier version was compiled into: chains that both have are taken over, and only the others are worked through. */
export function compileListener(listener: Listener, before?: CompiledListener): CompiledListener {
  const found = known.get(listener)
  if (found !== undefined) return found
  const compiled = compile(listener, before)
  known.set(listener, compiled)
  return compiled
}

function compile(listener: Listener, before: CompiledListener | undefined): CompiledListener {
  const { ref, said, refusal: refusalSaid } = readAnnotations(listener.metadata)
  const problems: Problem[] = []
  const addresses = readAddresses(listener, problems)
  const { chains, matcher, resolving, defaultChain } = compileChains(listener, before, problems)
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
    chains,
    source: listener,
    problems,
    ...(ref && { ref }),
    ...(refusal && { refusal }),
    ...(defaultChain && { defaultChain }),
  }
}

export function firstBytes(until: number): Gather {
  return { verdict: 'gather', need: 'first-bytes', until }
}

/** Envoy's Listener.listener_filters_timeout. */
const defaultTimeout = 15_000

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
