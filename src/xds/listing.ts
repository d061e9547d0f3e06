// Lists resources as they are on the wire, each with its version, whether a snapshot holds them or a server sent them.
import type { JsonObject } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { allDescriptors } from './gen/descriptors.js'
import { resourceToJson } from './json.ts'
import { typedResources } from './server/typed-resources.ts'
import type { Snapshot } from './snapshot.ts'
import { type TypeUrl, typeUrls, warmingOrder } from './type-urls.ts'

export interface Listed {
  readonly typeUrl: TypeUrl
  /** On the wire. */
  readonly name: string
  readonly version: string
  readonly any: Any
}

/** What a node would be sent that asks for everything but Istio's name table. */
export function listSnapshot(snapshot: Snapshot): readonly Listed[] {
  const listed: Listed[] = []
  for (const typeUrl of listedTypes) {
    const resources = typedResources(typeUrl, snapshot)
    for (const name of resources.names()) {
      const encoded = resources.get(name)
      if (encoded !== undefined) listed.push({ typeUrl, name, version: encoded.version, any: anyOf(encoded.element) })
    }
  }
  return listed
}

export const listedTypes: readonly TypeUrl[] = warmingOrder.filter((typeUrl) => typeUrl !== typeUrls.nameTable)

/** With `@type`. Never throws: what cannot be read says so in its place. */
export function listedToJson({ any }: Listed): JsonObject {
  const schema = allDescriptors.getMessage(any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1))
  if (schema === undefined) return { '@type': any.typeUrl, not_printable: 'its descriptor is not known' }
  try {
    return resourceToJson(fromBinary(schema, any.value))
  } catch {
    return { '@type': any.typeUrl, not_printable: 'its bytes are not a message of this type' }
  }
}

function anyOf(element: Uint8Array): Any {
  const reader = new BinaryReader(element)
  reader.tag()
  return fromBinary(AnySchema, reader.bytes())
}
