// Reads and writes the list `metadata.managedFields`: who has which fields, by what kind of write, in which version.
import type { KubeObject, ManagedFieldsEntry } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import { fieldSet, fromFieldsV1, isEmpty, isSameSet, noFields, recursiveDifference, toFieldsV1, union, type FieldSet } from './field-set.ts'

export interface Managed {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource?: string
  readonly time?: string
  readonly fields: FieldSet
}

export function managedIn(object: KubeObject | undefined): readonly Managed[] {
  const entries: readonly Partial<ManagedFieldsEntry>[] = object?.metadata.managedFields ?? []
  return entries.flatMap(({ manager, operation, apiVersion = '', time, subresource, fieldsV1 }) => {
    if (manager === undefined || (operation !== 'Apply' && operation !== 'Update')) return []
    const head = { manager, operation, apiVersion, ...(subresource === undefined ? {} : { subresource }) }
    return [{ ...head, ...(time === undefined ? {} : { time }), fields: fromFieldsV1(fieldsV1) }]
  })
}

/** The same writer: whoever applies is the same in every version, whoever writes only in one. */
export function isSameManager(a: Managed, b: Managed): boolean {
  const isSame = a.manager === b.manager && a.operation === b.operation && (a.subresource ?? '') === (b.subresource ?? '')
  return isSame && (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
}

/** The object with these managers; an entry that has not changed keeps its time. */
export function withManaged(object: KubeObject, managed: readonly Managed[], before: readonly Managed[], time: string): KubeObject {
  const timed = managed
    .filter(({ fields }) => !isEmpty(fields))
    .map((one) => {
      const old = before.find((other) => isSameManager(other, one))
      const kept = old && old.apiVersion === one.apiVersion && isSameSet(old.fields, one.fields) ? old.time : time
      return { ...one, time: kept ?? time }
    })
  const entries = capped(timed).sort(inOrder).map(entryOf)
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata: entries.length === 0 ? metadata : { ...metadata, managedFields: entries } }
}

/** What the server keeps by itself, and what a write at this path cannot change. */
export function withoutIgnored(resource: ApiResource, fields: FieldSet, subresource: string | undefined): FieldSet {
  const kept = recursiveDifference(fields, serverFields)
  const hasStatus = resource.subresources.some(({ name }) => name === 'status')
  if (subresource === 'status') return fieldSet(false, [['f:status', kept.children.get('f:status') ?? noFields]])
  const withoutStatus = hasStatus
    ? fieldSet(
        false,
        [...kept.children].filter(([key]) => key !== 'f:status'),
      )
    : kept
  // Metadata as a whole are nobody's.
  return fieldSet(
    false,
    [...withoutStatus.children].map(([key, child]) => [key, key === 'f:metadata' ? { ...child, own: false } : child] as const),
  )
}

const serverFields = fromFieldsV1({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': Object.fromEntries(
    [
      'name',
      'generateName',
      'namespace',
      'uid',
      'resourceVersion',
      'generation',
      'creationTimestamp',
      'selfLink',
      'managedFields',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
    ].map((name) => [`f:${name}`, {}]),
  ),
})

const mostUpdates = 10

/** The oldest of too many writers become one. */
function capped(managed: readonly (Managed & { readonly time: string })[]): (Managed & { readonly time: string })[] {
  const updates = managed.filter(({ operation }) => operation === 'Update').sort((a, b) => (a.time < b.time ? -1 : 1))
  const applied = managed.filter(({ operation }) => operation === 'Apply')
  while (updates.length > mostUpdates) {
    const [first, second, ...rest] = updates
    if (first === undefined || second === undefined) break
    const { subresource: _, ...head } = second
    updates.splice(0, updates.length, { ...head, manager: 'ancient-changes', fields: union(first.fields, second.fields) }, ...rest)
  }
  return [...applied, ...updates]
}

function inOrder(a: Managed, b: Managed): number {
  const rank = ({ operation, time = '', manager, apiVersion, subresource = '' }: Managed): string =>
    [operation, time, manager, apiVersion, subresource].join('\n')
  return rank(a) < rank(b) ? -1 : 1
}

function entryOf({ manager, operation, apiVersion, time, fields, subresource }: Managed): ManagedFieldsEntry {
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(fields),
    ...(subresource === undefined || subresource === '' ? {} : { subresource }),
  }
}
