// Writes resources as JSON the way Envoy's admin pages do: protobuf JSON with the field names of the .proto files and type URLs in every `Any`.
import { type DescMessage, type JsonObject, type JsonValue, type Message, type Registry, toJson } from '@bufbuild/protobuf'
import { messageOf } from '../base/index.ts'
import { allDescriptors } from './gen/descriptors.js'
import { AggregatedConfigSourceSchema } from './gen/envoy/config/core/v3/config_source_pb.js'

/** With `@type`, as it stands inside an `Any`. Never throws: what cannot be printed says so in its place. */
export function resourceToJson(resource: Message): JsonObject {
  const type = { '@type': `type.googleapis.com/${resource.$typeName}` }
  const schema = allDescriptors.getMessage(resource.$typeName)
  if (schema === undefined) return { ...type, not_printable: noDescriptor }
  try {
    const unknown = new Map<string, DescMessage>()
    const json = toJson(schema, resource, { registry: registryNoting(unknown), useProtoFieldName: true })
    if (unknown.size > 0) markUnknown(json, unknown)
    return isObject(json) ? { ...type, ...json } : { ...type, value: json }
  } catch (error) {
    return { ...type, not_printable: messageOf(error) }
  }
}

const noDescriptor = 'its descriptor is not known'

/** An `Any` from another control plane may hold what nobody here has a descriptor for: it is read as a message without fields, and noted. */
function registryNoting(unknown: Map<string, DescMessage>): Registry {
  return {
    kind: 'registry',
    [Symbol.iterator]: () => allDescriptors[Symbol.iterator](),
    get: (name) => allDescriptors.get(name),
    getEnum: (name) => allDescriptors.getEnum(name),
    getExtension: (name) => allDescriptors.getExtension(name),
    getExtensionFor: (extendee, no) => allDescriptors.getExtensionFor(extendee, no),
    getService: (name) => allDescriptors.getService(name),
    getMessage(name) {
      const known = allDescriptors.getMessage(name) ?? unknown.get(name)
      if (known !== undefined) return known
      const withoutFields = { ...AggregatedConfigSourceSchema, typeName: name }
      unknown.set(name, withoutFields)
      return withoutFields
    },
  }
}

function markUnknown(json: JsonValue, unknown: ReadonlyMap<string, unknown>): void {
  if (Array.isArray(json)) for (const item of json) markUnknown(item, unknown)
  if (!isObject(json)) return
  const type = json['@type']
  if (typeof type === 'string' && unknown.has(type.slice(type.lastIndexOf('/') + 1))) json['not_printable'] = noDescriptor
  for (const value of Object.values(json)) markUnknown(value, unknown)
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
