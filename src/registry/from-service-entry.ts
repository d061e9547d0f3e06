// Makes one service of every host of a ServiceEntry.
import { fnv1a32, parseCidr } from '../base/index.ts'
import type { Resource, ServiceEntryPort, ServiceEntrySpec } from '../api/index.ts'
import { endpointOf } from './endpoint.ts'
import { familyOfProtocol, parseProtocol } from './protocol.ts'
import { hasPlainPort, type Resolution, type Service, type ServicePort } from './service.ts'

/** `canonical`: lower case, without a trailing dot. `as-written`: as Istio, which then misses what is spelled otherwise. */
export type Spelling = 'canonical' | 'as-written'

const resolutions = {
  NONE: 'none',
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
} as const satisfies Record<NonNullable<ServiceEntrySpec['resolution']>, Resolution>

export function servicesOfEntry(resource: Resource<'ServiceEntry'>, spelling: Spelling): readonly Service[] {
  const { spec, meta } = resource
  const ports = (spec.ports ?? []).map((port, i) => portOfEntry(port, `spec.ports[${i}]`, resource.unsupported))
  const addresses = plainAddresses(spec.addresses ?? [])
  const endpoints = (spec.endpoints ?? []).map(endpointOf)
  return spec.hosts.map((host, i) => ({
    host: spell(host, spelling),
    namespace: meta.namespace,
    ref: { kind: 'ServiceEntry', namespace: meta.namespace, name: meta.name },
    field: `spec.hosts[${i}]`,
    created: meta.created,
    isPlain: hasPlainPort(ports),
    slotHash: fnv1a32(`${meta.namespace}/${spell(host, spelling)}`),
    addresses,
    ports,
    resolution: resolutions[spec.resolution ?? 'NONE'],
    external: spec.location !== 'MESH_INTERNAL',
    exportTo: spec.exportTo ?? [],
    labels: meta.labels,
    endpoints,
    selector: spec.workloadSelector === undefined ? undefined : (spec.workloadSelector.labels ?? {}),
    ...(spec.subjectAltNames && spec.subjectAltNames.length > 0 && { subjectAltNames: spec.subjectAltNames }),
    unsupported: resource.unsupported.filter((field) => concernsHost(field, i)),
  }))
}

export function spell(host: string, spelling: Spelling): string {
  if (spelling === 'as-written') return host
  const lower = host.toLowerCase()
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** Ports are refused one by one; what is said of one host leaves its neighbours alone. */
function concernsHost(field: string, index: number): boolean {
  if (field.startsWith('spec.ports[')) return false
  return !field.startsWith('spec.hosts[') || field.startsWith(`spec.hosts[${index}]`)
}

function portOfEntry(port: ServiceEntryPort, field: string, fields: readonly string[]): ServicePort {
  const protocol = parseProtocol(port.protocol)
  const unsupported = fields.filter((one) => one.startsWith(field))
  const base = { number: port.number, name: port.name ?? '', protocol, family: familyOfProtocol(protocol), field, unsupported }
  return port.targetPort === undefined || port.targetPort === 0 ? base : { ...base, targetPort: port.targetPort }
}

/** A range of one address is that address, as in Istio. */
function plainAddresses(addresses: readonly string[]): string[] {
  return addresses.flatMap((address) => {
    const cidr = parseCidr(address)
    if (cidr === undefined) return []
    return [cidr.bits === (cidr.family === 4 ? 32 : 128) ? cidr.ip : address]
  })
}
