// Decides how a destination's addresses are found, which is where strictness shows most: a name is dialled by name.
import type { Destination } from '../model/index.ts'
import { isRange, isWildcardHost, portOf, type Service, type ServicePort } from '../registry/index.ts'
import type { Context } from './context.ts'

export type ClusterKind =
  /** Endpoints by address, which travel apart. */
  | 'static'
  /** Names, all of their addresses. */
  | 'dns'
  /** One name, one connection at a time. */
  | 'logical-dns'
  /** The address that the client dialled. */
  | 'original-dst'
  /** The name that the request or the server name says. */
  | 'dynamic'
  /** A gateway cannot know the address, and several are declared. */
  | 'ambiguous'
  /** The one declared address. */
  | 'only-address'

export function clusterKind(ctx: Context, destination: Destination, port: number): ClusterKind {
  const { service } = destination
  const servicePort = portOf(service, port)
  switch (service.resolution) {
    case 'static':
      return 'static'
    case 'dns':
      return 'dns'
    case 'dns-round-robin':
      return 'logical-dns'
    case 'dynamic-dns':
      return 'dynamic'
    case 'none':
      return servicePort === undefined || hasEndpoints(destination) ? 'static' : unresolvedKind(ctx, service, servicePort)
  }
}

function hasEndpoints(destination: Destination): boolean {
  return destination.service.ref.kind === 'Service' || destination.parts.some((part) => part.endpoints.length > 0)
}

/** Resolution NONE: Istio forwards to the dialled address, and has nothing to forward to at a gateway. */
function unresolvedKind(ctx: Context, service: Service, port: ServicePort): ClusterKind {
  const isGateway = ctx.proxy.role === 'gateway'
  if (!ctx.strict) return isGateway ? 'static' : 'original-dst'
  // Differs from Istio: a declared name is resolved here; only a declared address is taken from the client.
  const isNamed = port.family === 'http' || port.family === 'tls'
  if (isNamed || service.addresses.length === 0) return isWildcardHost(service.host) ? 'dynamic' : 'dns'
  if (!isGateway) return 'original-dst'
  const only = service.addresses.length === 1 ? service.addresses[0] : undefined
  return only === undefined || isRange(only) ? 'ambiguous' : 'only-address'
}
