// Encodes large resources piece by piece, so that one that has changed in a single piece costs that piece, and none stops the event loop.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { create } from './create.ts'
import { type FilterChain, FilterChainSchema } from './gen/envoy/config/listener/v3/listener_components_pb.js'
import { type Listener, ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { type VirtualHost, VirtualHostSchema } from './gen/envoy/config/route/v3/route_components_pb.js'
import { type RouteConfiguration, RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import { delimited } from './delimited.ts'
import { encode } from './encode.ts'

/** Field numbers of the lists whose items are pieces. */
const filterChainsField = 3
const virtualHostsField = 2

/** What comes of it, one after the other, is the message: the order of fields of different numbers means nothing. */
export function encodeListener(listener: Listener): readonly Uint8Array[] {
  if (listener.$unknown !== undefined) return [encode(ListenerSchema, listener)]
  const rest = encode(ListenerSchema, create(ListenerSchema, { ...fieldsOf(listener), filterChains: [] }))
  return [rest, ...listener.filterChains.map(encodeChain)]
}

export function encodeRouteConfiguration(table: RouteConfiguration): readonly Uint8Array[] {
  if (table.$unknown !== undefined) return [encode(RouteConfigurationSchema, table)]
  const rest = encode(RouteConfigurationSchema, create(RouteConfigurationSchema, { ...fieldsOf(table), virtualHosts: [] }))
  return [rest, ...table.virtualHosts.map(encodeHost)]
}

/** The pieces of a resource, each encoded when it is asked for: to be gone through before the whole is wanted. */
export function* encodingPieces(resource: object): Iterable<void> {
  if (isOf<Listener>(resource, ListenerSchema)) for (const chain of resource.filterChains) yield void encodeChain(chain)
  else if (isOf<RouteConfiguration>(resource, RouteConfigurationSchema))
    for (const host of resource.virtualHosts) yield void encodeHost(host)
}

function encodeChain(chain: FilterChain): Uint8Array {
  return encodePiece(FilterChainSchema, chain, filterChainsField)
}

function encodeHost(host: VirtualHost): Uint8Array {
  return encodePiece(VirtualHostSchema, host, virtualHostsField)
}

const pieces = new WeakMap<object, Uint8Array>()

function encodePiece<D extends DescMessage>(schema: D, piece: MessageShape<D>, field: number): Uint8Array {
  const known = pieces.get(piece)
  if (known !== undefined) return known
  const bytes = delimited(field, encode(schema, piece))
  pieces.set(piece, bytes)
  return bytes
}

/** Without the name of the type, which would make it count as a message already. */
function fieldsOf<M extends { readonly $typeName: string }>(message: M): Omit<M, '$typeName'> {
  const { $typeName: _name, ...fields } = message
  return fields
}

function isOf<M extends object>(resource: object, { typeName }: DescMessage): resource is M {
  return '$typeName' in resource && resource.$typeName === typeName
}
