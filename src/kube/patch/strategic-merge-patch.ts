// Applies strategic merge patches: as merge patches, but entries of lists are found by their key, and directives say what else is meant.
import type { ListSchema, Schema } from '../../api/index.ts'
import { copyOf, isJsonList, isJsonObject, isSameJson, setField, type Json, type JsonObject } from '../object.ts'
import { badRequest, StatusError } from '../status.ts'
import { deepCopy, type Draft } from './copy.ts'

const directive = '$patch'
const deletions = '$deleteFromPrimitiveList/'
const order = '$setElementOrder/'
const retained = '$retainKeys'

/** Throws a StatusError. Only for kinds of Kubernetes' own: others answer 415. */
export function applyStrategicMergePatch(schema: Schema, target: JsonObject, patch: JsonObject): JsonObject {
  return mergeObject(schema, target, patch)
}

function mergeObject(schema: Schema | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const what = patch[directive]
  if (what === 'replace') return withoutDirectives(patch)
  if (what === 'delete') return {}
  if (what !== undefined && what !== 'merge') throw refused(`unknown patch type: ${textOf(what)} in map: ${goMap(patch)}`)
  const merged = retain(copyOf(target), patch)
  for (const [name, change] of Object.entries(patch)) {
    if (name.startsWith(deletions)) takeFrom(merged, name.slice(deletions.length), change)
    else if (name.startsWith(order)) sortOnly(merged, { schema, patch, name: name.slice(order.length), wanted: change })
    else if (name.startsWith('$') && name !== directive && name !== retained) throw refused(`unknown directive ${JSON.stringify(name)}`)
    else if (!name.startsWith('$')) mergeField(merged, name, { schema: fieldOf(schema, name), change, wanted: patch[order + name] })
  }
  return merged
}

interface FieldChange {
  readonly schema: Schema | undefined
  readonly change: Json | undefined
  readonly wanted: Json | undefined
}

function mergeField(merged: Draft, name: string, { schema, change, wanted }: FieldChange): void {
  const before = Object.hasOwn(merged, name) ? merged[name] : undefined
  if (change === null || change === undefined) delete merged[name]
  else if (isJsonObject(change)) {
    const after = mergeObject(schema, isJsonObject(before) ? before : {}, change)
    if (change[directive] === 'delete') delete merged[name]
    else setField(merged, name, after)
  } else if (isJsonList(change) && schema?.type === 'list' && isMerged(schema)) {
    setField(merged, name, mergeList(schema, isJsonList(before) ? before : [], change, wanted))
  } else setField(merged, name, deepCopy(change))
}

function isMerged({ patchKey, unique }: ListSchema): boolean {
  return patchKey !== undefined || unique === true
}

/** Entries are compared each with each. */
const longest = 1000

function mergeList(schema: ListSchema, before: readonly Json[], patch: readonly Json[], wanted: Json | undefined): readonly Json[] {
  const order = isJsonList(wanted) ? wanted.length : 0
  if (Math.max(before.length, patch.length, order) > longest) throw refused(`lists of more than ${longest} entries cannot be merged`)
  const { patchKey } = schema
  if (patchKey === undefined) {
    const added = patch.filter((entry) => !before.some((other) => isSameJson(other, entry)))
    const ordered = isJsonList(wanted) ? wanted : patch
    return inOrder([...before, ...added], before, ordered, isSameJson)
  }
  const entries = patch.map((entry) => keyed(entry, patchKey))
  const replaces = entries.some((entry) => entry[directive] === 'replace')
  const isSame = (a: Json, b: Json): boolean => isJsonObject(a) && isJsonObject(b) && isSameJson(a[patchKey], b[patchKey])
  const merged = replaces ? [] : [...before]
  for (const entry of entries) {
    const at = merged.findIndex((other) => isSame(other, entry))
    if (entry[directive] === 'replace') continue
    if (entry[directive] === 'delete') {
      if (at >= 0) merged.splice(at, 1)
      continue
    }
    const known = merged[at]
    const after = mergeObject(schema.items, known !== undefined && isJsonObject(known) ? known : {}, entry)
    merged.splice(at < 0 ? merged.length : at, at < 0 ? 0 : 1, after)
  }
  const named = entries.filter((entry) => entry[directive] !== 'delete' && entry[directive] !== 'replace')
  return replaces ? merged : inOrder(merged, before, isJsonList(wanted) ? wanted : named, isSame)
}

/** An order may be set for a list that is not changed otherwise. */
function sortOnly(
  merged: Draft,
  asked: { readonly schema: Schema | undefined; readonly patch: JsonObject; readonly name: string; readonly wanted: Json | undefined },
): void {
  const { schema, patch, name, wanted } = asked
  const before = merged[name]
  const field = fieldOf(schema, name)
  if (Object.hasOwn(patch, name) || !isJsonList(before) || !isJsonList(wanted) || field?.type !== 'list') return
  setField(merged, name, mergeList(field, before, [], wanted))
}

/** Entries that the order names stand as it says; the others keep their place before what they stood before. */
function inOrder(
  entries: readonly Json[],
  before: readonly Json[],
  wanted: readonly Json[],
  isSame: (a: Json, b: Json) => boolean,
): readonly Json[] {
  const placed = entries.map((entry) => ({
    entry,
    place: wanted.findIndex((other) => isSame(other, entry)),
    was: before.findIndex((other) => isSame(other, entry)),
  }))
  const ordered = placed.filter(({ place }) => place >= 0).sort((a, b) => a.place - b.place)
  const others = placed.filter(({ place }) => place < 0)
  const result: Json[] = []
  let next = 0
  for (const other of others) {
    for (; next < ordered.length; next += 1) {
      const one = ordered[next]
      if (one === undefined || (one.was >= 0 && other.was < one.was)) break
      result.push(one.entry)
    }
    result.push(other.entry)
  }
  return [...result, ...ordered.slice(next).map(({ entry }) => entry)]
}

function keyed(entry: Json, key: string): JsonObject {
  if (!isJsonObject(entry)) throw refused(`expected a map in a list of maps by ${key}`)
  const isWhole = entry[directive] === 'replace'
  if (!isWhole && (entry[key] === undefined || entry[key] === null))
    throw refused(`map: ${goMap(entry)} does not contain declared merge key: ${key}`)
  return entry
}

function takeFrom(merged: Draft, name: string, values: Json | undefined): void {
  const before = Object.hasOwn(merged, name) ? merged[name] : undefined
  if (!isJsonList(before) || !isJsonList(values)) return
  merged[name] = before.filter((entry) => !values.some((value) => isSameJson(value, entry)))
}

/** Fields that the patch does not name are taken away where `$retainKeys` stands. */
function retain(merged: Draft, patch: JsonObject): Draft {
  const keep = patch[retained]
  if (keep === undefined) return merged
  if (!isJsonList(keep)) throw refused('invalid patch format of retainKeys list')
  for (const name of Object.keys(patch)) {
    if (!name.startsWith('$') && patch[name] !== null && !keep.includes(name))
      throw refused(`all keys in the patch should be in the retainKeys list: ${name} is not`)
  }
  for (const name of Object.keys(merged)) if (!keep.includes(name)) delete merged[name]
  return merged
}

function withoutDirectives(value: JsonObject): JsonObject {
  const plain = copyOf({})
  for (const [name, member] of Object.entries(value))
    if (!name.startsWith('$') && member !== null && member !== undefined) setField(plain, name, deepCopy(member))
  return plain
}

function fieldOf(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema?.type === 'map') return schema.values
  return schema?.type === 'object' && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
}

function refused(message: string): StatusError {
  return new StatusError(badRequest(message))
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A map as Go prints it, for the messages that people look for. */
function goMap(value: JsonObject): string {
  const fields = Object.keys(value).sort()
  return `map[${fields.map((name) => `${name}:${goValue(value[name] ?? null)}`).join(' ')}]`
}

function goValue(value: Json): string {
  if (isJsonObject(value)) return goMap(value)
  if (isJsonList(value)) return `[${value.map(goValue).join(' ')}]`
  return value === null ? '<nil>' : String(value)
}
