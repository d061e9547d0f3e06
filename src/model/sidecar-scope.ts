// Narrows what a namespace sees to what a Sidecar imports, listener by listener.
import { familyOfProtocol, hasPlainPort, portOf, type Service } from '../registry/index.ts'
import { destinationOf } from './destination.ts'
import type { SidecarConfig, SidecarListener } from './sidecars.ts'
import type { RuleSet } from './virtual-services.ts'

/** What is visible without a Sidecar, or what one leaves of it. */
export interface Sight {
  /** What can be dialled, in the order of the listeners. */
  readonly services: readonly Service[]
  readonly rules: readonly RuleSet[]
  /** All that there is something to know about: also what only rules lead to. Whole services, while `services` may be parts. */
  readonly known: readonly Service[]
}

/** `visible` is in Istio's order. */
export function narrow(visible: Sight, sidecar: SidecarConfig, namespace: string): Sight {
  if (sidecar.isOpen) return visible
  const services: Service[] = []
  const known = new Set<Service>()
  const rules = new Set<RuleSet>()
  const claimed = new Set<number>()
  for (const listener of sidecar.listeners) {
    for (const service of imported(visible.services, listener, namespace)) {
      known.add(service)
      const part = partOf(service, listener, claimed)
      if (part !== undefined) services.push(part)
    }
    for (const one of visible.rules) if (isImported(one, listener)) rules.add(one)
    if (listener.port !== undefined) claimed.add(listener.port.number)
  }
  // Kept in the order of precedence.
  const seen = visible.rules.filter((one) => rules.has(one))
  return { services, rules: seen, known: [...known, ...ledTo(visible.services, known, seen)] }
}

/** Of the namespaces that declare a host only one counts: the client's own, then that of a Kubernetes Service, then the first. */
function imported(visible: readonly Service[], { hosts, port }: SidecarListener, client: string): Service[] {
  const byHost = new Map<string, [Service, ...Service[]]>()
  const found = visible.filter((service) => {
    if (port !== undefined && portOf(service, port.number) === undefined) return false
    return hosts.covers(service.namespace, service.host)
  })
  for (const service of found) byHost.set(service.host, [...(byHost.get(service.host) ?? []), service] as [Service, ...Service[]])
  if (byHost.size === found.length) return found
  return found.filter((service) => {
    const rivals = byHost.get(service.host)
    return rivals === undefined || rivals.length === 1 || destinationOf(rivals, client).service.namespace === service.namespace
  })
}

function isImported(rules: RuleSet, { hosts }: SidecarListener): boolean {
  return rules.hosts.some((host) => hosts.overlaps(rules.namespace, host))
}

/** Destinations of imported rules are known although nothing imports them: a rule must be able to lead there. */
function ledTo(visible: readonly Service[], known: ReadonlySet<Service>, rules: readonly RuleSet[]): Service[] {
  const missing = new Set(rules.flatMap(destinationHosts))
  for (const { host } of known) missing.delete(host)
  return missing.size === 0 ? [] : visible.filter((service) => missing.has(service.host))
}

function destinationHosts({ http, tls, tcp }: RuleSet): string[] {
  const copies = http.flatMap(({ rule }) => [rule.mirror, ...(rule.mirrors ?? []).map((mirror) => mirror.destination)])
  const routes = [...http.map(({ rule }) => rule), ...tls, ...tcp].flatMap((rule) => (rule.route ?? []).map((route) => route.destination))
  return [...routes, ...copies].flatMap((destination) => destination?.host ?? [])
}

const parts = new WeakMap<Service, Map<string, Service>>()

/** What a listener shows of a service; the same object as long as service and listener say the same. */
function partOf(service: Service, { port, bind }: SidecarListener, claimed: ReadonlySet<number>): Service | undefined {
  const ports = service.ports.flatMap((one) => {
    if (port === undefined) return one.family === 'http' && claimed.has(one.number) ? [] : [one]
    if (one.number !== port.number) return []
    // The listener says what is spoken.
    return [one.protocol === port.protocol ? one : { ...one, protocol: port.protocol, family: familyOfProtocol(port.protocol) }]
  })
  if (ports.length === 0) return undefined
  const isWhole = ports.length === service.ports.length && ports.every((one, i) => one === service.ports[i])
  if (isWhole && bind === undefined) return service
  const key = JSON.stringify([bind, ports.map(({ number, protocol }) => [number, protocol])])
  const known = parts.get(service)?.get(key)
  if (known !== undefined) return known
  const made = { ...service, ports, isPlain: hasPlainPort(ports), ...(bind !== undefined && { bind }) }
  const all = parts.get(service) ?? new Map<string, Service>()
  parts.set(service, all.set(key, made))
  return made
}
