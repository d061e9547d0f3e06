// What the proxies of one namespace see: services, the destination behind each host, VirtualServices and DestinationRules.
import type { Registry, Service } from '../registry/index.ts'
import { type Destination, destinationOf } from './destination.ts'
import type { DestinationPolicy, DestinationRuleIndex } from './destination-rules.ts'
import { indexRules, type RuleIndex } from './rule-index.ts'
import type { RuleSet } from './virtual-services.ts'
import { visibilityOf, visibleTo } from './visibility.ts'

export interface Scope {
  readonly namespace: string
  /** Every visible service, one host perhaps several times: private, exported, public, each oldest first. */
  readonly services: readonly Service[]
  /** One for every visible host, in the order in which the hosts first stand among the services. */
  readonly destinations: readonly Destination[]
  /** No host is declared twice, so `destinations` are the services' own, one by one. */
  readonly isOneToOne: boolean
  destination(host: string): Destination | undefined
  /** VirtualServices bound to `mesh` or to a Gateway (`namespace/name`). */
  rules(gateway: string): RuleIndex
  policy(service: Service, labels: Readonly<Record<string, string>>): DestinationPolicy | undefined
}

export interface ScopeInput {
  readonly registry: Registry
  readonly ruleSets: readonly RuleSet[]
  readonly destinationRules: DestinationRuleIndex
  readonly serviceExportTo: readonly string[] | undefined
  readonly ruleExportTo: readonly string[] | undefined
}

/**
 * `added` are services that no file declares (synthesised gateways); they replace declared ones of the same host, and are there for
 * rules to lead to: nobody dials them, so they are not among `services`.
 */
export function scopeOf(input: ScopeInput, namespace: string, added: readonly Service[] = []): Scope {
  const visible = visibleTo(input.registry.services, namespace, (s) => visibilityOf(s.exportTo, s.namespace, input.serviceExportTo))
  const replaced = new Set(added.map((service) => service.host))
  const services = added.length === 0 ? visible : visible.filter((service) => !replaced.has(service.host))
  const byHost = groupHosts(added.length === 0 ? services : [...services, ...added], namespace)
  const rules = visibleTo(input.ruleSets, namespace, (r) => visibilityOf(r.exportTo, r.namespace, input.ruleExportTo))
  const indexes = new Map<string, RuleIndex>()
  return {
    namespace,
    services,
    destinations: [...byHost.values()],
    isOneToOne: byHost.size === services.length,
    destination: (host) => byHost.get(host),
    rules: (gateway) => {
      const known = indexes.get(gateway) ?? indexRules(rules.filter((one) => one.gateways.includes(gateway)))
      indexes.set(gateway, known)
      return known
    },
    policy: (service, labels) => (input.destinationRules.isEmpty ? undefined : input.destinationRules.find(namespace, labels, service)),
  }
}

function groupHosts(services: readonly Service[], namespace: string): Map<string, Destination> {
  const several = new Map<string, [Service, ...Service[]]>()
  const byHost = new Map<string, Destination>()
  for (const service of services) {
    const known = byHost.get(service.host)
    if (known === undefined) byHost.set(service.host, destinationOf([service], namespace))
    else several.set(service.host, [...(several.get(service.host) ?? [known.service]), service])
  }
  for (const [host, group] of several) byHost.set(host, destinationOf(group, namespace))
  return byHost
}
