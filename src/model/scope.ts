// What the proxies of one namespace see: services, the destination behind each host, VirtualServices and DestinationRules.
import { changedStretch, PatchedMap, spliced } from '../base/index.ts'
import type { Registry, Service } from '../registry/index.ts'
import { type Destination, destinationOf } from './destination.ts'
import type { DestinationPolicy, DestinationRuleIndex } from './destination-rules.ts'
import { indexRules, type RuleIndex } from './rule-index.ts'
import { narrow, type Sight } from './sidecar-scope.ts'
import type { SidecarConfig } from './sidecars.ts'
import type { RuleSet } from './virtual-services.ts'
import { type Visibility, visibilityOf, visibleTo } from './visibility.ts'

export interface Scope {
  readonly namespace: string
  /** What narrows it. */
  readonly sidecar: SidecarConfig | undefined
  /** Every visible service, one host perhaps several times: private, exported, public, each oldest first. */
  readonly services: readonly Service[]
  /** One for every visible host, in the order in which the hosts first stand among the services. */
  readonly destinations: readonly Destination[]
  /** No host is declared twice, so `destinations` are the services' own, one by one. */
  readonly isOneToOne: boolean
  destination(host: string): Destination | undefined
  /** Visible without the Sidecar: what it hides. */
  hidden(): readonly Service[]
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

export interface ScopeOptions {
  /**
   * Services that no file declares (synthesised gateways); they replace declared ones of the same host, and are there for rules to lead
   * to: nobody dials them, so they are not among `services`.
   */
  readonly added?: readonly Service[]
  readonly sidecar?: SidecarConfig
}

/** `before`, a scope of the same namespace and options, changes nothing but the time that this takes. */
export function scopeOf(input: ScopeInput, namespace: string, { added = [], sidecar }: ScopeOptions = {}, before?: Scope): Scope {
  const visible = visibleServices(input, namespace, before && groupsOf.get(before))
  const visibleRules = visibleTo(input.ruleSets, namespace, (r) => visibilityOf(r.exportTo, r.namespace, input.ruleExportTo))
  const whole: Sight = { services: visible, rules: visibleRules, known: visible }
  const { services, rules, known } = without(added, sidecar === undefined ? whole : narrow(whole, sidecar, namespace))
  const { byHost, destinations } = (before && followHosts(before, known, namespace)) ?? groupHosts(known, namespace)
  const indexes = new Map<string, RuleIndex>()
  const scope: Scope = {
    namespace,
    sidecar,
    services,
    destinations,
    isOneToOne: byHost.size === services.length && (sidecar === undefined || sidecar.isOpen),
    destination: (host) => byHost.get(host),
    hidden: () => (sidecar === undefined || sidecar.isOpen ? [] : missing(visible, services)),
    rules: (gateway) => {
      const index = indexes.get(gateway) ?? indexRules(rules.filter((one) => one.gateways.includes(gateway)))
      indexes.set(gateway, index)
      return index
    },
    policy: (service, labels) => (input.destinationRules.isEmpty ? undefined : input.destinationRules.find(namespace, labels, service)),
  }
  groupsOf.set(scope, { known, byHost, all: input.registry.services, visible, exportTo: input.serviceExportTo })
  return scope
}

type Hosts = ReadonlyMap<string, Destination>

interface Groups {
  readonly byHost: Hosts
  readonly destinations: readonly Destination[]
}

/** What a scope was made of. */
interface Made {
  readonly known: readonly Service[]
  readonly byHost: Hosts
  readonly all: readonly Service[]
  readonly visible: readonly Service[]
  readonly exportTo: readonly string[] | undefined
}

const groupsOf = new WeakMap<Scope, Made>()

/** Where all services were public, only those that came have to be asked. */
function visibleServices({ registry, serviceExportTo }: ScopeInput, namespace: string, before: Made | undefined): readonly Service[] {
  const { services } = registry
  const visibility = (service: Service): Visibility => visibilityOf(service.exportTo, service.namespace, serviceExportTo)
  if (before !== undefined && before.visible === before.all && sameTexts(before.exportTo, serviceExportTo)) {
    const { start, nowEnd } = changedStretch(before.all, services)
    if (services.slice(start, nowEnd).every((service) => visibility(service) === 'public')) return services
  }
  return visibleTo(services, namespace, visibility)
}

function sameTexts(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === b || (a !== undefined && a.join() === b?.join())
}

/** Undefined when some host is declared twice: what a declaration means then depends on others. */
function followHosts(before: Scope, known: readonly Service[], namespace: string): Groups | undefined {
  const groups = groupsOf.get(before)
  if (groups === undefined || groups.byHost.size !== groups.known.length) return undefined
  const { start, beforeEnd, nowEnd } = changedStretch(groups.known, known)
  const changes = new Map<string, Destination | undefined>()
  for (const { host } of groups.known.slice(start, beforeEnd)) changes.set(host, undefined)
  const added = known.slice(start, nowEnd).map((service) => destinationOf([service], namespace))
  for (const destination of added) {
    const { host } = destination.service
    if ((changes.has(host) ? changes.get(host) : groups.byHost.get(host)) !== undefined) return undefined
    changes.set(host, destination)
  }
  return { byHost: PatchedMap.of(groups.byHost, changes), destinations: spliced(before.destinations, start, beforeEnd, added) }
}

function without(added: readonly Service[], sight: Sight): Sight {
  if (added.length === 0) return sight
  const replaced = new Set(added.map((service) => service.host))
  const rest = (list: readonly Service[]): readonly Service[] => list.filter((service) => !replaced.has(service.host))
  return { ...sight, services: rest(sight.services), known: [...rest(sight.known), ...added] }
}

function missing(visible: readonly Service[], services: readonly Service[]): readonly Service[] {
  const hosts = new Set(services.map(({ host }) => host))
  return visible.filter(({ host }) => !hosts.has(host))
}

function groupHosts(services: readonly Service[], namespace: string): Groups {
  const several = new Map<string, [Service, ...Service[]]>()
  const byHost = new Map<string, Destination>()
  for (const service of services) {
    const known = byHost.get(service.host)
    if (known === undefined) byHost.set(service.host, destinationOf([service], namespace))
    else several.set(service.host, [...(several.get(service.host) ?? [known.service]), service])
  }
  for (const [host, group] of several) byHost.set(host, destinationOf(group, namespace))
  return { byHost, destinations: [...byHost.values()] }
}
