// Answers which declared name covers a name, and whose address an IP is, for DNS and for the agreement of names.
import { changesBetween, type Ip, parseIp, PatchedMap } from '../base/index.ts'
import type { DnsTable_DnsVirtualDomain } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { DeclaredName } from './compiled.ts'
import { DomainMap } from './domain-map.ts'
import type { Problem } from './rejection.ts'

type Domains = ReadonlyMap<string, DnsTable_DnsVirtualDomain>

export class NameTable {
  /** The snapshot's names that this was built from: as long as they stay the same, so does the table. */
  readonly source: Domains
  readonly problems: readonly { readonly host: string; readonly problem: Problem }[]
  readonly #names: DomainMap<DeclaredName>
  readonly #addresses: ReadonlyMap<string, string>
  /** Some name or address was claimed twice: who has it then depends on all. */
  readonly #isContested: boolean

  private constructor(source: Domains, parts: Parts) {
    this.source = source
    this.problems = parts.problems
    this.#names = parts.names
    this.#addresses = parts.addresses
    this.#isContested = parts.isContested
  }

  /** `before` spares the work of the names that both have. */
  static of(source: Domains, before?: NameTable): NameTable {
    if (before?.source === source) return before
    return new NameTable(source, (before && before.#changed(source)) ?? wholeParts(source))
  }

  covering(name: string): DeclaredName | undefined {
    const lower = name.toLowerCase()
    return this.#names.get(lower.endsWith('.') ? lower.slice(0, -1) : lower)
  }

  ofAddress(ip: Ip): string | undefined {
    return this.#addresses.get(ip)
  }

  #changed(source: Domains): Parts | undefined {
    if (this.#isContested || this.problems.length > 0) return undefined
    const changes = changesBetween(this.source, source)
    const gone = changes.flatMap(({ key, before }) => (before ? [compileName(before, key)] : []))
    const added = changes.flatMap(({ key, now }) => (now ? [compileName(now, key)] : []))
    if (added.some(({ problem }) => problem !== undefined)) return undefined
    const names = this.#names.patched(gone.map(asEntry), added.map(asEntry))
    const addresses = new Map<string, string | undefined>()
    for (const { declared } of gone) for (const ip of ownAddresses(declared)) addresses.set(ip, undefined)
    for (const { declared } of added) {
      for (const ip of ownAddresses(declared)) {
        if ((addresses.has(ip) ? addresses.get(ip) : this.#addresses.get(ip)) !== undefined) return undefined
        addresses.set(ip, declared.host)
      }
    }
    return names && { names, addresses: PatchedMap.of(this.#addresses, addresses), problems: [], isContested: false }
  }
}

interface Parts {
  readonly names: DomainMap<DeclaredName>
  readonly addresses: ReadonlyMap<string, string>
  readonly problems: NameTable['problems']
  readonly isContested: boolean
}

function wholeParts(source: Domains): Parts {
  const problems: { readonly host: string; readonly problem: Problem }[] = []
  const names = new DomainMap<DeclaredName>()
  const addresses = new Map<string, string>()
  let isContested = false
  for (const [key, domain] of source) {
    const { declared, problem } = compileName(domain, key)
    if (!names.add(declared.host, declared)) isContested = true
    for (const ip of ownAddresses(declared)) {
      const holder = addresses.get(ip)
      if (holder !== undefined) isContested = true
      // Resources come in no particular order, so the names themselves decide.
      if (holder === undefined || declared.host < holder) addresses.set(ip, declared.host)
    }
    if (problem) problems.push({ host: key, problem })
  }
  return { names, addresses, problems, isContested }
}

function asEntry({ declared }: CompiledName) {
  return { domain: declared.host, value: declared }
}

/** A wildcard's address is no name's address in particular. */
function ownAddresses({ host, addresses }: DeclaredName): readonly Ip[] {
  if (host.includes('*')) return []
  return addresses.length < 2 || (addresses.length === 2 && addresses[0] !== addresses[1]) ? addresses : [...new Set(addresses)]
}

interface CompiledName {
  readonly declared: DeclaredName
  readonly problem?: Problem
}

const known = new WeakMap<DnsTable_DnsVirtualDomain, CompiledName>()

function compileName(domain: DnsTable_DnsVirtualDomain, key: string): CompiledName {
  const host = key.toLowerCase()
  const found = known.get(domain)
  if (found?.declared.host === host) return found
  const { addresses, problem } = readAddresses(domain)
  const made = { declared: { host, addresses }, ...(problem && { problem }) }
  known.set(domain, made)
  return made
}

function readAddresses(domain: DnsTable_DnsVirtualDomain): { addresses: readonly Ip[]; problem?: Problem } {
  const config = domain.endpoint?.endpointConfig
  if (config?.case === undefined) return { addresses: [] }
  if (config.case !== 'addressList') {
    return { addresses: [], problem: { path: 'endpoint', message: `answering by "${config.case}" is not carried out` } }
  }
  const addresses: Ip[] = []
  let problem: Problem | undefined
  for (const [index, text] of config.value.address.entries()) {
    const ip = parseIp(text)
    if (ip !== undefined) addresses.push(ip)
    else problem = { path: `endpoint.address_list.address[${index}]`, message: `"${text}" is not an IP address` }
  }
  return problem ? { addresses, problem } : { addresses }
}
