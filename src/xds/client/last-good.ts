// Turns what is held into the bytes of a last-good file and back: Envoy's own responses, one after the other.
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { messageOf } from '../../base/index.ts'
import { create } from '../create.ts'
import { ended, endOf } from '../decode-struct.ts'
import { encode } from '../encode.ts'
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
  const bytes = encode(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl, resources }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  yield length
  yield bytes
}

/** A text is what is wrong with it: the sums were right, so another program wrote it, or this one has a fault. What this very program found good is not all read at once. */
export function decodeHeld({ body, savedAt, isOwn }: LastGoodContent): readonly Held[] | string {
  const all: Held[] = []
  const reader = new BinaryReader(body)
  try {
    while (reader.pos < body.length) {
      reader.pos += 4
      const end = reader.pos + body.readUInt32BE(reader.pos - 4)
      for (const { version, typeUrl, value } of resourcesUntil(reader, end, body)) {
        const read = (isOwn ? readLater(typeUrl, value) : undefined) ?? decodeResource(typeUrl, value)
        all.push({ read, version, shownVersion: version, body: value, updated: savedAt })
      }
    }
    return all
  } catch (error) {
    return `what it holds cannot be read: ${messageOf(error)}`
  }
}

interface Kept {
  version: string
  typeUrl: string
  value: Uint8Array
}

/** Of a DeltaDiscoveryResponse nothing else is wanted, and there are tens of thousands: the library would make two messages of each, and texts that are thrown away. */
function resourcesUntil(reader: BinaryReader, end: number, body: Buffer): readonly Kept[] {
  const found: Kept[] = []
  let typeUrl = ''
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number !== resourcesField) {
      reader.skip(wireType, number)
      continue
    }
    const kept = { version: '', typeUrl, value: none }
    readResource(reader, endOf(reader, wireType, end), { body, kept })
    typeUrl = kept.typeUrl
    if (kept.value !== none) found.push(kept)
  }
  return ended(reader, end, found)
}

const resourcesField = 2
const none = new Uint8Array()

interface Into {
  readonly body: Buffer
  readonly kept: Kept
}

/** An envoy.service.discovery.v3.Resource. */
function readResource(reader: BinaryReader, end: number, { body, kept }: Into): void {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) kept.version = textUntil(reader, endOf(reader, wireType, end), { body, usual: '' })
    else if (number === 2) readAny(reader, endOf(reader, wireType, end), { body, kept })
    else reader.skip(wireType, number)
  }
  ended(reader, end, undefined)
}

function readAny(reader: BinaryReader, end: number, { body, kept }: Into): void {
  kept.value = body.subarray(end, end)
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) kept.typeUrl = textUntil(reader, endOf(reader, wireType, end), { body, usual: kept.typeUrl })
    else if (number === 2) {
      const valueEnd = endOf(reader, wireType, end)
      kept.value = body.subarray(reader.pos, valueEnd)
      reader.pos = valueEnd
    } else reader.skip(wireType, number)
  }
  ended(reader, end, undefined)
}

/** `usual`: nearly all resources of a response have the type of the one before. */
function textUntil(reader: BinaryReader, end: number, { body, usual }: { readonly body: Buffer; readonly usual: string }): string {
  const text = body.toString('utf8', reader.pos, end)
  reader.pos = end
  return text === usual ? usual : text
}
