// Reads listeners and route tables of a last good file without their chains and virtual hosts, of which there can be ten thousand: where each stands is read when somebody comes to the list, and the rest of it when it is used.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { decodeLazily, readListLater } from '../decode-lazily.ts'
import { decode } from '../decode.ts'
import { endOf } from '../decode-struct.ts'
import { type FilterChain, FilterChainMatchSchema, FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js'
import { type Listener, ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { type VirtualHost, VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.js'
import { type RouteConfiguration, RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js'

/** Listener.filter_chains and RouteConfiguration.virtual_hosts. */
const chainsField = 3
const hostsField = 2

/** A chain that holds one of these has another place than its match says, or names route tables or secrets: it is read with its listener. */
const marks = ['resolvesTo', 'HttpConnectionManager', 'transport_sockets']

export function readListenerLater(body: Buffer): Listener {
  const { message, parts } = readWithout(ListenerSchema, body, chainsField)
  if (parts.length > 0) readListLater(message, 'filterChains', () => chainsOf(body, parts))
  return message
}

function chainsOf(body: Buffer, parts: readonly Buffer[]): FilterChain[] {
  const present = marks.filter((mark) => body.includes(mark))
  return parts.map((part) => (present.some((mark) => part.includes(mark)) ? decode(FilterChainSchema, part) : chainLater(part)))
}

export function readRoutesLater(body: Buffer): RouteConfiguration {
  const { message, parts } = readWithout(RouteConfigurationSchema, body, hostsField)
  if (parts.length > 0) readListLater(message, 'virtualHosts', () => parts.map(hostLater))
  return message
}

interface Without<M> {
  readonly message: M
  readonly parts: readonly Buffer[]
}

function readWithout<D extends DescMessage>(schema: D, body: Buffer, field: number): Without<MessageShape<D>> {
  const reader = new BinaryReader(body)
  const rest: Buffer[] = []
  const parts: Buffer[] = []
  let from = 0
  while (reader.pos < body.length) {
    const start = reader.pos
    const [number, wireType] = reader.tag()
    if (number === field && wireType === WireType.LengthDelimited) {
      const end = endOf(reader, wireType, body.length)
      parts.push(body.subarray(reader.pos, end))
      if (start > from) rest.push(body.subarray(from, start))
      reader.pos = end
      from = end
    } else reader.skip(wireType, number)
  }
  if (from < body.length) rest.push(body.subarray(from))
  return { message: decode(schema, rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest)), parts }
}

function chainLater(bytes: Buffer): FilterChain {
  const match = fieldsOf(bytes, 1)[0]
  return decodeLazily(FilterChainSchema, bytes, match && { filterChainMatch: decode(FilterChainMatchSchema, match) })
}

function hostLater(bytes: Buffer): VirtualHost {
  return decodeLazily(VirtualHostSchema, bytes, { domains: fieldsOf(bytes, 2).map((domain) => domain.toString()) })
}

/** The values of one field, whose type has lengths. */
function fieldsOf(bytes: Buffer, field: number): Buffer[] {
  const reader = new BinaryReader(bytes)
  const found: Buffer[] = []
  while (reader.pos < bytes.length) {
    const [number, wireType] = reader.tag()
    if (number === field) {
      const end = endOf(reader, wireType, bytes.length)
      found.push(bytes.subarray(reader.pos, end))
      reader.pos = end
    } else reader.skip(wireType, number)
  }
  return found
}
