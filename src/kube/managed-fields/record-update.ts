// Keeps account of who set which fields when objects are created, replaced and patched.
import type { KubeObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import { isSameManager, managedIn, withManaged, withoutIgnored, type Managed } from './entries.ts'
import { difference, isEmpty, noFields, recursiveDifference, union, type FieldSet } from './field-set.ts'
import { compare, type Comparison } from './typed.ts'

export interface Writer {
  /** `fieldManager`, or what the client calls itself. */
  readonly manager: string
  readonly apiVersion: string
  /** RFC 3339. */
  readonly time: string
  readonly subresource?: string
}

/** `after` with the account brought up to date; `before` is absent when it is created. */
export function recordUpdate(resource: ApiResource, before: KubeObject | undefined, after: KubeObject, writer: Writer): KubeObject {
  // Who sends `[{}]` wants no account to be kept, until somebody applies.
  const isReset = after.metadata.managedFields?.length === 1 && Object.keys(after.metadata.managedFields[0] ?? {}).length === 0
  const known = managedIn(before)
  if (before !== undefined && (isReset || known.length === 0)) return withManaged(after, [], [], writer.time)
  const sent = managedIn(after)
  const account = before !== undefined && sent.length > 0 ? sent : known
  const changes = changesBetween(resource, before, after)
  const { manager, apiVersion, subresource } = writer
  const self: Managed = {
    manager,
    apiVersion,
    operation: 'Update',
    ...(subresource === undefined ? {} : { subresource }),
    fields: noFields,
  }
  const changed = withoutIgnored(resource, union(changes.added, changes.modified), subresource)
  const own = account.find((other) => isSameManager(other, self))?.fields ?? noFields
  const others = account.filter((other) => !isSameManager(other, self)).map((other) => ({ ...other, fields: taken(other.fields, changes) }))
  const fields = union(recursiveDifference(own, changes.removed), changed)
  return withManaged(after, [...others, { ...self, fields }], account, writer.time)
}

/** What others lose: what was set anew, and what is gone. */
export function taken(fields: FieldSet, changes: Comparison): FieldSet {
  const left = difference(fields, union(changes.added, changes.modified))
  return isEmpty(changes.removed) ? left : recursiveDifference(left, changes.removed)
}

/** Differences in what clients decide. Kinds of Kubernetes' own have a spec and a status from the start. */
export function changesBetween(resource: ApiResource, before: KubeObject | undefined, after: KubeObject): Comparison {
  const start: KubeObject = {
    apiVersion: after.apiVersion,
    kind: after.kind,
    metadata: {},
    ...(resource.custom ? {} : { spec: {}, status: {} }),
  }
  const from = before === undefined ? start : { ...before, apiVersion: after.apiVersion }
  return compare(resource.schema, plain(from, resource), plain(after, resource))
}

function plain(object: KubeObject, { custom }: ApiResource): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  return custom ? { ...object, metadata } : { spec: {}, status: {}, ...object, metadata }
}
