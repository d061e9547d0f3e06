// Finds the fields of an object that its kind does not have, takes them out, and finds values of the wrong type in what Kubernetes decodes itself.
import type { ObjectSchema, Schema } from '../../api/index.ts'
import { copyOf, isJsonList, isJsonObject, setField, type Json, type JsonObject } from '../object.ts'

export interface KnownFields {
  readonly value: JsonObject
  /** Paths such as `spec.ports[0].foo`. */
  readonly unknown: readonly string[]
}

/** Fields in the order in which they stand. */
export function keepKnownFields(schema: ObjectSchema, object: JsonObject): KnownFields {
  const unknown: string[] = []
  return { value: known(schema, object, '', unknown), unknown }
}

export interface TypeMismatch {
  readonly path: readonly (string | number)[]
  /** What stands there: `number`, `string`, `array`, `object`, `bool`. */
  readonly found: string
  /** What ought to, as Go spells it: `string`, `map[string]string`, `int32`. */
  readonly wanted: string
}

/** The first value whose type is not that of its field; kinds that have a Go type of their own are refused for it. */
export function findTypeMismatch(
  schema: Schema,
  value: Json | undefined,
  path: readonly (string | number)[] = [],
): TypeMismatch | undefined {
  if (value === undefined || value === null || schema.type === 'anything') return undefined
  if (!hasType(schema, value)) return { path, found: typeName(value), wanted: goType(schema) }
  if (schema.type === 'list' && isJsonList(value))
    return firstOf(value.entries(), (entry, index) => findTypeMismatch(schema.items, entry, [...path, index]))
  if (!isJsonObject(value)) return undefined
  if (schema.type === 'map')
    return firstOf(Object.entries(value), (member, name) => findTypeMismatch(schema.values, member, [...path, name]))
  if (schema.type !== 'object') return undefined
  return firstOf(Object.entries(value), (member, name) => {
    const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
    return field && findTypeMismatch(field, member, [...path, name])
  })
}

function firstOf<K>(
  entries: Iterable<readonly [K, Json | undefined]>,
  judge: (value: Json | undefined, key: K) => TypeMismatch | undefined,
): TypeMismatch | undefined {
  for (const [key, value] of entries) {
    const found = judge(value, key)
    if (found !== undefined) return found
  }
  return undefined
}

export function hasType(schema: Schema, value: Json): boolean {
  switch (schema.type) {
    case 'object':
    case 'map':
      return isJsonObject(value)
    case 'list':
      return isJsonList(value)
    case 'text':
    case 'duration':
    case 'choice':
      return typeof value === 'string'
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return typeof value === 'number'
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer-or-text':
      return typeof value === 'string' || Number.isInteger(value)
    case 'anything':
      return true
  }
}

/** A value's type in the words of Go's JSON decoder. */
export function typeName(value: Json): string {
  if (isJsonList(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

function goType(schema: Schema): string {
  switch (schema.type) {
    case 'map':
      return `map[string]${goType(schema.values)}`
    case 'list':
      return `[]${goType(schema.items)}`
    case 'integer':
      return 'int64'
    case 'boolean':
      return 'bool'
    case 'number':
      return 'float64'
    case 'text':
    case 'duration':
    case 'choice':
      return 'string'
    case 'integer-or-text':
      return 'intstr.IntOrString'
    case 'object':
    case 'anything':
      return 'struct'
  }
}

function known(schema: ObjectSchema, object: JsonObject, path: string, unknown: string[]): JsonObject {
  const kept = copyOf({})
  for (const [name, value] of Object.entries(object)) {
    const at = path === '' ? name : `${path}.${name}`
    const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
    if (field === undefined) unknown.push(at)
    else setField(kept, name, inside(field, value, at, unknown))
  }
  return kept
}

function inside(schema: Schema, value: Json | undefined, path: string, unknown: string[]): Json | undefined {
  if (schema.type === 'list' && isJsonList(value))
    return value.map((entry, index) => inside(schema.items, entry, `${path}[${index}]`, unknown) ?? null)
  if (!isJsonObject(value)) return value
  if (schema.type === 'object') return known(schema, value, path, unknown)
  if (schema.type !== 'map') return value
  const kept = copyOf({})
  for (const [name, member] of Object.entries(value)) setField(kept, name, inside(schema.values, member, `${path}.${name}`, unknown))
  return kept
}
