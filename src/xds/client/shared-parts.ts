// Reads a newer version of a resource so that the chains or virtual hosts which both versions have stay the same objects: there can be ten thousand of them, and one has changed.
import type { DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { decode } from '../decode.ts'
import { FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js'
import { type Listener, ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.js'
import { type RouteConfiguration, RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js'
import { decodeResource, type ReadResource } from '../resource-type.ts'
import { typeUrls } from '../type-urls.ts'

export interface Earlier {
  readonly read: ReadResource
  readonly body: Uint8Array
}

/** Bytes that were read anew, and what they are. */
export interface Fresh {
  readonly schema: DescMessage
  readonly bytes: Uint8Array
}

export interface SharedRead {
  readonly read: ReadResource
  readonly fresh: readonly Fresh[]
}

/** Listener.filter_chains and RouteConfiguration.virtual_hosts. */
const chainsField = 3
const hostsField = 2

/** Undefined when there is nothing to share. Throws when the bytes are no such resource. */
export function readSharing(typeUrl: string, body: Uint8Array, before: Earlier): SharedRead | undefined {
  if (typeUrl === typeUrls.listener && before.read.key === 'listeners') return shareChains(body, before.body, before.read.resource)
  if (typeUrl === typeUrls.route && before.read.key === 'routes') return shareHosts(body, before.body, before.read.resource)
  return undefined
}

/** Everything of it is new. */
export function readWhole(typeUrl: string, body: Uint8Array, schema: DescMessage): SharedRead {
  return { read: decodeResource(typeUrl, body), fresh: [{ schema, bytes: body }] }
}

function shareChains(body: Uint8Array, bodyBefore: Uint8Array, before: Listener): SharedRead {
  const { rest, parts, shared } = compare(body, bodyBefore, chainsField)
  const listener = decode(ListenerSchema, rest)
  const bytes = shared.changed(parts)
  const chains = bytes.map((each) => decode(FilterChainSchema, each))
  const all = shared.spliced(before.filterChains, chains)
  if (all.length > 0) listener.filterChains = all
  const fresh = [{ schema: ListenerSchema, bytes: rest }, ...bytes.map((each) => ({ schema: FilterChainSchema, bytes: each }))]
  return { read: { key: 'listeners', name: listener.name, resource: listener }, fresh }
}

function shareHosts(body: Uint8Array, bodyBefore: Uint8Array, before: RouteConfiguration): SharedRead {
  const { rest, parts, shared } = compare(body, bodyBefore, hostsField)
  const routes = decode(RouteConfigurationSchema, rest)
  const bytes = shared.changed(parts)
  const hosts = bytes.map((each) => decode(VirtualHostSchema, each))
  const all = shared.spliced(before.virtualHosts, hosts)
  if (all.length > 0) routes.virtualHosts = all
  const fresh = [{ schema: RouteConfigurationSchema, bytes: rest }, ...bytes.map((each) => ({ schema: VirtualHostSchema, bytes: each }))]
  return { read: { key: 'routes', name: routes.name, resource: routes }, fresh }
}

interface Compared {
  /** The resource without its parts. */
  readonly rest: Uint8Array
  readonly parts: readonly Uint8Array[]
  readonly shared: Stretch
}

function compare(body: Uint8Array, bodyBefore: Uint8Array, field: number): Compared {
  const now = split(body, field)
  const before = split(bodyBefore, field)
  return { rest: Buffer.concat(now.rest), parts: now.parts, shared: stretchBetween(before.parts, now.parts) }
}

interface Split {
  readonly rest: readonly Uint8Array[]
  readonly parts: readonly Uint8Array[]
}

function split(body: Uint8Array, field: number): Split {
  const reader = new BinaryReader(body)
  const rest: Uint8Array[] = []
  const parts: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [number, wireType] = reader.tag()
    if (number === field && wireType === WireType.LengthDelimited) parts.push(reader.bytes())
    else {
      reader.skip(wireType, number)
      rest.push(body.subarray(start, reader.pos))
    }
  }
  return { rest, parts }
}

interface Stretch {
  /** Those between the common beginning and the common end. */
  changed(now: readonly Uint8Array[]): readonly Uint8Array[]
  spliced<T>(before: readonly T[], changed: readonly T[]): T[]
}

/** As `changedStretch`, by content. */
function stretchBetween(before: readonly Uint8Array[], now: readonly Uint8Array[]): Stretch {
  const shorter = Math.min(before.length, now.length)
  let start = 0
  while (start < shorter && isSame(before[start], now[start])) start++
  let end = 0
  while (end < shorter - start && isSame(before[before.length - 1 - end], now[now.length - 1 - end])) end++
  return {
    changed: (parts) => parts.slice(start, now.length - end),
    spliced: (old, changed) => [...old.slice(0, start), ...changed, ...old.slice(before.length - end)],
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && Buffer.compare(a, b) === 0
}
