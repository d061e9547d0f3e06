// Gathers once what every finding looks at: the resources, the destinations they declare, the routes, and which hosts are egress gateways.
import type { Resource, ResourceSet } from '../api/index.ts'
import type { Model } from '../model/index.ts'
import { hasLabels, isWildcardHost, type Registry, type Spelling } from '../registry/index.ts'
import { type Leg, legsOf } from './routes.ts'

export interface Scene {
  readonly resources: ResourceSet
  readonly registry: Registry
  readonly spelling: Spelling
  /** Hosts of wildcard entries. */
  readonly wildcards: () => readonly string[]
  readonly legs: readonly Leg[]
  readonly gateways: ReadonlyMap<string, Resource<'Gateway'>>
  /** Hosts of Services that lead to proxies which this Gateway (`namespace/name`) selects. */
  gatewayHosts(gateway: string): ReadonlySet<string>
}

export function setScene(model: Model): Scene {
  const { resources, registry } = model
  const spelling = model.strict ? 'canonical' : 'as-written'
  const gateways = new Map(resources.of('Gateway').map((gateway) => [`${gateway.meta.namespace}/${gateway.meta.name}`, gateway]))
  const hosts = new Map<string, ReadonlySet<string>>()
  for (const [name, gateway] of gateways) hosts.set(name, new Set([...declaredHosts(gateway, registry), ...synthesisedHosts(name, model)]))
  let wildcards: readonly string[] | undefined
  return {
    resources,
    registry,
    spelling,
    wildcards: () => (wildcards ??= registry.services.map(({ host }) => host).filter(isWildcardHost)),
    legs: legsOf(model),
    gateways,
    gatewayHosts: (gateway) => hosts.get(gateway) ?? new Set(),
  }
}

function declaredHosts(gateway: Resource<'Gateway'>, registry: Registry): string[] {
  const selector = gateway.spec.selector ?? {}
  return registry.services
    .filter((service) => service.endpoints.some((endpoint) => hasLabels(endpoint.labels, selector)))
    .map(({ host }) => host)
}

/** Nothing declares the gateway's Service: it is what the mesh legs name, and `run` starts it. */
function synthesisedHosts(name: string, model: Model): readonly string[] {
  return model.synthesised.find((group) => group.gateways.some((gateway) => gateway.key === name))?.serviceHosts ?? []
}
