// Puts responses together from resources that are encoded already.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { EncodedResource } from './encoded-resource.ts'

interface ResponseParts {
  readonly typeUrl: string
  readonly nonce: string
  /** Of all that there is of the type. */
  readonly version: string
  readonly resources: readonly EncodedResource[]
}

/** An envoy.service.discovery.v3.DiscoveryResponse. */
export function stateResponse(parts: ResponseParts): Uint8Array {
  const writer = new BinaryWriter()
  text(writer, 1, parts.version)
  for (const { element } of parts.resources) writer.raw(element)
  text(writer, 4, parts.typeUrl)
  text(writer, 5, parts.nonce)
  return writer.finish()
}

/** An envoy.service.discovery.v3.DeltaDiscoveryResponse. */
export function deltaResponse(parts: ResponseParts & { readonly removed: readonly string[] }): Uint8Array {
  const writer = new BinaryWriter()
  text(writer, 1, parts.version)
  for (const { name, version, element } of parts.resources) {
    writer.tag(2, WireType.LengthDelimited).fork()
    text(writer, 1, version)
    writer.raw(element)
    text(writer, 3, name)
    writer.join()
  }
  text(writer, 4, parts.typeUrl)
  text(writer, 5, parts.nonce)
  for (const name of parts.removed) text(writer, 6, name)
  return writer.finish()
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== '') writer.tag(field, WireType.LengthDelimited).string(value)
}
