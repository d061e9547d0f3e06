// Judges custom resources by their schema, as Kubernetes does by a CRD's: types, known words, what is required.
import type { ObjectSchema, Schema } from '../../api/index.ts'
import { hasType } from '../decode/fields.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../object.ts'
import type { StatusCause } from '../status.ts'
import { invalidValue, notSupported, required, wrongType } from './cause.ts'

/** All that is wrong, each with its field; bounded, since nobody reads a thousand. */
export function structureCauses(schema: ObjectSchema, object: JsonObject): readonly StatusCause[] {
  const causes: StatusCause[] = []
  // Metadata were decoded by type already.
  const { metadata: _, ...fields } = schema.fields
  judgeObject({ ...schema, fields }, object, '', causes)
  return causes
}

const mostCauses = 100

function judge(schema: Schema, value: Json | undefined, path: string, causes: StatusCause[]): void {
  if (causes.length >= mostCauses || value === undefined || schema.type === 'anything') return
  if (value === null || !hasType(schema, value)) {
    causes.push(wrongType(path, jsonType(value), wantedType(schema)))
    if (value !== null && schema.type === 'choice') causes.push(notSupported(path, value, Object.keys(schema.values)))
    return
  }
  if (schema.type === 'choice') {
    if (typeof value === 'string' && !Object.hasOwn(schema.values, value))
      causes.push(notSupported(path, value, Object.keys(schema.values)))
  } else if (schema.type === 'integer') judgeRange(schema, value, path, causes)
  else if (schema.type === 'list' && isJsonList(value)) {
    for (const [index, entry] of value.entries()) judge(schema.items, entry, `${path}[${index}]`, causes)
    judgeKeys(schema, value, path, causes)
  } else if (isJsonObject(value)) {
    if (schema.type === 'object') judgeObject(schema, value, path, causes)
    if (schema.type !== 'map') return
    for (const [name, member] of Object.entries(value)) judge(schema.values, member, `${path}.${name}`, causes)
  }
}

function judgeObject(schema: ObjectSchema, object: JsonObject, path: string, causes: StatusCause[]): void {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  for (const [name, value] of Object.entries(object)) {
    const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
    // A field that is null is one that is absent.
    if (field && value !== null) judge(field, value, at(name), causes)
  }
  for (const name of schema.required ?? []) if (object[name] === undefined || object[name] === null) causes.push(required(at(name)))
}

function judgeRange(
  { min, max }: { readonly min?: number; readonly max?: number },
  value: Json,
  path: string,
  causes: StatusCause[],
): void {
  if (typeof value !== 'number') return
  if (min !== undefined && value < min) causes.push(invalidValue(path, value, `${path} in body should be greater than or equal to ${min}`))
  if (max !== undefined && value > max) causes.push(invalidValue(path, value, `${path} in body should be less than or equal to ${max}`))
}

function judgeKeys({ keys }: { readonly keys?: readonly string[] }, list: readonly Json[], path: string, causes: StatusCause[]): void {
  if (keys === undefined) return
  const seen = new Set<string>()
  for (const [index, entry] of list.entries()) {
    if (!isJsonObject(entry)) continue
    const key = Object.fromEntries(keys.map((name) => [name, entry[name]] as const))
    const text = JSON.stringify(key)
    if (seen.has(text)) causes.push({ reason: 'FieldValueDuplicate', message: `Duplicate value: ${text}`, field: `${path}[${index}]` })
    seen.add(text)
  }
}

function jsonType(value: Json): string {
  if (value === null) return 'null'
  if (isJsonList(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function wantedType(schema: Schema): string {
  switch (schema.type) {
    case 'object':
    case 'map':
    case 'anything':
      return 'object'
    case 'list':
      return 'array'
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type
    case 'integer-or-text':
      return 'integer,string'
    case 'text':
    case 'duration':
    case 'choice':
      return 'string'
  }
}
