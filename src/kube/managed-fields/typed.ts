// Walks objects by their schema, as Kubernetes' structured merge does: which fields an object sets, what differs, what a merge leads to.
import type { ListSchema, Schema } from '../../api/index.ts'
import { copyOf, isJsonList, isJsonObject, isSameJson, setField, type Json, type JsonObject } from '../object.ts'
import { fieldSet, noFields, thisField, union, type FieldSet } from './field-set.ts'

/** The fields that an applied configuration sets: leaves, and the entries of lists. `containers`: what holds them, too. */
export function fieldsIn(schema: Schema | undefined, value: Json | undefined, containers: boolean): FieldSet {
  const parts = partsOf(schema, value)
  // An empty list of entries that have owners of their own is nobody's.
  if (parts?.size === 0 && isJsonList(value)) return containers ? thisField : noFields
  if (parts === undefined || parts.size === 0) return thisField
  const isKeyed = (key: string): boolean => !key.startsWith('f:')
  const children = [...parts].map(([key, part]) => {
    const inner = fieldsIn(part.schema, part.value, containers)
    return [key, isKeyed(key) ? { ...inner, own: true } : inner] as const
  })
  return fieldSet(containers, children)
}

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

const same: Comparison = { added: noFields, modified: noFields, removed: noFields }

export function compare(schema: Schema | undefined, before: Json | undefined, after: Json | undefined): Comparison {
  if (before === undefined) return after === undefined ? same : { ...same, added: fieldsIn(schema, after, true) }
  if (after === undefined) return { ...same, removed: fieldsIn(schema, before, true) }
  const old = partsOf(schema, before)
  const now = partsOf(schema, after)
  if (old === undefined || now === undefined) return isSameJson(before, after) ? same : { ...same, modified: thisField }
  const keys = [...new Set([...old.keys(), ...now.keys()])]
  const inner = keys.map((key) => {
    const part = now.get(key) ?? old.get(key)
    return [key, compare(part?.schema, old.get(key)?.value, now.get(key)?.value)] as const
  })
  const only = (what: keyof Comparison): FieldSet =>
    fieldSet(
      false,
      inner.map(([key, comparison]) => [key, comparison[what]] as const),
    )
  return { added: only('added'), modified: only('modified'), removed: only('removed') }
}

/** The object with what is applied in it. */
export function merge(schema: Schema | undefined, live: Json | undefined, applied: Json): Json {
  if (live === undefined || partsOf(schema, live) === undefined || partsOf(schema, applied) === undefined) return applied
  if (isJsonObject(live) && isJsonObject(applied)) {
    const merged = copyOf(live)
    for (const [name, value] of Object.entries(applied)) {
      if (value !== undefined)
        setField(merged, name, merge(fieldOf(schema, name), Object.hasOwn(live, name) ? live[name] : undefined, value))
    }
    return merged
  }
  return schema?.type === 'list' && isJsonList(live) && isJsonList(applied) ? mergeLists(schema, live, applied) : applied
}

/** Takes the fields of the set out, with all that is below them. */
export function without(schema: Schema | undefined, value: Json, fields: FieldSet): Json {
  if (isJsonObject(value)) {
    const rest = copyOf(value)
    for (const [key, set] of fields.children) {
      const name = key.slice(2)
      const inner = Object.hasOwn(rest, name) ? rest[name] : undefined
      if (set.own) delete rest[name]
      else if (inner !== undefined) setField(rest, name, without(fieldOf(schema, name), inner, set))
    }
    return rest
  }
  if (!isJsonList(value) || schema?.type !== 'list') return value
  return value.flatMap((entry) => {
    const set = fields.children.get(keyOf(schema, entry) ?? '')
    if (set === undefined) return [entry]
    return set.own ? [] : [without(schema.items, entry, set)]
  })
}

/** With the named fields on the way to each field of the set: they go when nobody has anything in them. */
export function withNamedFields(schema: Schema | undefined, set: FieldSet): FieldSet {
  const children = [...set.children].map(([key, child]) => {
    const field = key.startsWith('f:') ? fieldOf(schema, key.slice(2)) : schema?.type === 'list' ? schema.items : undefined
    const inner = withNamedFields(field, child)
    return [key, key.startsWith('f:') && schema?.type === 'object' ? { ...inner, own: true } : inner] as const
  })
  return fieldSet(set.own, children)
}

/** The key of an entry of an associative list, canonical; undefined where it has none. */
export function keyOf({ keys, unique }: ListSchema, entry: Json): string | undefined {
  if (unique) return `v:${JSON.stringify(entry)}`
  if (keys === undefined || !isJsonObject(entry)) return undefined
  const named = [...keys].sort().flatMap((name) => {
    const value = entry[name] ?? keyDefaults[name]
    return value === undefined || value === null ? [] : [[name, value] as const]
  })
  return named.length === 0 ? undefined : `k:${JSON.stringify(Object.fromEntries(named))}`
}

export function fieldOf(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema?.type === 'map') return schema.values
  return schema?.type === 'object' && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
}

/** Ports that name no protocol are TCP ports. */
const keyDefaults: Readonly<Record<string, Json>> = { protocol: 'TCP' }

interface Part {
  readonly schema: Schema | undefined
  readonly value: Json
}

/** What a value consists of, each part with an owner of its own; undefined where it is one whole. */
function partsOf(schema: Schema | undefined, value: Json | undefined): ReadonlyMap<string, Part> | undefined {
  if (isJsonObject(value)) {
    if ((schema?.type === 'object' || schema?.type === 'map') && schema.atomic) return undefined
    const fields = Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [[`f:${name}`, { schema: fieldOf(schema, name), value: member }] as const],
    )
    return new Map(fields)
  }
  if (!isJsonList(value) || schema?.type !== 'list' || (!schema.keys && !schema.unique)) return undefined
  const entries = value.map((entry) => [keyOf(schema, entry), entry] as const)
  const parts = entries.flatMap(([key, entry]) =>
    key === undefined ? [] : [[key, { schema: schema.unique ? undefined : schema.items, value: entry }] as const],
  )
  // Without keys, or with one twice, entries cannot be told apart.
  return new Map(parts).size === entries.length ? new Map(parts) : undefined
}

/** What only the live list has keeps its place; the rest stands as it is applied. */
function mergeLists(schema: ListSchema, live: readonly Json[], applied: readonly Json[]): readonly Json[] {
  const liveByKey = new Map(live.map((entry) => [keyOf(schema, entry), entry] as const))
  const appliedKeys = applied.map((entry) => keyOf(schema, entry))
  const places = new Map(appliedKeys.map((key, index) => [key, index] as const))
  const merged: Json[] = []
  let next = 0
  const takeApplied = (until: number): void => {
    for (; next < until; next += 1) {
      const entry = applied[next]
      if (entry !== undefined) merged.push(merge(schema.unique ? undefined : schema.items, liveByKey.get(appliedKeys[next]), entry))
    }
  }
  for (const entry of live) {
    const at = places.get(keyOf(schema, entry))
    if (at === undefined) merged.push(entry)
    else takeApplied(Math.max(next, at + 1))
  }
  takeApplied(applied.length)
  return merged
}

export function unionOf(sets: readonly FieldSet[]): FieldSet {
  return sets.reduce(union, noFields)
}

/** What keeps an applied configuration from being merged: a field that is unknown, an entry without its keys. */
export function appliedProblem(schema: Schema | undefined, value: Json | undefined, path = ''): string | undefined {
  if (schema === undefined || value === undefined || value === null || schema.type === 'anything') return undefined
  if (schema.type === 'list') return isJsonList(value) ? listProblem(schema, value, path) : `${path}: expected list, got ${shown(value)}`
  if (schema.type !== 'object' && schema.type !== 'map') return undefined
  if (!isJsonObject(value)) return `${path}: expected map, got ${shown(value)}`
  for (const [name, member] of Object.entries(value)) {
    const field = fieldOf(schema, name)
    const problem = field === undefined ? `${path}.${name}: field not declared in schema` : appliedProblem(field, member, `${path}.${name}`)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Each entry has an account of its own. */
const longest = 1000

function listProblem(schema: ListSchema, list: JsonList, path: string): string | undefined {
  const most = schema.maxItems ?? (schema.keys || schema.unique ? longest : Number.POSITIVE_INFINITY)
  if (list.length > most) return `${path}: must have at most ${most} items`
  const seen = new Set<string>()
  for (const [index, entry] of list.entries()) {
    const key = keyOf(schema, entry)
    if (
      schema.keys &&
      (key === undefined || schema.keys.some((name) => keyDefaults[name] === undefined && isJsonObject(entry) && entry[name] === undefined))
    ) {
      const rule = `associative list with keys has an element that omits ${schema.keys.length === 1 || key === undefined ? 'all key fields' : 'key field'}`
      return `${path}: element ${index}: ${rule} ${JSON.stringify(schema.keys)} (and doesn't have default values for any key fields)`
    }
    if (key !== undefined && seen.has(key)) return `${path}: duplicate entries for key ${keyShown(key)}`
    if (key !== undefined) seen.add(key)
    const problem = appliedProblem(schema.items, entry, key?.startsWith('k:') ? `${path}${keyShown(key)}` : `${path}[${index}]`)
    if (problem !== undefined) return problem
  }
  return undefined
}

type JsonList = readonly Json[]

function keyShown(key: string): string {
  const value: unknown = JSON.parse(key.slice(2))
  if (key.startsWith('v:')) return `[=${key.slice(2)}]`
  return `[${Object.entries(typeof value === 'object' && value !== null ? value : {})
    .map(([name, one]) => `${name}=${JSON.stringify(one)}`)
    .join(',')}]`
}

function shown(value: Json): string {
  return isJsonObject(value) ? 'a map' : isJsonList(value) ? 'a list' : JSON.stringify(value)
}

/** Applied configurations say nothing by null. */
export function withoutNulls(value: JsonObject): JsonObject {
  const kept = copyOf({})
  for (const [name, member] of Object.entries(value)) {
    if (member === null || member === undefined) continue
    setField(
      kept,
      name,
      isJsonObject(member)
        ? withoutNulls(member)
        : isJsonList(member)
          ? member.map((entry) => (isJsonObject(entry) ? withoutNulls(entry) : entry))
          : member,
    )
  }
  return kept
}
