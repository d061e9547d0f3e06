// Turns what is held into the bytes of a last-good file and back: Envoy's own responses, one after the other.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { messageOf } from '../../base/index.ts'
import { DeltaDiscoveryResponseSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.js'
import { decodeResource, snapshotParts } from '../resource-type.ts'
import type { Held } from './held.ts'
import type { LastGoodContent } from './last-good-file.ts'
import { readLater } from './read-later.ts'

/** Resources in one response: as many as are encoded in one go. */
const most = 256

/** Each is a length of four bytes and a DeltaDiscoveryResponse. */
export function* encodeHeld(all: readonly Held[]): Generator<Uint8Array> {
  const byType = new Map<string, Held[]>()
  for (const held of all) {
    const { typeUrl } = snapshotParts[held.read.key]
    const ofType = byType.get(typeUrl) ?? []
    byType.set(typeUrl, ofType)
    ofType.push(held)
  }
  for (const [typeUrl, ofType] of byType) {
    for (let from = 0; from < ofType.length; from += most) yield* encodeResponse(typeUrl, ofType.slice(from, from + most))
  }
}

function* encodeResponse(typeUrl: string, all: readonly Held[]): Generator<Uint8Array> {
  const resources = all.map(({ read: { key, name }, version, body }) => ({
    name: snapshotParts[key].prefix + name,
    version,
    resource: { typeUrl, value: body },
  }))
  const bytes = toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl, resources }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  yield length
  yield bytes
}

/** A text is what is wrong with it: the sums were right, so another program wrote it, or this one has a fault. What this very program found good is not all read at once. */
export function decodeHeld({ body, savedAt, isOwn }: LastGoodContent): readonly Held[] | string {
  const all: Held[] = []
  try {
    for (let at = 0; at < body.length; ) {
      const length = body.readUInt32BE(at)
      const { typeUrl, resources } = fromBinary(DeltaDiscoveryResponseSchema, body.subarray(at + 4, at + 4 + length))
      at += 4 + length
      for (const { version, resource } of resources) {
        if (resource === undefined) continue
        const read = (isOwn ? readLater(typeUrl, resource.value) : undefined) ?? decodeResource(typeUrl, resource.value)
        all.push({ read, version, shownVersion: version, body: resource.value, updated: savedAt })
      }
    }
    return all
  } catch (error) {
    return `what it holds cannot be read: ${messageOf(error)}`
  }
}
