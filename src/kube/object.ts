// Describes Kubernetes objects as they travel and are stored: JSON with a kind, a version and metadata.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A field that is `undefined` is one that is absent. */
export interface JsonObject {
  readonly [field: string]: Json | undefined
}

export interface OwnerReference extends JsonObject {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Which fields somebody has set, by name of the one who did. */
export interface ManagedFieldsEntry extends JsonObject {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: JsonObject
  readonly subresource?: string
}

export interface ObjectMeta extends JsonObject {
  readonly name?: string
  readonly generateName?: string
  /** Absent from cluster-scoped objects. */
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: readonly ManagedFieldsEntry[]
}

export interface KubeObject extends JsonObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** What a list or a table says of itself. */
export interface ListMeta extends JsonObject {
  readonly resourceVersion?: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

export interface GroupVersion {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
}

/** `networking.istio.io/v1`; `v1` in the core group. */
export function apiVersionOf({ group, version }: GroupVersion): string {
  return group === '' ? version : `${group}/${version}`
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** The value at a path of field names, or nothing. */
export function fieldAtPath(value: Json | undefined, path: readonly string[]): Json | undefined {
  let node = value
  for (const name of path) {
    if (!isJsonObject(node) || !Object.hasOwn(node, name)) return undefined
    node = node[name]
  }
  return node
}

/** A mutable copy without a prototype's pitfalls: `__proto__` as a key is a key like any other. */
export function copyOf(object: JsonObject): Record<string, Json | undefined> {
  const copy: Record<string, Json | undefined> = {}
  for (const name of Object.keys(object)) setField(copy, name, object[name])
  return copy
}

/** Assigning `__proto__` would set the prototype instead of a key that is called so. */
export function setField(object: Record<string, Json | undefined>, name: string, value: Json | undefined): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

/** Whether two values say the same; the order of fields does not count, that of lists does. */
export function isSameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (isJsonList(a)) return isJsonList(b) && a.length === b.length && a.every((entry, index) => isSameJson(entry, b[index]))
  if (!isJsonObject(a) || !isJsonObject(b) || isJsonList(b)) return false
  const names = Object.keys(a).filter((name) => a[name] !== undefined)
  const others = Object.keys(b).filter((name) => b[name] !== undefined)
  return names.length === others.length && names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]))
}
