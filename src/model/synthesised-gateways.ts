// Finds the egress gateways that the files speak of but do not contain, so that one machine can stand in for them.
import type { GatewayServer } from '../api/index.ts'
import { hasLabels, type Registry, type Service } from '../registry/index.ts'
import type { GatewayConfig } from './gateways.ts'
import type { RuleSet } from './virtual-services.ts'

export interface SynthesisedGateway {
  readonly name: string
  readonly namespace: string
  /** The selector of the Gateways that it serves. */
  readonly labels: Readonly<Record<string, string>>
  /** The hosts that sidecars send to in order to reach it; empty when no VirtualService leads there. */
  readonly serviceHosts: readonly string[]
  /** The host that names it; the first of `serviceHosts`. */
  readonly serviceHost: string
  /** Ports of the Gateways' servers. */
  readonly ports: readonly number[]
  /** Union of the servers' ports and those that are routed to. */
  readonly servicePorts: readonly number[]
  readonly gateways: readonly GatewayConfig[]
}

export interface SynthesisInput {
  readonly gateways: readonly GatewayConfig[]
  readonly registry: Registry
  readonly ruleSets: readonly RuleSet[]
  readonly rootNamespace: string
}

export function findSynthesisedGateways(input: SynthesisInput): readonly SynthesisedGateway[] {
  const groups = new Map<string, GatewayConfig[]>()
  for (const gateway of input.gateways) {
    if (isSatisfied(gateway, input.registry)) continue
    const key = JSON.stringify(Object.entries(gateway.selector).sort(([a], [b]) => (a < b ? -1 : 1)))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [gateway])
    else group.push(gateway)
  }
  return [...groups.values()].map((group) => describe(group, input))
}

/** Something in the files has the labels that the Gateway selects. */
function isSatisfied(gateway: GatewayConfig, registry: Registry): boolean {
  const { selector } = gateway
  const isAny = Object.keys(selector).length === 0
  if (isAny) return registry.services.some((service) => service.endpoints.some((endpoint) => Object.keys(endpoint.labels).length > 0))
  const byEndpoint = registry.services.some((service) => service.endpoints.some((endpoint) => hasLabels(endpoint.labels, selector)))
  return byEndpoint || registry.workloads.some((w) => hasLabels({ ...w.meta.labels, ...w.spec.labels }, selector))
}

function describe(group: readonly GatewayConfig[], input: SynthesisInput): SynthesisedGateway {
  const keys = new Set(group.map((gateway) => gateway.key))
  const servers = group.flatMap((gateway) => gateway.servers.map((one) => one.server))
  const routed = routedTo(keys, input)
  const selector = group[0]?.selector ?? {}
  const serviceHosts = [...new Set([...routed.keys(), ...selectingServices(selector, input.registry)])]
  const serviceHost = serviceHosts[0] ?? ''
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(serviceHost) ?? []
  const ports = numbers(servers.map((server: GatewayServer) => server.port.number))
  return {
    name: name ?? group[0]?.ref.name ?? 'egressgateway',
    namespace: namespace ?? input.rootNamespace,
    labels: selector,
    serviceHosts,
    serviceHost,
    ports,
    servicePorts: numbers([...ports, ...[...routed.values()].flat()]),
    gateways: group,
  }
}

/** Hosts without anything behind them that the mesh legs of VirtualServices bound to these Gateways send to, with the ports. */
function routedTo(keys: ReadonlySet<string>, input: SynthesisInput): Map<string, number[]> {
  const hosts = new Map<string, number[]>()
  for (const rules of input.ruleSets) {
    if (!rules.gateways.some((gateway) => keys.has(gateway))) continue
    for (const { destination } of meshDestinations(rules)) {
      if (isSomewhere(destination.host, rules, input.registry)) continue
      const ports = hosts.get(destination.host) ?? []
      if (destination.port?.number !== undefined) ports.push(destination.port.number)
      hosts.set(destination.host, ports)
    }
  }
  return hosts
}

function meshDestinations(rules: RuleSet): { destination: { host: string; port?: { number?: number } } }[] {
  if (!rules.gateways.includes('mesh')) return []
  return [...rules.http.map(({ rule }) => rule), ...rules.tls, ...rules.tcp].flatMap((rule) => {
    const matches: readonly { readonly gateways?: readonly string[] }[] = rule.match ?? []
    const isMesh = matches.length === 0 || matches.some((match) => match.gateways === undefined || match.gateways.includes('mesh'))
    return isMesh ? [...(rule.route ?? [])] : []
  })
}

/** Declared with something to dial, or one of the hosts that the VirtualService itself is about. */
function isSomewhere(host: string, rules: RuleSet, registry: Registry): boolean {
  if (rules.hosts.includes(host)) return true
  return registry.of(host).some((service) => service.ref.kind !== 'Service' || service.endpoints.length > 0)
}

/** Kubernetes Services without endpoints that select what the Gateway selects: the usual `istio-egressgateway` of an installation. */
function selectingServices(selector: Readonly<Record<string, string>>, registry: Registry): string[] {
  return registry.services.flatMap((service: Service) => {
    const wanted = service.selector ?? {}
    const isSame = service.ref.kind === 'Service' && Object.keys(wanted).length > 0 && hasLabels(wanted, selector)
    return isSame && Object.keys(selector).length > 0 && service.endpoints.length === 0 ? [service.host] : []
  })
}

function numbers(list: readonly number[]): readonly number[] {
  return [...new Set(list)].sort((a, b) => a - b)
}
