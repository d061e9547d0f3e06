// The one table of what travels: type URL, part of the snapshot, schema, and how a resource becomes bytes and is read again.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { type Any, anyIs } from '@bufbuild/protobuf/wkt'
import { create } from './create.ts'
import { decode } from './decode.ts'
import { encode } from './encode.ts'
import { packAny } from './packed-any.ts'
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { TypedExtensionConfigSchema } from './gen/envoy/config/core/v3/extension_pb.js'
import { ClusterLoadAssignmentSchema } from './gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import { DnsTable_DnsVirtualDomainSchema } from './gen/envoy/data/dns/v3/dns_table_pb.js'
import { SecretSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { readOrigin, writeOrigin } from './origin-resource.ts'
import { encodeListener, encodeRouteConfiguration } from './piecewise.ts'
import type { Snapshot } from './snapshot.ts'
import { type TypeUrl, typeUrls } from './type-urls.ts'

/** A part of the snapshot that travels. */
export type ResourceKey = Exclude<keyof Snapshot, 'version'>

export type ResourceOf<K extends ResourceKey> = Snapshot[K] extends ReadonlyMap<string, infer R> ? R : never

/** One resource as it was read: the part of the snapshot that it belongs to, and its name there. */
export type ReadResource = {
  readonly [K in ResourceKey]: { readonly key: K; readonly name: string; readonly resource: ResourceOf<K> }
}[ResourceKey]

export interface SnapshotPart<K extends ResourceKey = ResourceKey> {
  readonly key: K
  readonly typeUrl: TypeUrl
  /** Comes before the name that a resource has in the snapshot, to make its name on the wire. */
  readonly prefix: string
  /** The bytes inside an `Any` of the type URL: large resources in many pieces, which are kept. */
  encode(name: string, resource: ResourceOf<K>): readonly Uint8Array[]
}

export const snapshotParts = {
  listeners: { key: 'listeners', typeUrl: typeUrls.listener, prefix: '', encode: (_name, listener) => encodeListener(listener) },
  routes: { key: 'routes', typeUrl: typeUrls.route, prefix: '', encode: (_name, table) => encodeRouteConfiguration(table) },
  clusters: plain('clusters', typeUrls.cluster, ClusterSchema),
  endpoints: plain('endpoints', typeUrls.endpoint, ClusterLoadAssignmentSchema),
  secrets: plain('secrets', typeUrls.secret, SecretSchema),
  names: extension('names', 'dns/', (domain) => packAny(DnsTable_DnsVirtualDomainSchema, domain)),
  origins: extension('origins', 'origin/', writeOrigin),
} as const satisfies { readonly [K in ResourceKey]: SnapshotPart<K> }

/** The parts of a snapshot whose resources have this type: two for extensions, none for what is not served. */
export function partsOf(typeUrl: string): readonly SnapshotPart[] {
  return Object.values(snapshotParts).filter((part) => part.typeUrl === typeUrl)
}

/** Throws when the bytes are not of the type, or nobody here knows what they are for. */
export function decodeResource(typeUrl: string, bytes: Uint8Array): ReadResource {
  switch (typeUrl) {
    case typeUrls.listener: {
      const resource = decode(ListenerSchema, bytes)
      return { key: 'listeners', name: resource.name, resource }
    }
    case typeUrls.route: {
      const resource = decode(RouteConfigurationSchema, bytes)
      return { key: 'routes', name: resource.name, resource }
    }
    case typeUrls.cluster: {
      const resource = decode(ClusterSchema, bytes)
      return { key: 'clusters', name: resource.name, resource }
    }
    case typeUrls.endpoint: {
      const resource = decode(ClusterLoadAssignmentSchema, bytes)
      return { key: 'endpoints', name: resource.clusterName, resource }
    }
    case typeUrls.secret: {
      const resource = decode(SecretSchema, bytes)
      return { key: 'secrets', name: resource.name, resource }
    }
    case typeUrls.extension:
      return decodeExtension(bytes)
    default:
      throw new Error(`nobody here knows what ${typeUrl} is for`)
  }
}

/** Part of the snapshot and name in it, of a name on the wire; undefined: nothing of that type has such a name. */
export function keyOfName(typeUrl: string, wireName: string): { readonly key: ResourceKey; readonly name: string } | undefined {
  if (typeUrl === typeUrls.extension) return keyOfExtension(wireName)
  const part = partsOf(typeUrl).find(({ prefix }) => wireName.startsWith(prefix))
  return part && { key: part.key, name: wireName.slice(part.prefix.length) }
}

/** There are two for each declaration, so no list is made of the parts. */
function keyOfExtension(wireName: string): { readonly key: 'names' | 'origins'; readonly name: string } | undefined {
  for (const { key, prefix } of [snapshotParts.names, snapshotParts.origins])
    if (wireName.startsWith(prefix)) return { key, name: wireName.slice(prefix.length) }
  return undefined
}

function decodeExtension(bytes: Uint8Array): ReadResource {
  const { name: wireName, typedConfig } = decode(TypedExtensionConfigSchema, bytes)
  const found = keyOfExtension(wireName)
  if (found?.key === 'origins') return { key: 'origins', name: found.name, resource: readOrigin(typedConfig) }
  if (found?.key !== 'names') throw new Error(`the name "${wireName}" begins neither with dns/ nor with origin/`)
  const isName = typedConfig !== undefined && anyIs(typedConfig, DnsTable_DnsVirtualDomainSchema)
  const resource = isName ? decode(DnsTable_DnsVirtualDomainSchema, typedConfig.value) : undefined
  if (resource === undefined) throw new Error('typed_config is not an envoy.data.dns.v3.DnsTable.DnsVirtualDomain')
  return { key: 'names', name: found.name, resource }
}

function plain<K extends ResourceKey, D extends DescMessage>(
  key: K,
  typeUrl: TypeUrl,
  schema: ResourceOf<K> extends MessageShape<D> ? D : never,
): SnapshotPart<K> {
  return { key, typeUrl, prefix: '', encode: (_name, resource) => [encode(schema, resource as MessageShape<D>)] }
}

function extension<K extends 'names' | 'origins'>(key: K, prefix: string, pack: (resource: ResourceOf<K>) => Any): SnapshotPart<K> {
  return {
    key,
    typeUrl: typeUrls.extension,
    prefix,
    encode: (name, resource) => [
      encode(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name: `${prefix}${name}`, typedConfig: pack(resource) })),
    ],
  }
}
