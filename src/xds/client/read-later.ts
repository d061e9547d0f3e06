// Puts off reading what a last good file holds and few ever use: clusters, and where declarations stand.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { decodeLazily } from '../decode-lazily.ts'
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import { readOriginLater } from '../origin-resource.ts'
import { decodeResource, keyOfName, type ReadResource } from '../resource-type.ts'
import { typeUrls } from '../type-urls.ts'
import { nameInside } from './name-inside.ts'

/** Undefined for what has to be read at once. */
export function readLater(typeUrl: string, body: Uint8Array): ReadResource | undefined {
  if (typeUrl !== typeUrls.cluster && typeUrl !== typeUrls.extension) return undefined
  const name = nameInside(body)
  if (name === undefined || name === '') return undefined
  if (typeUrl === typeUrls.cluster) {
    return hasEndpointsElsewhere(body) ? undefined : { key: 'clusters', name, resource: decodeLazily(ClusterSchema, body) }
  }
  const found = keyOfName(typeUrl, name)
  return found?.key === 'origins' ? { key: 'origins', name: found.name, resource: readOriginLater(() => originIn(body)) } : undefined
}

function originIn(body: Uint8Array) {
  const read = decodeResource(typeUrls.extension, body)
  if (read.key !== 'origins') throw new Error('it is no origin')
  return read.resource
}

/** Cluster.type is field 2. */
function hasEndpointsElsewhere(body: Uint8Array): boolean {
  const reader = new BinaryReader(body)
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    if (number === 2 && wireType === WireType.Varint) return reader.int32() === Cluster_DiscoveryType.EDS
    reader.skip(wireType, number)
  }
  return false
}
