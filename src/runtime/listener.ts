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
import { type ListenerChains, placeChainsOf, type ResolvingChain } from './listener-chains.ts'
import { type HiddenNames, readHiddenNames } from './hidden-names.ts'
import { milliseconds } from './milliseconds.ts'
import type { Problem } from './rejection.ts'
import type { Target } from './target.ts'

/** Where a listener stands is known; its chains are placed when a connection first comes to it. */
export class CompiledListener {
  /** What it was compiled from. */
  readonly source: Listener
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
  readonly refusal: Refusal | undefined
  readonly #problems: readonly Problem[]
  #placed: ListenerChains | undefined
  #gather: Gather | undefined

  constructor(listener: Listener, before: CompiledListener | undefined) {
    const { ref, said, refusal } = readAnnotations(listener.metadata)
    const problems: Problem[] = []
    this.source = listener
    this.name = listener.name
    this.addresses = readAddresses(listener, problems)
    this.isBound = listener.bindToPort !== false && listener.useOriginalDst !== true
    this.isCatchAll = listener.useOriginalDst === true
    this.strictness = said.strictness
    this.outboundPolicy = said.outboundPolicy
    this.hidden = readHiddenNames(said.hiddenBy, said.hidden)
    if (ref) this.ref = ref
    const problem = problemOfListener(listener)
    if (problem !== undefined) problems.push({ path: '', message: problem, ...(ref && { ref }) })
    this.refusal = refusal ?? (problem === undefined ? undefined : notSupported(problem))
    this.#problems = problems
    // What is placed is followed at once: it is little, and nobody is to hold on to all that came before.
    if (before !== undefined && before.#placed !== undefined)
      this.#placed = placeChainsOf(listener, { source: before.source, ...before.#placed })
  }

  get proxyProtocol(): boolean {
    return this.source.listenerFilters.some((filter) => typeOf(filter) === proxyProtocolFilter)
  }

  get matcher(): ChainMatcher<CompiledChain> {
    return this.#chains.matcher
  }

  get resolving(): readonly ResolvingChain[] {
    return this.#chains.resolving
  }

  get defaultChain(): CompiledChain | undefined {
    return this.#chains.defaultChain
  }

  /** As the message has them, the default one last. */
  get chains(): readonly CompiledChain[] {
    return this.#chains.chains
  }

  /** Some chain looks at what the client says first. */
  get needsFirstBytes(): boolean {
    return this.#chains.needsFirstBytes
  }

  /** The question for the first bytes. */
  get gather(): Gather {
    const { listenerFiltersTimeout: timeout } = this.source
    return (this.#gather ??= firstBytes(timeout ? milliseconds(timeout) : defaultTimeout))
  }

  /** A client that says nothing in time is closed instead of being matched without its bytes. */
  get closesSilent(): boolean {
    return !this.source.continueOnListenerFiltersTimeout
  }

  /** Of the listener itself. */
  get problems(): readonly Problem[] {
    const { problems } = this.#chains
    return problems.length === 0 ? this.#problems : [...this.#problems, ...problems]
  }

  get #chains(): ListenerChains {
    return (this.#placed ??= placeChainsOf(this.source, undefined))
  }
}

const known = new WeakMap<Listener, CompiledListener>()

/** `before` is what an earlier version was compiled into: chains that both have are taken over, and only the others are worked through. */
export function compileListener(listener: Listener, before?: CompiledListener): CompiledListener {
  const found = known.get(listener)
  if (found !== undefined) return found
  const compiled = new CompiledListener(listener, before)
  known.set(listener, compiled)
  return compiled
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
