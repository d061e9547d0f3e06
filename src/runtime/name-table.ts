// Answers which declared name covers a name, and whose address an IP is, for DNS and for the agreement of names.
import { changesBetween, finish, type Ip, type MapChange, parseIp, PatchedMap, type Steps } from '../base/index.ts'
import type { DnsTable_DnsVirtualDomain } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { DeclaredName } from './compiled.ts'
import { DomainMap } from './domain-map.ts'
import type { Problem } from './rejection.ts'

type Domains = ReadonlyMap<string, DnsTable_DnsVirtualDomain>

export interface NameProblem {
  readonly host: string
  readonly problem: Problem
}

/** Whose an address is, and what is wrong with names. */
interface Owners {
  readonly hosts: ReadonlyMap<string, string>
  readonly problems: readonly NameProblem[]
  /** Some address was claimed twice: who has it then depends on all. */
  readonly isContested: boolean
}

export class NameTable {
  /** The snapshot's names that this was built from: as long as they stay the same, so does the table. */
  readonly source: Domains
  /** Every key is what names are looked up by. */
  readonly #isPlain: boolean
  /** Where names are written otherwise. */
  #others: DomainMap<DeclaredName> | undefined
  /** Found out when they are first asked for. */
  #owners: Owners | undefined
  /** They were found out at another time. */
  #known: (() => ReadonlyMap<string, string>) | undefined

  private constructor(source: Domains, isPlain: boolean, owners: Owners | undefined) {
    this.source = source
    this.#isPlain = isPlain
    this.#owners = owners
  }

  /** `before` spares the work of the names that both have. */
  static of(source: Domains, before?: NameTable): NameTable {
    if (before?.source === source) return before
    if (before === undefined) return new NameTable(source, isPlain(source.keys()), undefined)
    const changes = changesBetween(before.source, source)
    const added = changes.flatMap(({ key, now }) => (now ? [key] : []))
    const known = before.#owners ?? before.#remembered()
    const owners = known && changedOwners(known, changes)
    return new NameTable(source, isPlain(before.#isPlain ? added : source.keys()), owners)
  }

  covering(name: string): DeclaredName | undefined {
    const lower = name.toLowerCase()
    const host = lower.endsWith('.') ? lower.slice(0, -1) : lower
    return this.#isPlain ? this.#find(host) : this.#byOtherNames.get(host)
  }

  ofAddress(ip: Ip): string | undefined {
    return (this.#owners ?? finish(this.#owning())).hosts.get(ip)
  }

  /** Nothing is wrong with any, and no address belongs to two. */
  isGood(owners: (() => ReadonlyMap<string, string>) | undefined): void {
    this.#known = owners
  }

  get owners(): ReadonlyMap<string, string> | undefined {
    const owners = this.#owners ?? this.#remembered()
    return owners === undefined || owners.isContested || owners.problems.length > 0 ? undefined : owners.hosts
  }

  *problems(): Steps<readonly NameProblem[]> {
    return (yield* this.#owning()).problems
  }

  *#owning(): Steps<Owners> {
    return (this.#owners ??= this.#remembered() ?? (yield* ownersOf(this.source)))
  }

  #remembered(): Owners | undefined {
    return this.#known && { hosts: this.#known(), problems: [], isContested: false }
  }

  /** As `DomainMap` finds it: the name itself, then the longest `*.x`, then `*`. */
  #find(host: string): DeclaredName | undefined {
    const exact = this.#declared(host)
    if (exact !== undefined) return exact
    for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
      const found = this.#declared(`*${host.slice(dot)}`)
      if (found !== undefined) return found
    }
    return this.#declared('*')
  }

  #declared(key: string): DeclaredName | undefined {
    const domain = this.source.get(key)
    return domain && declaredBy(domain, key)
  }

  get #byOtherNames(): DomainMap<DeclaredName> {
    if (this.#others !== undefined) return this.#others
    const names = new DomainMap<DeclaredName>()
    for (const [key, domain] of this.source) names.add(key, declaredBy(domain, key))
    this.#others = names
    return names
  }
}

/** Lower case, and no star but that of `*.x` or `*`. */
function isPlain(keys: Iterable<string>): boolean {
  for (const key of keys) {
    const at = key.indexOf('*')
    if (at > 0 || (at === 0 && key !== '*' && (!key.startsWith('*.') || key.includes('*', 1))) || key !== key.toLowerCase()) return false
  }
  return true
}

/** So many names are looked at before others get their turn. */
const STEP = 128

function* ownersOf(source: Domains): Steps<Owners> {
  const hosts = new Map<string, string>()
  const problems: NameProblem[] = []
  let isContested = false
  let count = 0
  for (const [key, domain] of source) {
    if (++count % STEP === 0) yield
    const { addresses, problem } = readAddresses(domain)
    if (problem) problems.push({ host: key, problem })
    const host = key.toLowerCase()
    for (const ip of ownAddresses({ host, addresses })) {
      const holder = hosts.get(ip)
      if (holder !== undefined) isContested = true
      // Resources come in no particular order, so the names themselves decide.
      if (holder === undefined || host < holder) hosts.set(ip, host)
    }
  }
  return { hosts, problems, isContested }
}

/** Undefined when more depends on the changes than what they name. */
function changedOwners(before: Owners, changes: readonly MapChange<DnsTable_DnsVirtualDomain>[]): Owners | undefined {
  if (before.isContested || before.problems.length > 0) return undefined
  const hosts = new Map<string, string | undefined>()
  for (const { key, before: gone } of changes) {
    if (gone !== undefined) for (const ip of ownAddresses(declaredBy(gone, key))) hosts.set(ip, undefined)
  }
  for (const { key, now } of changes) {
    if (now === undefined) continue
    const { addresses, problem } = readAddresses(now)
    if (problem) return undefined
    const host = key.toLowerCase()
    for (const ip of ownAddresses({ host, addresses })) {
      if ((hosts.has(ip) ? hosts.get(ip) : before.hosts.get(ip)) !== undefined) return undefined
      hosts.set(ip, host)
    }
  }
  return { hosts: PatchedMap.of(before.hosts, hosts), problems: [], isContested: false }
}

/** A wildcard's address is no name's address in particular. */
function ownAddresses({ host, addresses }: DeclaredName): readonly Ip[] {
  if (host.includes('*')) return []
  return addresses.length < 2 || (addresses.length === 2 && addresses[0] !== addresses[1]) ? addresses : [...new Set(addresses)]
}

const known = new WeakMap<DnsTable_DnsVirtualDomain, DeclaredName>()

function declaredBy(domain: DnsTable_DnsVirtualDomain, key: string): DeclaredName {
  const host = key.toLowerCase()
  const found = known.get(domain)
  if (found?.host === host) return found
  const made = { host, addresses: readAddresses(domain).addresses }
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
