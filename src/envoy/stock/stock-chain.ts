// Turns one filter chain into the chains by which stock Envoy does the same, or less: never more.
import { readMetadata, type SallyportMetadata } from '../../xds/index.ts'
import { type FilterChain, FilterChainSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { altered } from './altered.ts'
import { explainingChains, httpRefusal, narrowed, refusingChain, passingTls, tlsRefusal } from './refusals.ts'
import { type FilterSite, stockFilters } from './stock-filters.ts'
import { stockServerSocket } from './stock-tls.ts'

export interface ChainSite extends FilterSite {
  readonly strict: boolean
  /** Whose word it is that what nothing declares is refused or let pass. */
  readonly fallback: SallyportMetadata
  readonly isOpen: boolean
}

export interface StockChains {
  /** In place of the chain. */
  readonly chains: readonly FilterChain[]
  /** To be added where a listener looks at the bytes and has no such chain of its own. */
  readonly explaining: readonly FilterChain[]
}

export function stockChain(chain: FilterChain, at: ChainSite): StockChains {
  const said = readMetadata(chain.metadata)
  // Envoy cannot ask what a name resolves to before it chooses a chain.
  if (said.resolvesTo !== undefined) return { chains: [], explaining: [] }
  if (said.refuse !== undefined) return refused(chain, said, at)
  const socket = chain.transportSocket && stockServerSocket(chain.transportSocket)
  const filters = stockFilters(chain.filters, at)
  const whole = altered(FilterChainSchema, chain, { filters, ...(socket && { transportSocket: socket }) })
  const name = at.strict ? said.serverName : undefined
  const isPlain = chain.filterChainMatch?.transportProtocol === 'raw_buffer'
  if (isPlain || name === undefined || name === '' || name === '*') return { chains: [whole], explaining: [] }
  return { chains: [...namedTls(chain, whole, name, at), whole], explaining: [] }
}

function refused(chain: FilterChain, metadata: SallyportMetadata, { site, strict }: ChainSite): StockChains {
  const init = { site, strict, metadata }
  const { name, filterChainMatch: match } = chain
  if (!strict) return { chains: [refusingChain(init, name, match)], explaining: [] }
  if ((match?.serverNames.length ?? 0) > 0) return { chains: [tlsRefusal(init, name, match)], explaining: [] }
  if ((match?.applicationProtocols.length ?? 0) > 0) return { chains: [httpRefusal(init, name, match)], explaining: [] }
  return { chains: [refusingChain(init, name, match)], explaining: explainingChains(init, name === '' ? 'refused' : name, match) }
}

/** On a port that says no protocol, TLS has to carry the host's name. Envoy cannot tell no name from another one: both are what nothing declares. */
function namedTls(chain: FilterChain, whole: FilterChain, host: string, { site, strict, fallback, isOpen }: ChainSite): FilterChain[] {
  const { filterChainMatch: match } = chain
  const text = `the server name is not "${host}", which this address and port are declared for; a port of \`protocol: TCP\` takes any`
  const { kind, namespace, name, field } = readMetadata(chain.metadata)
  const metadata: SallyportMetadata = {
    ...(kind !== undefined && { kind }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(field !== undefined && { field }),
    refuse: 'name-mismatch',
    refuseText: text,
  }
  const misnamed = `${chain.name}-misnamed`
  return [
    altered(FilterChainSchema, whole, {
      name: `${chain.name}-named`,
      filterChainMatch: narrowed(match, { transportProtocol: 'tls', serverNames: [host] }),
    }),
    isOpen ? passingTls(fallback, misnamed, match) : tlsRefusal({ site, strict, metadata }, misnamed, match),
  ]
}
