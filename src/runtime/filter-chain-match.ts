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
  #needsFirstBytes = false

  /** True when some chain looks at what the client says first. */
  get needsFirstBytes(): boolean {
    return this.#needsFirstBytes
  }

  /** Returns what is wrong with the match, if something is: the chain then stands wherever the rest of its match puts it. */
  add(match: FilterChainMatch | undefined, chain: C): string | undefined {
    const { prefixes, problem } = readPrefixes(match)
    const port = match?.destinationPort ?? 0
    let table = this.#ports.get(port)
    if (!table) this.#ports.set(port, (table = new PrefixTable()))
    const isTaken = !table.add(prefixes, match, chain)
    if (looksAtFirstBytes(match)) this.#needsFirstBytes = true
    return problem ?? (isTaken ? 'another filter chain has the same match; the first one keeps it' : undefined)
  }

  /** What is left after the steps that need no byte of the client. */
  groupFor(destination: Address): ChainGroup<C> | undefined {
    const table = this.#ports.get(destination.port) ?? this.#ports.get(0)
    return table?.get(destination)
  }
}

/** The chains of one destination port and prefix. */
export class ChainGroup<C> {
  readonly #names = new DomainMap<TransportTable<C>>()
  readonly #known = new Map<string, TransportTable<C>>()
  #anyName: TransportTable<C> | undefined
  #needsFirstBytes = false

  get needsFirstBytes(): boolean {
    return this.#needsFirstBytes
  }

  /** `first` absent = whoever asks has found that no chain here looks at it. */
  choose(first: FirstBytes | undefined): C | undefined {
    const isTls = first?.protocol === 'tls'
    const sni = isTls ? first.sni : undefined
    const table = (sni ? this.#names.get(sni.toLowerCase()) : undefined) ?? this.#anyName
    const protocols = table?.get(isTls ? 'tls' : 'raw_buffer')
    if (!protocols) return undefined
    for (const protocol of applicationProtocols(first)) {
      const chain = protocols.get(protocol)
      if (chain !== undefined) return chain
    }
    return protocols.get('')
  }

  /** False when every place that the chain asks for is taken, or one of them. */
  add(match: FilterChainMatch | undefined, chain: C): boolean {
    if (looksAtFirstBytes(match)) this.#needsFirstBytes = true
    const protocols = match?.applicationProtocols ?? []
    let isFree = true
    for (const table of this.#tablesOf(match?.serverNames ?? [])) {
      for (const protocol of protocols.length > 0 ? protocols : ['']) {
        isFree = table.add(match?.transportProtocol ?? '', protocol, chain) && isFree
      }
    }
    return isFree
  }

  #tablesOf(names: readonly string[]): TransportTable<C>[] {
    if (names.length === 0) return [(this.#anyName ??= new TransportTable())]
    return names.map((name) => {
      const key = name.toLowerCase()
      let table = this.#known.get(key)
      if (!table) {
        this.#known.set(key, (table = new TransportTable()))
        // Envoy knows exact names and `*.x` only; anything else with a star can be no server name, so it is found by nobody.
        if (key.startsWith('*.') || !key.includes('*')) this.#names.add(key, table)
      }
      return table
    })
  }
}

class PrefixTable<C> {
  readonly #groups = new Map<string, ChainGroup<C>>()
  readonly #byPrefix = new CidrMap<ChainGroup<C>>()
  #hasPrefixes = false

  get(destination: Address): ChainGroup<C> | undefined {
    // As long as no chain names a prefix, all are under both of these, and there is no need to look at the address.
    return this.#hasPrefixes ? this.#byPrefix.get(destination.ip) : this.#groups.get(anywhereKey)
  }

  /** False when the chain found some place taken. */
  add(prefixes: readonly Cidr[], match: FilterChainMatch | undefined, chain: C): boolean {
    let isFree = true
    for (const prefix of prefixes) isFree = this.#groupOf(prefix).add(match, chain) && isFree
    if (prefixes !== anywhere) this.#hasPrefixes = true
    return isFree
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

class TransportTable<C> {
  readonly #transports = new Map<string, Map<string, C>>()

  get(transport: string): Map<string, C> | undefined {
    return this.#transports.get(transport) ?? this.#transports.get('')
  }

  add(transport: string, protocol: string, chain: C): boolean {
    let protocols = this.#transports.get(transport)
    if (!protocols) this.#transports.set(transport, (protocols = new Map()))
    if (protocols.has(protocol)) return false
    protocols.set(protocol, chain)
    return true
  }
}

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

/** No prefix is the same as these two (Envoy: FilterChainManagerImpl::convertIPsToTries). */
const anywhereKey = '0.0.0.0/0'
const anywhere: readonly Cidr[] = [anywhereKey, '::/0'].flatMap((text) => parseCidr(text) ?? [])

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
