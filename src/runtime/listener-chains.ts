// Places the filter chains of a listener into its tables; of a later version only those that differ are touched.
import { changedStretch, spliced } from '../base/index.ts'
import type { FilterChain } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { gatherAddresses } from './cluster-endpoints.ts'
import type { Gather } from './decision.ts'
import { type CompiledChain, compileFilterChain, hasUnknownMatch } from './filter-chain.ts'
import { ChainMatcher } from './filter-chain-match.ts'
import { memoized } from './memo.ts'
import type { Problem } from './rejection.ts'

/** A chain that takes only destinations which are addresses of a name. */
export interface ResolvingChain {
  readonly chain: CompiledChain
  readonly name: string
  readonly gather: Gather
  /** The rest of the chain's match. */
  readonly matcher: ChainMatcher<CompiledChain>
}

export interface ListenerChains {
  /** As the message has them, the default one last. */
  readonly chains: readonly CompiledChain[]
  /** Some chain looks at what the client says first. */
  readonly needsFirstBytes: boolean
  /** Of their places; those of what they say are told by each of them. */
  readonly problems: readonly Problem[]
  readonly matcher: ChainMatcher<CompiledChain>
  readonly resolving: readonly ResolvingChain[]
  readonly defaultChain: CompiledChain | undefined
}

/** An earlier version of the listener, its chains in their places. */
export interface EarlierChains extends Pick<ListenerChains, 'chains' | 'matcher' | 'resolving' | 'problems'> {
  readonly source: Listener
}

export function placeChainsOf(listener: Listener, before: EarlierChains | undefined): ListenerChains {
  const chains = chainsOf(listener, before)
  // A default that asks for the addresses of a name is no default: it takes its turn after the others that do.
  const last = listener.defaultFilterChain && chains.at(-1)
  const defaultChain = last?.resolvesTo === undefined ? last : undefined
  const problems: Problem[] = []
  const placed = (before && placeChanges(listener, chains, before)) ?? placeChains(listener, chains, defaultChain !== undefined, problems)
  const needsFirstBytes = placed.matcher.needsFirstBytes || placed.resolving.some(({ matcher }) => matcher.needsFirstBytes)
  return { chains, defaultChain, ...placed, needsFirstBytes, problems }
}

/** Envoy's path of the chain at this place among the compiled ones. */
export function chainPath(listener: Listener, index: number): string {
  return index < listener.filterChains.length ? `filter_chains[${index}]` : 'default_filter_chain'
}

function messagesOf({ filterChains, defaultFilterChain }: Listener): readonly FilterChain[] {
  return defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains
}

function chainsOf(listener: Listener, before: EarlierChains | undefined): readonly CompiledChain[] {
  const messages = messagesOf(listener)
  if (before === undefined) return messages.map(compileFilterChain)
  const { start, beforeEnd, nowEnd } = changedStretch(messagesOf(before.source), messages)
  return spliced(before.chains, start, beforeEnd, messages.slice(start, nowEnd).map(compileFilterChain))
}

type Tables = Pick<ListenerChains, 'matcher' | 'resolving'>

/** Undefined when the differences cannot be told apart from the rest. */
function placeChanges(listener: Listener, chains: readonly CompiledChain[], before: EarlierChains): Tables | undefined {
  const { matcher, resolving, source, problems } = before
  // With a default chain among those that are placed by their match, or a chain that stands there in vain, all of them matter.
  if (problems.length > 0 || Boolean(listener.defaultFilterChain) !== Boolean(source.defaultFilterChain)) return undefined
  const { start, beforeEnd, nowEnd } = changedStretch(before.chains, chains)
  const gone = before.chains.slice(start, beforeEnd)
  const added = chains.slice(start, nowEnd)
  if ([...gone, ...added].some((chain) => chain.resolvesTo !== undefined || hasUnknownMatch(chain))) return undefined
  const hasLast = (list: readonly CompiledChain[], end: number): boolean => Boolean(listener.defaultFilterChain) && end === list.length
  const placedGone = hasLast(before.chains, beforeEnd) ? gone.slice(0, -1) : gone
  const placedAdded = hasLast(chains, nowEnd) ? added.slice(0, -1) : added
  if (gone.length - placedGone.length !== added.length - placedAdded.length) return undefined
  if (placedGone.length + placedAdded.length === 0) return { matcher, resolving }
  const patched = matcher.patched(placedGone.map(withMatch), placedAdded.map(withMatch))
  return patched && { matcher: patched, resolving }
}

function withMatch(chain: CompiledChain) {
  return { match: chain.match, chain }
}

function placeChains(listener: Listener, chains: readonly CompiledChain[], hasDefault: boolean, problems: Problem[]): Tables {
  const matcher = new ChainMatcher<CompiledChain>()
  const resolving: ResolvingChain[] = []
  const placed = hasDefault ? chains.slice(0, -1) : chains
  const report = (chain: CompiledChain, i: number, problem: string | undefined): void => {
    const path = `${chainPath(listener, i)}.filter_chain_match`
    if (problem !== undefined) problems.push({ path, message: problem, ...(chain.ref && { ref: chain.ref }) })
  }
  // A chain whose match is not fully known refuses, and keeps its place against one that would take the same connections.
  for (const [i, chain] of placed.entries()) if (hasUnknownMatch(chain)) report(chain, i, matcher.add(chain.match, chain))
  for (const [i, chain] of placed.entries()) {
    if (hasUnknownMatch(chain)) continue
    if (chain.resolvesTo === undefined) {
      report(chain, i, matcher.add(chain.match, chain))
      continue
    }
    const { entry, problem } = resolvingChain(chain)
    report(chain, i, problem)
    resolving.push(entry)
  }
  return { matcher, resolving }
}

const resolvingChain = memoized((chain: CompiledChain): { entry: ResolvingChain; problem: string | undefined } => {
  const name = chain.resolvesTo ?? ''
  const matcher = new ChainMatcher<CompiledChain>()
  const problem = matcher.add(chain.match, chain)
  return { entry: { chain, name, matcher, gather: gatherAddresses(name) }, problem }
})
