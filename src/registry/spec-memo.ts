// Remembers what was made of a resource, so that an unchanged one is not worked through again and keeps the identity of its results.
import type { Kind, Resource } from '../api/index.ts'

/**
 * Keyed by the spec object, and by the hash of the document, so that a document that only moved (new place, same words) is the same.
 * `variant` names the other inputs that the result depends on.
 */
export class SpecMemo<K extends Kind, V> {
  readonly #known = new WeakMap<object, { readonly hash: string; readonly variant: string; readonly value: V }>()

  get(resource: Resource<K>, variant: string, make: () => V): V {
    const known = this.#known.get(resource.spec)
    if (known !== undefined && known.hash === resource.hash && known.variant === variant) return known.value
    const value = make()
    this.#known.set(resource.spec, { hash: resource.hash, variant, value })
    return value
  }
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
