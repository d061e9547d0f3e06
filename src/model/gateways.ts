// Holds Gateways in normal form and finds those that select a proxy.
import type { GatewayServer, Resource, ResourceRef } from '../api/index.ts'
import { covers, hasLabels, SpecMemo, type Spelling } from '../registry/index.ts'
import { fieldsUnder, splitServerHost } from './names.ts'

export interface GatewayConfig {
  readonly ref: ResourceRef
  /** `namespace/name`, as VirtualServices name it. */
  readonly key: string
  readonly namespace: string
  readonly selector: Readonly<Record<string, string>>
  readonly servers: readonly ServerConfig[]
  /** Fields outside the servers that are not carried out. */
  readonly unsupported: readonly string[]
}

export interface ServerConfig {
  readonly gateway: string
  readonly ref: ResourceRef
  /** `spec.servers[i]`. */
  readonly field: string
  readonly server: GatewayServer
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[]
  readonly unsupported: readonly string[]
}

const configs = new SpecMemo<'Gateway', GatewayConfig>()

/** Oldest first. */
export function gatewayConfigs(resources: readonly Resource<'Gateway'>[], spelling: Spelling): readonly GatewayConfig[] {
  return resources.map((resource) => configs.get(resource, spelling, () => normalise(resource, spelling)))
}

export function gatewaysSelecting(gateways: readonly GatewayConfig[], labels: Readonly<Record<string, string>>): readonly GatewayConfig[] {
  return gateways.filter((gateway) => hasLabels(labels, gateway.selector))
}

/** Hosts of a VirtualService of `namespace` that the server serves: the narrower name of each pair (HTTP servers). */
export function intersectHosts(server: ServerConfig, namespace: string, hosts: readonly string[]): readonly string[] {
  const found = new Set<string>()
  for (const own of server.hosts) {
    if (own.namespace !== '*' && own.namespace !== namespace) continue
    for (const host of hosts) {
      if (covers(host, own.host)) found.add(own.host)
      else if (covers(own.host, host)) found.add(host)
    }
  }
  return [...found]
}

function normalise(resource: Resource<'Gateway'>, spelling: Spelling): GatewayConfig {
  const { meta, spec, unsupported } = resource
  const ref = { kind: 'Gateway', namespace: meta.namespace, name: meta.name }
  const key = `${meta.namespace}/${meta.name}`
  return {
    ref,
    key,
    namespace: meta.namespace,
    selector: spec.selector ?? {},
    servers: (spec.servers ?? []).map((server, i) => ({
      gateway: key,
      ref,
      field: `spec.servers[${i}]`,
      server,
      hosts: server.hosts.map((host) => splitServerHost(host, meta.namespace, spelling)),
      unsupported: fieldsUnder(unsupported, `spec.servers[${i}]`),
    })),
    unsupported: unsupported.filter((field) => !field.startsWith('spec.servers')),
  }
}
