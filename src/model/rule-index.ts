// Finds the VirtualServices that speak about a host, for one gateway name (`mesh` included).
import { HostIndex } from '../registry/index.ts'
import type { RuleSet } from './virtual-services.ts'

export interface RuleIndex {
  /** In the order of precedence: private, exported, public, each oldest first. */
  readonly all: readonly RuleSet[]
  /** Those naming exactly this host. */
  naming(host: string): readonly RuleSet[]
  /** The most specific wildcard covering the host: of it, the first in order; none when some VirtualService names the host exactly. */
  covering(host: string): RuleSet | undefined
  /** Those that share some name with the host (TLS and TCP rules look at all of them). */
  about(host: string): readonly RuleSet[]
}

export function indexRules(all: readonly RuleSet[]): RuleIndex {
  const hosts = new HostIndex<RuleSet>()
  const position = new Map(all.map((rules, i) => [rules, i] as const))
  for (const rules of all) for (const host of new Set(rules.hosts)) hosts.add(host, rules)
  const naming = (host: string): readonly RuleSet[] => hosts.at(host)
  return {
    all,
    naming,
    covering: (host) => (naming(host).length > 0 && !host.startsWith('*') ? undefined : hosts.wildcard(host)[0]),
    about: (host) => {
      if (hosts.isEmpty) return []
      const found = [...new Set(hosts.overlapping(host))]
      return found.sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0))
    },
  }
}
