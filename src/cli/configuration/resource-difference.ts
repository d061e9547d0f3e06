// Compares two lists of resources, and two resources field by field.
import type { JsonValue } from '@bufbuild/protobuf'
import { isObject } from './json-path.ts'
import { type Listed, listedToJson, type TypeUrl, typeShortNames, typeUrls } from '../../xds/index.ts'

export interface ResourceDifference {
  readonly type: (typeof typeShortNames)[TypeUrl]
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Of what has changed: the innermost fields that differ. */
  readonly fields: readonly FieldDifference[]
}

export interface FieldDifference {
  readonly path: string
  readonly before?: JsonValue
  readonly now?: JsonValue
}

/** Places of declarations are left out: they differ wherever a line has moved. */
export function differencesOf(before: readonly Listed[], now: readonly Listed[]): readonly ResourceDifference[] {
  const [old, fresh] = [byKey(before), byKey(now)]
  const differences: ResourceDifference[] = []
  for (const [key, one] of old) if (!fresh.has(key)) differences.push({ ...nameOf(one), change: 'removed', fields: [] })
  for (const [key, one] of fresh) {
    const other = old.get(key)
    if (other === undefined) differences.push({ ...nameOf(one), change: 'added', fields: [] })
    else if (!isEqual(one, other))
      differences.push({ ...nameOf(one), change: 'changed', fields: fieldsOf(listedToJson(other), listedToJson(one)) })
  }
  return differences
}

/** The version alone cannot tell: it is another server's word. */
function isEqual(a: Listed, b: Listed): boolean {
  return Buffer.compare(a.any.value, b.any.value) === 0
}

function byKey(listed: readonly Listed[]): ReadonlyMap<string, Listed> {
  return new Map(listed.filter((one) => !isPlace(one)).map((one) => [`${one.typeUrl} ${one.name}`, one]))
}

function isPlace({ typeUrl, name }: Listed): boolean {
  return typeUrl === typeUrls.extension && name.startsWith('origin/')
}

function nameOf({ typeUrl, name }: Listed): Pick<ResourceDifference, 'type' | 'name'> {
  return { type: typeShortNames[typeUrl], name }
}

function fieldsOf(before: JsonValue | undefined, now: JsonValue | undefined, path = ''): readonly FieldDifference[] {
  const [oldNames, newNames] = [byName(before), byName(now)]
  if (oldNames !== undefined && newNames !== undefined) {
    const names = new Set([...oldNames.keys(), ...newNames.keys()])
    return Array.from(names).flatMap((name) => fieldsOf(oldNames.get(name), newNames.get(name), `${path}[${JSON.stringify(name)}]`))
  }
  if (Array.isArray(before) && Array.isArray(now))
    return Array.from({ length: Math.max(before.length, now.length) }).flatMap((_, i) => fieldsOf(before[i], now[i], `${path}[${i}]`))
  if (isObject(before) && isObject(now)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(now)])
    return Array.from(keys).flatMap((key) => fieldsOf(before[key], now[key], path === '' ? key : `${path}.${key}`))
  }
  if (before === now) return []
  return [{ path, ...(before === undefined ? {} : { before }), ...(now === undefined ? {} : { now }) }]
}

/** A list whose items have names of their own is compared by them: one more at the front does not change all that follow. */
function byName(list: JsonValue | undefined): ReadonlyMap<string, JsonValue> | undefined {
  if (!Array.isArray(list)) return undefined
  const named = new Map(list.flatMap((item) => (isObject(item) && typeof item['name'] === 'string' ? [[item['name'], item]] : [])))
  return named.size === list.length ? named : undefined
}
