// Describes one filter chain before it is placed in a listener: its match, in a form that tells equal matches, and the message.
import { clone, equals } from '@bufbuild/protobuf'
import { formatCidr, parseCidr } from '../base/index.ts'
import { create, type SallyportMetadata } from '../xds/index.ts'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { cidrRange, filterChain } from './messages.ts'

export interface ChainMatch {
  readonly serverNames?: readonly string[]
  /** Addresses and ranges of the dialled destination. */
  readonly ranges?: readonly string[]
  /** Plain-text HTTP, as the inspector finds it. */
  readonly isHttp?: boolean
}

export interface ChainPlan {
  /** Equal for matches that Envoy would refuse beside each other; two chains with one key: the first stays. */
  readonly key: string
  readonly chain: FilterChain
  readonly isMatchAll: boolean
  readonly looksAtNames: boolean
  readonly looksAtHttp: boolean
  /** Takes bytes as they come, also from a client that says nothing. */
  readonly servesSilence: boolean
}

export function isSamePlan(a: ChainPlan, b: ChainPlan): boolean {
  return a === b || (a.key === b.key && equals(FilterChainSchema, a.chain, b.chain))
}

/**
 * The same chain for plain bytes only. Envoy goes no step back: where plain HTTP has a chain of its own in a range, nothing else that is plain is
 * taken by the chain that takes everything there.
 */
export function forPlainBytes(plan: ChainPlan): ChainPlan {
  const { name, filters, metadata, filterChainMatch } = plan.chain
  const chain = create(FilterChainSchema, { name })
  chain.filterChainMatch = create(FilterChainMatchSchema, { transportProtocol: plain })
  chain.filterChainMatch.prefixRanges = filterChainMatch?.prefixRanges ?? []
  chain.filters = filters
  if (metadata !== undefined) chain.metadata = metadata
  return { ...plan, key: `plain${plan.key}`, chain }
}

/** The same chain for a range of destinations, unless it says ranges itself. */
export function within(plan: ChainPlan, range: string): ChainPlan {
  const { chain } = plan
  if ((chain.filterChainMatch?.prefixRanges.length ?? 0) > 0) return plan
  const made = clone(FilterChainSchema, chain)
  made.filterChainMatch ??= create(FilterChainMatchSchema)
  made.filterChainMatch.prefixRanges = [cidrRange(range) ?? []].flat()
  return { ...plan, key: `${plan.key}${masked(range)}`, chain: made }
}

export interface ChainPlanInit {
  readonly match: ChainMatch
  readonly filter: Filter
  readonly metadata: SallyportMetadata
  readonly name?: string
  /** TLS that ends here: what is inside goes to the filter. */
  readonly transportSocket?: TransportSocket
}

/** What the HTTP inspector calls plain-text HTTP (HTTP/1.0 is not among it). */
const plain = 'raw_buffer'
const plainTextHttp = ['http/1.1', 'h2c']

export function planChain(init: ChainPlanInit): ChainPlan {
  const { match, metadata } = init
  const isHttp = match.isHttp === true
  const names = match.serverNames ?? []
  const isByResolution = metadata.resolvesTo !== undefined
  const isEmpty = matchKey(match) === matchKey({})
  const isMatchAll = isEmpty && !isByResolution
  const key = isByResolution ? `resolves ${metadata.resolvesTo} ${matchKey(match)}` : matchKey(match)
  return {
    key,
    chain: filterChain({
      filter: init.filter,
      metadata,
      ...(init.name !== undefined && { name: init.name }),
      ...(init.transportSocket && { transportSocket: init.transportSocket }),
      ...(!isEmpty && { match: envoyMatch(match) }),
    }),
    isMatchAll,
    looksAtNames: names.length > 0 || init.transportSocket !== undefined,
    looksAtHttp: isHttp,
    servesSilence: !isHttp && names.length === 0 && init.transportSocket === undefined && metadata.refuse === undefined,
  }
}

function envoyMatch(match: ChainMatch): FilterChainMatch {
  return create(FilterChainMatchSchema, {
    serverNames: (match.serverNames ?? []).filter((name) => name !== '*'),
    prefixRanges: (match.ranges ?? []).flatMap((range) => cidrRange(range) ?? []),
    ...(match.isHttp === true && { transportProtocol: plain, applicationProtocols: plainTextHttp }),
  })
}

/** Ranges are compared as networks, `*` among names and `0.0.0.0` among ranges say nothing: as Istio compares them. */
function matchKey(match: ChainMatch): string {
  const names = (match.serverNames ?? []).filter((name) => name !== '*').sort()
  const ranges = (match.ranges ?? [])
    .filter((range) => range !== '0.0.0.0')
    .map(masked)
    .sort()
  return `${match.isHttp === true ? 'http' : ''}|${names.join()}|${ranges.join()}`
}

function masked(range: string): string {
  const cidr = parseCidr(range)
  return cidr === undefined ? range : formatCidr(cidr)
}
