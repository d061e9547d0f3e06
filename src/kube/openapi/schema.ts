// Writes schemas as OpenAPI v3 has them, with Kubernetes' own words for lists, patches and numbers that may be texts.
import type { ListSchema, ObjectSchema, Schema } from '../../api/index.ts'
import type { Json, JsonObject } from '../object.ts'
import { objectMetaSchema } from '../schemas/object-meta.ts'

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
export const listMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'

export function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

/** Of a whole object; its metadata are the ones that all kinds share. */
export function openApiSchema(schema: Schema): JsonObject {
  if (schema === objectMetaSchema) return { description: sentence(schema.description), allOf: [reference(objectMetaName)], default: {} }
  return { description: sentence(schema.description), ...shapeOf(schema) }
}

/** The metadata themselves, which have to be written out once. */
export function objectMetaComponent(): JsonObject {
  return { description: sentence(objectMetaSchema.description), ...objectShape(objectMetaSchema) }
}

function shapeOf(schema: Schema): JsonObject {
  switch (schema.type) {
    case 'object':
      return objectShape(schema)
    case 'map':
      return { type: 'object', additionalProperties: openApiSchema(schema.values), ...atomicMap(schema) }
    case 'list':
      return { type: 'array', items: openApiSchema(schema.items), ...limited({ maxItems: schema.maxItems }), ...listType(schema) }
    case 'text':
      return { type: 'string', ...limited({ maxLength: schema.maxLength, format: schema.format }) }
    case 'duration':
      return { type: 'string' }
    case 'integer':
      return { type: 'integer', format: 'int64', ...limited({ minimum: schema.min, maximum: schema.max }) }
    case 'choice':
      return { type: 'string', enum: Object.keys(schema.values) }
    case 'number':
      return { type: 'number' }
    case 'boolean':
      return { type: 'boolean' }
    case 'integer-or-text':
      return { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string', 'x-kubernetes-int-or-string': true }
    case 'anything':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  }
}

function objectShape(schema: ObjectSchema): JsonObject {
  const properties = Object.fromEntries(Object.entries(schema.fields).map(([name, field]) => [name, openApiSchema(field)] as const))
  return { type: 'object', ...(schema.required ? { required: schema.required } : {}), properties, ...atomicMap(schema) }
}

function atomicMap(schema: { readonly atomic?: true }): JsonObject {
  return schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}
}

function listType({ keys, unique, patchKey }: ListSchema): JsonObject {
  const type = keys
    ? { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
    : { 'x-kubernetes-list-type': unique ? 'set' : 'atomic' }
  const merge = { 'x-kubernetes-patch-strategy': 'merge' }
  if (patchKey !== undefined) return { ...type, ...merge, 'x-kubernetes-patch-merge-key': patchKey }
  return unique ? { ...type, ...merge } : type
}

function limited(limits: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined))
}

/** Descriptions are written without a capital and a full stop. */
function sentence(text: string): string {
  const full = `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  return /[.!?]$/.test(full) ? full : `${full}.`
}
