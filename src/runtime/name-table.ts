// Answers which declared name covers a name, and whose address an IP is, for DNS and for the agreement of names.
import { type Ip, parseIp } from '../base/index.ts'
import type { DnsTable_DnsVirtualDomain } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { DeclaredName } from './compiled.ts'
import { DomainMap } from './domain-map.ts'
import { memoized } from './memo.ts'
import type { Problem } from './rejection.ts'

export class NameTable {
  /** The snapshot's names that this was built from: as long as they stay the same, so does the table. */
  readonly source: ReadonlyMap<string, DnsTable_DnsVirtualDomain>
  readonly problems: readonly { readonly host: string; readonly problem: Problem }[]
  readonly #names = new DomainMap<DeclaredName>()
  readonly #addresses = new Map<Ip, string>()

  constructor(source: ReadonlyMap<string, DnsTable_DnsVirtualDomain>) {
    this.source = source
    const problems: { readonly host: string; readonly problem: Problem }[] = []
    for (const [key, domain] of source) {
      const host = key.toLowerCase()
      const { addresses, problem } = compileName(domain)
      this.#names.add(host, { host, addresses })
      // A wildcard's address is no name's address in particular.
      if (!host.includes('*')) for (const ip of addresses) if (!this.#addresses.has(ip)) this.#addresses.set(ip, host)
      if (problem) problems.push({ host: key, problem })
    }
    this.problems = problems
  }

  covering(name: string): DeclaredName | undefined {
    const lower = name.toLowerCase()
    return this.#names.get(lower.endsWith('.') ? lower.slice(0, -1) : lower)
  }

  ofAddress(ip: Ip): string | undefined {
    return this.#addresses.get(ip)
  }
}

const compileName = memoized((domain: DnsTable_DnsVirtualDomain): { addresses: readonly Ip[]; problem?: Problem } => {
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
})
