// Holds a frozen set of resources, found by kind and by name; kinds without a change keep their lists from one set to the next.
import { PatchedMap, patchSorted } from '../base/index.ts'
import { kindNames } from './kinds.ts'
import type { Kind } from './specs.ts'
import type { Governed, Resource, ResourceSet } from './meta.ts'

export interface ResourceSetParts {
  readonly version?: number
  readonly governed?: readonly Governed[]
  /** The set before: its lists are kept where they are still right. */
  readonly previous?: ResourceSet
}

/** Two resources of one kind, namespace and name must not both be given. */
export function createResourceSet(resources: Iterable<Resource>, parts: ResourceSetParts = {}): ResourceSet {
  const byKind = new Map<Kind, Resource[]>()
  for (const resource of resources) {
    const siblings = byKind.get(resource.kind)
    if (siblings) siblings.push(resource)
    else byKind.set(resource.kind, [resource])
  }
  const lists = new Map<Kind, readonly Resource[]>()
  for (const [kind, list] of byKind) lists.set(kind, sortedList(list, parts.previous?.of(kind) ?? noResources))
  return setOf(lists, parts)
}

/** The set with some resources gone and others come; kinds that none of them is of keep their lists. */
export function patchResourceSet(before: ResourceSet, gone: readonly Resource[], added: readonly Resource[]): ResourceSet {
  const stayed = new Set(gone.filter((resource) => added.includes(resource)))
  const left = new Set(gone.filter((resource) => !stayed.has(resource)))
  const come = added.filter((resource) => !stayed.has(resource))
  const touched = new Set([...left, ...come].map(({ kind }) => kind))
  const lists = new Map<Kind, readonly Resource[]>(kindNames.map((kind) => [kind, before.of(kind)] as const))
  for (const kind of touched) {
    const isOfKind = (resource: Resource): boolean => resource.kind === kind
    lists.set(kind, Object.freeze(patchSorted(before.of(kind), { gone: [...left].filter(isOfKind), added: come.filter(isOfKind) }, byAge)))
  }
  const names = namesBySet.get(before)?.()
  const changes = new Map<string, Resource | undefined>([...left].map((resource) => [keyOf(resource), undefined]))
  for (const resource of come) changes.set(keyOf(resource), resource)
  const { governed } = before
  return setOf(lists, { version: before.version + 1, ...(governed && { governed }) }, names && PatchedMap.of(names, changes))
}

/** The resources by name: made when first asked for, and handed on from there. */
const namesBySet = new WeakMap<ResourceSet, () => ReadonlyMap<string, Resource> | undefined>()

function setOf(
  lists: ReadonlyMap<Kind, readonly Resource[]>,
  { version, governed }: ResourceSetParts,
  given?: ReadonlyMap<string, Resource>,
): ResourceSet {
  // Whoever needs no names does not wait for them.
  let names = given
  const byName = (): ReadonlyMap<string, Resource> => (names ??= namesOf(lists.values()))
  const set: ResourceSet = Object.freeze({
    version: version ?? 1,
    of: <K extends Kind>(kind: K) => (lists.get(kind) ?? noResources) as readonly Resource<K>[],
    get: <K extends Kind>(kind: K, namespace: string, name: string) =>
      byName().get(resourceKey(kind, namespace, name)) as Resource<K> | undefined,
    governed: Object.freeze(Array.from(governed ?? [])),
  })
  namesBySet.set(set, () => names)
  return set
}

function keyOf({ kind, meta }: Resource): string {
  return resourceKey(kind, meta.namespace, meta.name)
}

export function resourceKey(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`
}

/** Istio's order where two resources claim the same: the older, then by name, then by namespace. */
export function byAge(a: Resource, b: Resource): number {
  return a.meta.created - b.meta.created || compare(a.meta.name, b.meta.name) || compare(a.meta.namespace, b.meta.namespace)
}

const noResources: readonly Resource[] = Object.freeze([])

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function namesOf(lists: Iterable<readonly Resource[]>): Map<string, Resource> {
  const names = new Map<string, Resource>()
  for (const list of lists) {
    for (const resource of list) names.set(resourceKey(resource.kind, resource.meta.namespace, resource.meta.name), resource)
  }
  return names
}

/** `before` is sorted: what it has in common with `list` need not be sorted again. */
function sortedList(list: Resource[], before: readonly Resource[]): readonly Resource[] {
  const present = new Set(list)
  const kept = before.filter((resource) => present.delete(resource))
  if (present.size === 0 && kept.length === before.length) return before
  return Object.freeze(merge(kept, Array.from(present).sort(byAge)))
}

function merge(kept: readonly Resource[], added: readonly Resource[]): Resource[] {
  const merged: Resource[] = []
  let next = 0
  for (const resource of kept) {
    for (let other = added[next]; other !== undefined && byAge(other, resource) < 0; other = added[++next]) merged.push(other)
    merged.push(resource)
  }
  for (const rest of added.slice(next)) merged.push(rest)
  return merged
}
