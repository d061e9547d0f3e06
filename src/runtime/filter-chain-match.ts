// Chooses a filter chain exactly as Envoy does, over tables prepared beforehand: the cost does not grow with the number of chains.
import { type Address, type Cidr, CidrMap, formatCidr, parseCidr } from '../base/index.ts'
import type { FirstBytes } from '../flow/index.ts'
import type { FilterChainMatch } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { DomainMap } from './domain-map.ts'

/**
 * Envoy's nested tables: destination port → longest destination prefix → server name → transport protocol → application
 * protocol. Each step that finds something decides; there is no way back to a less specific branch (Envoy's issue that
 * an SNI under the shorter of two overlapping prefixes is not found is so by design).
 */
export class ChainMatcher<C> {
  readonly #ports = new Map<number, PrefixTable<C>>()
  /** Chains that look at what the client says first. */
  #looking = 0

  /** True when some chain looks at what the client says first. */
  get needsFirstBytes(): boolean {
    return this.#looking > 0
  }

  /** Returns what is wrong with the match, if something is: the chain then stands wherever the rest of its match puts it. */
  add(match: FilterChainMatch | undefined, chain: C): string | undefined {
    const { prefixes, problem } = readPrefixes(match)
    const port = match?.destinationPort ?? 0
    let table = this.#ports.get(port)
    if (!table) this.#ports.set(port, (table = new PrefixTable()))
    const isTaken = !table.add(prefixes, match, chain)
    if (looksAtFirstBytes(match)) this.#looking++
    return problem ?? (isTaken ? 'another filter chain has the same match; the first one keeps it' : undefined)
  }

  /**
   * A matcher that differs from this one in a few chains that are chosen by server name alone, made without touching the others;
   * undefined when there is more to it than that. No chain may have been added to this one in vain.
   */
  patched(gone: readonly MatchedChain<C>[], added: readonly MatchedChain<C>[]): ChainMatcher<C> | undefined {
    const table = this.#ports.get(0)?.patched(gone, added)
    if (table === undefined) return undefined
    const matcher = new ChainMatcher<C>()
    for (const [port, known] of this.#ports) matcher.#ports.set(port, port === 0 ? table : known)
    matcher.#looking = this.#looking + added.length - gone.length
    return matcher
  }

  /** What is left after the steps that need no byte of the client. */
  groupFor(destination: Address): ChainGroup<C> | undefined {
    const table = this.#ports.get(destination.port) ?? this.#ports.get(0)
    return table?.get(destination)
  }
}

export interface MatchedChain<C> {
  readonly match: FilterChainMatch | undefined
  readonly chain: C
}

/** The chains of one destination port and prefix. */
export class ChainGroup<C> {
  #names = new DomainMap<Transports<C>>()
  /** Names with a star that no client can say. */
  readonly #oddNames = new Map<string, Transports<C>>()
  #anyName: Transports<C> | undefined
  #looking = 0

  get needsFirstBytes(): boolean {
    return this.#looking > 0
  }

  /** `first` absent = whoever asks has found that no chain here looks at it. */
  choose(first: FirstBytes | undefined): C | undefined {
    const isTls = first?.protocol === 'tls'
    const sni = isTls ? first.sni : undefined
    const table = (sni ? this.#names.get(sni.toLowerCase()) : undefined) ?? this.#anyName
    return table?.choose(isTls ? 'tls' : 'raw_buffer', applicationProtocols(first))
  }

  /** False when every place that the chain asks for is taken, or one of them. */
  add(match: FilterChainMatch | undefined, chain: C): boolean {
    if (looksAtFirstBytes(match)) this.#looking++
    const transport = match?.transportProtocol ?? ''
    const protocols = match && match.applicationProtocols.length > 0 ? match.applicationProtocols : anyProtocol
    const names = match?.serverNames ?? nothing
    let isFree = true
    for (const name of names.length > 0 ? names : anyName) {
      for (const protocol of protocols) isFree = this.#claim(name, { transport, protocol, chain }) && isFree
    }
    return isFree
  }

  /** See `ChainMatcher.patched`. */
  patched(gone: readonly MatchedChain<C>[], added: readonly MatchedChain<C>[]): ChainGroup<C> | undefined {
    const left = gone.flatMap(({ match, chain }) => (match?.serverNames ?? nothing).map((domain) => ({ domain, chain })))
    const entries = left.map(({ domain, chain }) => ({ domain, value: this.#names.getDeclared(domain), chain }))
    const lonely = entries.flatMap(({ domain, value, chain }) => (value?.isOnly(chain) === true ? [{ domain, value }] : []))
    if (lonely.length < left.length) return undefined
    const names = this.#names.patched(
      lonely,
      added.flatMap(({ match, chain }) =>
        (match?.serverNames ?? nothing).map((domain) => ({ domain, value: new Transports({ transport: '', protocol: '', chain }) })),
      ),
    )
    if (names === undefined) return undefined
    const group = new ChainGroup<C>()
    group.#names = names
    for (const [name, table] of this.#oddNames) group.#oddNames.set(name, table)
    group.#anyName = this.#anyName
    group.#looking = this.#looking + added.length - gone.length
    return group
  }

  #claim(name: string, place: Place<C>): boolean {
    const known = this.#tableOf(name)
    if (known !== undefined) return known.add(place)
    const made = new Transports(place)
    const key = name.toLowerCase()
    if (name === '') this.#anyName = made
    // Envoy knows exact names and `*.x` only; anything else with a star can be no server name, so it is found by nobody.
    else if (isOdd(key)) this.#oddNames.set(key, made)
    else this.#names.add(key, made)
    return true
  }

  #tableOf(name: string): Transports<C> | undefined {
    if (name === '') return this.#anyName
    const key = name.toLowerCase()
    return isOdd(key) ? this.#oddNames.get(key) : this.#names.getDeclared(key)
  }
}

class PrefixTable<C> {
  readonly #groups = new Map<string, ChainGroup<C>>()
  readonly #byPrefix = new CidrMap<ChainGroup<C>>()
  /** Chains that name no prefix stand under both of `anywhere`: in one group, as long as no chain names one of the two by itself. */
  #anywhere = new ChainGroup<C>()
  readonly #unnamed: MatchedChain<C>[] = []
  #hasPrefixes = false

  get(destination: Address): ChainGroup<C> | undefined {
    // As long as no chain names a prefix, there is no need to look at the address.
    return this.#hasPrefixes ? this.#byPrefix.get(destination.ip) : this.#anywhere
  }

  /** False when the chain found some place taken. */
  add(prefixes: readonly Cidr[], match: FilterChainMatch | undefined, chain: C): boolean {
    if (prefixes === anywhere) this.#unnamed.push({ match, chain })
    if (prefixes === anywhere && !this.#hasPrefixes) return this.#anywhere.add(match, chain)
    if (!this.#hasPrefixes) this.#nameAnywhere()
    let isFree = true
    for (const prefix of prefixes) isFree = this.#groupOf(prefix).add(match, chain) && isFree
    return isFree
  }

  patched(gone: readonly MatchedChain<C>[], added: readonly MatchedChain<C>[]): PrefixTable<C> | undefined {
    if (this.#hasPrefixes || ![...gone, ...added].every(({ match }) => isByNameOnly(match))) return undefined
    const group = this.#anywhere.patched(gone, added)
    if (group === undefined) return undefined
    const table = new PrefixTable<C>()
    table.#anywhere = group
    return table
  }

  /** The first chain with a prefix has come: those without one get a group for each family. */
  #nameAnywhere(): void {
    this.#hasPrefixes = true
    for (const { match, chain } of this.#unnamed) for (const prefix of anywhere) this.#groupOf(prefix).add(match, chain)
  }

  #groupOf(prefix: Cidr): ChainGroup<C> {
    const key = formatCidr(prefix)
    let group = this.#groups.get(key)
    if (!group) {
      this.#groups.set(key, (group = new ChainGroup()))
      this.#byPrefix.set(prefix, group)
    }
    return group
  }
}

interface Place<C> {
  readonly transport: string
  readonly protocol: string
  readonly chain: C
}

/** Transport protocol, then application protocol. Nearly always there is one chain, so that a list is both small and quick. */
class Transports<C> {
  readonly #first: Place<C>
  #others: Place<C>[] | undefined

  constructor(first: Place<C>) {
    this.#first = first
  }

  isOnly(chain: C): boolean {
    return this.#others === undefined && this.#first.chain === chain
  }

  choose(transport: string, protocols: readonly string[]): C | undefined {
    const chosen = this.#has(transport) ? transport : ''
    for (const protocol of protocols) {
      const chain = this.#find(chosen, protocol)
      if (chain !== undefined) return chain
    }
    return this.#find(chosen, '')
  }

  add(place: Place<C>): boolean {
    if (this.#find(place.transport, place.protocol) !== undefined) return false
    if (this.#others === undefined) this.#others = [place]
    else this.#others.push(place)
    return true
  }

  #has(transport: string): boolean {
    return this.#first.transport === transport || (this.#others?.some((place) => place.transport === transport) ?? false)
  }

  #find(transport: string, protocol: string): C | undefined {
    if (this.#first.transport === transport && this.#first.protocol === protocol) return this.#first.chain
    return this.#others?.find((place) => place.transport === transport && place.protocol === protocol)?.chain
  }
}

const anyName: readonly string[] = ['']
const anyProtocol: readonly string[] = ['']
const nothing: readonly string[] = []
const http1: readonly string[] = ['http/1.1']
const http2: readonly string[] = ['h2c']

/** What Envoy's TLS and HTTP inspectors would have found. */
function applicationProtocols(first: FirstBytes | undefined): readonly string[] {
  switch (first?.protocol) {
    case 'tls':
      return first.alpn
    case 'http1':
      return http1
    case 'http2':
      return http2
    default:
      return nothing
  }
}

function looksAtFirstBytes(match: FilterChainMatch | undefined): boolean {
  if (!match) return false
  return match.serverNames.length > 0 || match.transportProtocol !== '' || match.applicationProtocols.length > 0
}

/** A chain is chosen by server name and nothing else. */
function isByNameOnly(match: FilterChainMatch | undefined): boolean {
  if (!match || match.serverNames.length === 0 || match.serverNames.some((name) => name === '' || isOdd(name.toLowerCase()))) return false
  return (
    match.destinationPort === undefined &&
    match.transportProtocol === '' &&
    match.applicationProtocols.length === 0 &&
    match.prefixRanges.length === 0
  )
}

function isOdd(name: string): boolean {
  return name.includes('*') && !name.startsWith('*.')
}

/** No prefix is the same as these two (Envoy: FilterChainManagerImpl::convertIPsToTries). */
const anywhere: readonly Cidr[] = ['0.0.0.0/0', '::/0'].flatMap((text) => parseCidr(text) ?? [])

/** A range that cannot be read covers nothing: the chain is then reached by its other ranges only. */
function readPrefixes(match: FilterChainMatch | undefined): { prefixes: readonly Cidr[]; problem?: string } {
  if (!match || match.prefixRanges.length === 0) return { prefixes: anywhere }
  const prefixes: Cidr[] = []
  let problem: string | undefined
  for (const { addressPrefix, prefixLen } of match.prefixRanges) {
    const cidr = parseCidr(`${addressPrefix}/${prefixLen ?? 0}`)
    if (cidr) prefixes.push(cidr)
    else problem = `"${addressPrefix}/${prefixLen ?? 0}" is not an address range`
  }
  return problem === undefined ? { prefixes } : { prefixes, problem }
}
