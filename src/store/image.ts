// The objects of a store in memory: each by its name, and each resource as a sorted list that is made when it is asked for.
import { patchSorted } from '../base/index.ts'
import type { Change, ObjectKey, Stored } from './object-store.ts'

export class Image {
  readonly #resources = new Map<string, ResourceImage>()

  get(key: ObjectKey): Stored | undefined {
    return this.#resources.get(key.resource)?.objects.get(nameOf(key))
  }

  /** By namespace and name; the same list as long as nothing has changed. */
  sorted(resource: string): readonly Stored[] {
    return this.#resources.get(resource)?.sorted() ?? nothing
  }

  count(resource: string): number {
    return this.#resources.get(resource)?.objects.size ?? 0
  }

  *all(): Iterable<Stored> {
    for (const { objects } of this.#resources.values()) yield* objects.values()
  }

  apply({ key, before, after }: Pick<Change, 'key' | 'before' | 'after'>): void {
    let resource = this.#resources.get(key.resource)
    if (resource === undefined) {
      resource = new ResourceImage()
      this.#resources.set(key.resource, resource)
    }
    resource.apply(nameOf(key), before, after)
  }
}

/** By namespace, then by name, as bytes would be compared. */
export function byName(a: Stored, b: Stored): number {
  return compare(a.key.namespace, b.key.namespace) || compare(a.key.name, b.key.name)
}

export function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

class ResourceImage {
  readonly objects = new Map<string, Stored>()
  #list: readonly Stored[] = nothing
  readonly #gone = new Set<Stored>()
  readonly #added = new Set<Stored>()

  apply(name: string, before: Stored | undefined, after: Stored | undefined): void {
    if (after === undefined) this.objects.delete(name)
    else this.objects.set(name, after)
    // What came since the list was made is not in it.
    if (before !== undefined && !this.#added.delete(before)) this.#gone.add(before)
    if (after !== undefined) this.#added.add(after)
  }

  sorted(): readonly Stored[] {
    if (this.#gone.size + this.#added.size === 0) return this.#list
    this.#list = patchSorted(this.#list, { gone: [...this.#gone], added: [...this.#added] }, byName)
    this.#gone.clear()
    this.#added.clear()
    return this.#list
  }
}

const nothing: readonly Stored[] = Object.freeze([])

function nameOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`
}
