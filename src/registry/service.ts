// Describes a destination that a declaration opens: one host of a ServiceEntry, or a Kubernetes Service.
import type { ResourceRef } from '../api/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { Family, Protocol } from './protocol.ts'

export type Resolution = 'none' | 'static' | 'dns' | 'dns-round-robin' | 'dynamic-dns'

export interface ServicePort {
  readonly number: number
  readonly name: string
  readonly protocol: Protocol
  readonly family: Family
  readonly targetPort?: number
  /** Name of the workload's port, when the target is given by name. */
  readonly targetName?: string
  /** Field path of the port in the declaration. */
  readonly field: string
  /** Fields of the port that are not carried out: it is refused. */
  readonly unsupported: readonly string[]
}

export interface Service {
  readonly host: string
  readonly namespace: string
  /** The declaring resource. */
  readonly ref: ResourceRef
  /** Field path of the host in it. */
  readonly field: string
  readonly created: number
  /** Some port can only be told from others by the address that was dialled: it says no protocol, or one without names. */
  readonly isPlain: boolean
  /** FNV-1a of `namespace/host`: where its virtual address begins to be looked for. */
  readonly slotHash: number
  /** IP addresses and ranges as listed; a range of one address stands as that address. */
  readonly addresses: readonly string[]
  readonly ports: readonly ServicePort[]
  readonly resolution: Resolution
  readonly external: boolean
  /** It is reached at this address only: a Sidecar says so. */
  readonly bind?: string
  /** Empty = the mesh's default. */
  readonly exportTo: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly endpoints: readonly Endpoint[]
  /** Endpoints are chosen by label, so that having none is not the same as standing for itself. */
  readonly selector: Readonly<Record<string, string>> | undefined
  /** Names that certificates behind it have, where its clients begin TLS and no DestinationRule lists any. */
  readonly subjectAltNames?: readonly string[]
  /** Fields that are not carried out and hold for the whole host (not for one port only): it is refused. */
  readonly unsupported: readonly string[]
}

export function isWildcardHost(host: string): boolean {
  return host.startsWith('*')
}

/** For `Service.isPlain`. */
export function hasPlainPort(ports: readonly ServicePort[]): boolean {
  return ports.some(({ family }) => family === 'tcp' || family === 'unset')
}

export function portOf(service: Service, number: number): ServicePort | undefined {
  for (const port of service.ports) if (port.number === number) return port
  return undefined
}

export function isRange(address: string): boolean {
  return address.includes('/')
}

/** Port of a destination when the rule says none: the service's only one, else that of the listener. */
export function defaultPort(service: Service | undefined, listenerPort: number): number {
  const only = service?.ports.length === 1 ? service.ports[0] : undefined
  return only?.number ?? listenerPort
}

/** Order of precedence as Istio's: the endpoint's own port map, the service's target port, the service's port number. */
export function endpointPort(endpoint: Endpoint, port: ServicePort): number {
  const own = endpoint.ports[port.name] ?? (port.targetName === undefined ? undefined : endpoint.ports[port.targetName])
  return own ?? port.targetPort ?? port.number
}
