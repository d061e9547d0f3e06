// Says where a declared port listens, as far as its declaration alone tells.
import { cidrContains, parseCidr } from '../base/index.ts'
import { isRange, type Service, type ServicePort } from '../registry/index.ts'
import { anyV4 } from './names.ts'

/** Where a port of a service listens. */
export interface Place {
  readonly bind: string
  readonly extraBinds: readonly string[]
  /** The declared range, when the listener is the wildcard one. */
  readonly range?: string
  /** The listener is bound to an address of the service. */
  readonly isOwnAddress: boolean
  readonly resolvesTo?: string
  readonly isForRequestsOnly?: true
}

/** The listener of all addresses. */
export const everywhere: Place = { bind: anyV4, extraBinds: [], isOwnAddress: false }

/** HTTP always on the wildcard address, where the host decides. Undefined: nothing is declared but the name. */
export function declaredPlaces(service: Service, port: ServicePort): readonly Place[] | undefined {
  if (port.family === 'none') return []
  if (service.bind !== undefined) return [{ bind: service.bind, extraBinds: [], isOwnAddress: port.family !== 'http' }]
  if (port.family === 'http') return [everywhere]
  if (service.addresses.length > 0) {
    return service.addresses.map((address) => (isRange(address) ? { ...everywhere, range: address } : ownAddress(address)))
  }
  // Headless: every endpoint's address is an address of the service.
  if (service.resolution === 'none' && hasEndpoints(service)) return service.endpoints.map(({ address }) => ownAddress(address))
  return port.family === 'tls' ? [everywhere] : undefined
}

/** Whether all of the place is among the addresses that the service declares. */
export function isDeclaredAt({ addresses }: Service, { bind, range = bind }: Place): boolean {
  const inner = parseCidr(range)
  return addresses.some((address) => {
    const outer = parseCidr(address)
    return inner !== undefined && outer !== undefined && outer.bits <= inner.bits && cidrContains(outer, inner.ip)
  })
}

function hasEndpoints(service: Service): boolean {
  return service.ref.kind === 'Service' || service.endpoints.length > 0 || service.selector !== undefined
}

function ownAddress(bind: string): Place {
  return { bind, extraBinds: [], isOwnAddress: true }
}
