// A map that differs from an earlier one in few entries, without copying the many others.

import { changedStretch } from './changed-stretch.ts'
import type { Steps } from './slices.ts'

/** Overlays that grow beyond this are written down, so that looking up stays cheap. */
const most = 256
/** So many parts are looked at before others get their turn. */
const STEP = 256

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
    if (changes.size > most) return writtenDown(before, changes)
    if (!(before instanceof PatchedMap)) return new PatchedMap(before, changes)
    const patch = new Map(before.#patch)
    for (const [key, value] of changes) patch.set(key, value)
    return patch.size > most ? writtenDown(before.#base, patch) : new PatchedMap<V>(before.#base, patch)
  }

  /** The keys under which two maps may differ; undefined when that takes comparing them whole. */
  static changedKeys<V>(before: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): Iterable<string> | undefined {
    if (before === now) return []
    const [oldBase, oldPatch] = before instanceof PatchedMap ? [before.#base, before.#patch] : [before, undefined]
    if (!(now instanceof PatchedMap) || now.#base !== oldBase) return undefined
    return oldPatch === undefined ? now.#patch.keys() : new Set([...oldPatch.keys(), ...now.#patch.keys()])
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

/** In the order that the overlay has: what was patched stands last. */
function writtenDown<V>(base: ReadonlyMap<string, V>, patch: ReadonlyMap<string, V | undefined>): ReadonlyMap<string, V> {
  const map = new Map(base)
  for (const [key, value] of patch) {
    map.delete(key)
    if (value !== undefined) map.set(key, value)
  }
  return map
}

export interface MapChange<V> {
  readonly key: string
  readonly before: V | undefined
  readonly now: V | undefined
}

/** What differs between two maps. Costs as much as there are differences when one was made from the other by patching. */
export function changesBetween<V>(before: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): MapChange<V>[] {
  const changes: MapChange<V>[] = []
  const note = (key: string): void => {
    const change = { key, before: before.get(key), now: now.get(key) }
    if (change.before !== change.now) changes.push(change)
  }
  const keys = PatchedMap.changedKeys(before, now)
  if (keys !== undefined) {
    for (const key of keys) note(key)
    return changes
  }
  for (const key of before.keys()) if (!now.has(key)) note(key)
  for (const key of now.keys()) note(key)
  return changes
}

/** Parts of a list, and the map that all of their entries make, after some that are always there. No key belongs to two parts. */
export interface PartMap<P extends object, V> {
  readonly fixed: readonly (readonly [string, V])[]
  readonly parts: readonly P[]
  readonly map: ReadonlyMap<string, V>
}

/** The map of `parts`, made from that of an earlier list of nearly the same parts. */
export function* followParts<P extends object, V>(
  before: PartMap<P, V>,
  { fixed, parts }: Pick<PartMap<P, V>, 'fixed' | 'parts'>,
  entriesOf: (part: P) => readonly (readonly [string, V])[],
): Steps<PartMap<P, V>> {
  const { start, beforeEnd, nowEnd } = changedStretch(before.parts, parts)
  const gone = before.parts.slice(start, beforeEnd)
  const added = parts.slice(start, nowEnd)
  if (fixed !== before.fixed || gone.length + added.length > most) {
    const map = new Map(fixed)
    for (const [i, part] of parts.entries()) {
      if (i % STEP === STEP - 1) yield
      for (const [key, value] of entriesOf(part)) map.set(key, value)
    }
    return { fixed, parts, map }
  }
  const changes = new Map<string, V | undefined>()
  for (const part of gone) for (const [key] of entriesOf(part)) changes.set(key, undefined)
  for (const part of added) for (const [key, value] of entriesOf(part)) changes.set(key, value)
  return { fixed, parts, map: PatchedMap.of(before.map, changes) }
}
