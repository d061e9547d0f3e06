// A map that differs from an earlier one in few entries, without copying the many others.

import { changedStretch } from './memo.ts'

/** Overlays that grow beyond this are written down, so that looking up stays cheap. */
const most = 256

export class PatchedMap<V> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>
  /** `undefined` = gone. */
  readonly #patch: ReadonlyMap<string, V | undefined>
  readonly size: number

  private constructor(base: ReadonlyMap<string, V>, patch: ReadonlyMap<string, V | undefined>) {
    this.#base = base
    this.#patch = patch
    let size = base.size
    for (const [key, value] of patch) size += (value === undefined ? 0 : 1) - (base.has(key) ? 1 : 0)
    this.size = size
  }

  static of<V>(before: ReadonlyMap<string, V>, changes: ReadonlyMap<string, V | undefined>): ReadonlyMap<string, V> {
    if (changes.size === 0) return before
    if (!(before instanceof PatchedMap)) return new PatchedMap(before, changes)
    const patch = new Map([...before.#patch, ...changes])
    const next = new PatchedMap<V>(before.#base, patch)
    return patch.size > most ? new Map(next) : next
  }

  get(key: string): V | undefined {
    return this.#patch.has(key) ? this.#patch.get(key) : this.#base.get(key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  *entries(): MapIterator<[string, V]> {
    for (const entry of this.#base) if (!this.#patch.has(entry[0])) yield entry
    for (const [key, value] of this.#patch) if (value !== undefined) yield [key, value]
    return undefined
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key
    return undefined
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value
    return undefined
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  forEach(act: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) act(value, key, this)
  }
}

/** Parts of a list, and the map that all of their entries make. No key belongs to two parts. */
export interface PartMap<P extends object, V> {
  readonly parts: readonly P[]
  readonly map: ReadonlyMap<string, V>
}

/** The map of `parts`, made from that of an earlier list of nearly the same parts. */
export function followParts<P extends object, V>(
  before: PartMap<P, V>,
  parts: readonly P[],
  entriesOf: (part: P) => readonly (readonly [string, V])[],
): PartMap<P, V> {
  const { start, beforeEnd, nowEnd } = changedStretch(before.parts, parts)
  const gone = before.parts.slice(start, beforeEnd)
  const added = parts.slice(start, nowEnd)
  if (gone.length + added.length > most) return { parts, map: new Map(parts.flatMap(entriesOf)) }
  const changes = new Map<string, V | undefined>()
  for (const part of gone) for (const [key] of entriesOf(part)) changes.set(key, undefined)
  for (const part of added) for (const [key, value] of entriesOf(part)) changes.set(key, value)
  return { parts, map: PatchedMap.of(before.map, changes) }
}
