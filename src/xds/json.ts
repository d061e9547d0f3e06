// Writes resources as JSON the way Envoy's admin pages do: protobuf JSON with the field names of the .proto files and type URLs in every `Any`.
import { type JsonObject, type Message, toJson } from '@bufbuild/protobuf'
import { messageOf } from '../base/index.ts'
import { allDescriptors } from './gen/descriptors.js'

/** With `@type`, as it stands inside an `Any`. Never throws: what cannot be printed says so in its place. */
export function resourceToJson(resource: Message): JsonObject {
  const type = { '@type': `type.googleapis.com/${resource.$typeName}` }
  const schema = allDescriptors.getMessage(resource.$typeName)
  if (schema === undefined) return { ...type, not_printable: 'its descriptor is not known' }
  try {
    const json = toJson(schema, resource, { registry: allDescriptors, useProtoFieldName: true })
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...type, ...json } : { ...type, value: json }
  } catch (error) {
    // An `Any` from another control plane may hold what nobody here has a descriptor for.
    return { ...type, not_printable: messageOf(error) }
  }
}
