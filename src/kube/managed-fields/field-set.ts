// Sets of fields of an object, as Kubernetes writes them into managedFields: `f:` a name, `k:` the keys of an entry, `v:` a value.
import { isJsonObject, type Json, type JsonObject } from '../object.ts'

export interface FieldSet {
  /** Whether this field itself is in the set, whatever of it is. */
  readonly own: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

export const noFields: FieldSet = { own: false, children: new Map() }
export const thisField: FieldSet = { own: true, children: new Map() }

/** A node of the set; undefined where it would hold nothing. */
export function fieldSet(own: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  const kept = new Map<string, FieldSet>()
  for (const [key, child] of children) if (!isEmpty(child)) kept.set(key, child)
  return { own, children: kept }
}

export function isEmpty({ own, children }: FieldSet): boolean {
  return !own && children.size === 0
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  return combined(a, b, (inA, inB) => inA || inB)
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combined(a, b, (inA, inB) => inA && inB)
}

/** What is in `a` and not in `b`; what is below a field of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combined(a, b, (inA, inB) => inA && !inB)
}

/** As `difference`, and what is below a field of `b` goes with it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (b.own) return noFields
  return fieldSet(
    a.own,
    [...a.children].map(([key, child]) => {
      const other = b.children.get(key)
      return [key, other === undefined ? child : recursiveDifference(child, other)] as const
    }),
  )
}

export function isSameSet(a: FieldSet, b: FieldSet): boolean {
  return (
    a.own === b.own &&
    a.children.size === b.children.size &&
    [...a.children].every(([key, child]) => isSameSet(child, b.children.get(key) ?? noFields))
  )
}

/** The keys that lead to each field of the set. */
export function* pathsOf(set: FieldSet, above: readonly string[] = []): Generator<readonly string[]> {
  if (set.own) yield above
  for (const key of [...set.children.keys()].sort()) yield* pathsOf(set.children.get(key) ?? noFields, [...above, key])
}

/** `.spec.ports[name="http"].number`, as messages have it. */
export function pathText(path: readonly string[]): string {
  return path.map(keyText).join('')
}

/** The `fieldsV1` of an entry. */
export function toFieldsV1(set: FieldSet): JsonObject {
  return writeFields({ own: false, children: set.children })
}

/** Anything that is not such a set is an empty one. */
export function fromFieldsV1(fields: Json | undefined): FieldSet {
  return { ...readFields(isJsonObject(fields) ? fields : {}, 0), own: false }
}

function combined(a: FieldSet, b: FieldSet, keeps: (inA: boolean, inB: boolean) => boolean): FieldSet {
  const keys = new Set([...a.children.keys(), ...b.children.keys()])
  const children = [...keys].map((key) => [key, combined(a.children.get(key) ?? noFields, b.children.get(key) ?? noFields, keeps)] as const)
  return fieldSet(keeps(a.own, b.own), children)
}

/** A field without fields is `{}`; one with fields that is itself in the set says so by a dot. */
function writeFields({ own, children }: FieldSet): JsonObject {
  const entries = [...children.keys()].sort().map((key) => [key, writeFields(children.get(key) ?? noFields)] as const)
  return Object.fromEntries(own && entries.length > 0 ? [['.', {}] as const, ...entries] : entries)
}

const deepest = 500

function readFields(fields: JsonObject, depth: number): FieldSet {
  const keys = Object.keys(fields).filter((key) => /^[fkv]:/.test(key))
  if (depth > deepest) return noFields
  const children = keys.map((key) => {
    const inner = fields[key]
    return [key, readFields(isJsonObject(inner) ? inner : {}, depth + 1)] as const
  })
  return fieldSet(keys.length === 0 || Object.hasOwn(fields, '.'), children)
}

function keyText(key: string): string {
  const rest = key.slice(2)
  if (key.startsWith('f:')) return `.${rest}`
  if (key.startsWith('v:')) return `[=${rest}]`
  const keys: unknown = JSON.parse(rest)
  const fields = typeof keys === 'object' && keys !== null ? Object.entries(keys) : []
  return `[${fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
}
