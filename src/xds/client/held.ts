// Holds what a server has given, by part of the snapshot and name: each resource with its version and its bytes.
import { PatchedMap } from '../../base/index.ts'
import type { ReadResource, ResourceKey } from '../resource-type.ts'
import { snapshotParts } from '../resource-type.ts'
import type { Snapshot } from '../snapshot.ts'

export interface Held {
  readonly read: ReadResource
  /** As the server called this resource; empty when it gave a version to whole responses only. */
  readonly version: string
  /** One or the other, for people. */
  readonly shownVersion: string
  readonly body: Uint8Array
  /** When it came, milliseconds since the epoch. */
  readonly updated: number
}

/** `undefined` = gone. */
export type Changes = ReadonlyMap<ResourceKey, ReadonlyMap<string, Held | undefined>>

/** Everything, by name. */
export type HeldByKey = ReadonlyMap<ResourceKey, readonly (readonly [name: string, held: Held])[]>

export const resourceKeys = Object.keys(snapshotParts) as readonly ResourceKey[]

export const emptySnapshot: Snapshot = {
  version: 0,
  listeners: new Map(),
  routes: new Map(),
  clusters: new Map(),
  endpoints: new Map(),
  secrets: new Map(),
  names: new Map(),
  origins: new Map(),
}

export class ChangeSet {
  /** Grows with every change. */
  version = 0
  readonly #changes = new Map<ResourceKey, Map<string, Held | undefined>>()

  get all(): Changes {
    return this.#changes
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  of(key: ResourceKey): ReadonlyMap<string, Held | undefined> | undefined {
    return this.#changes.get(key)
  }

  set(key: ResourceKey, name: string, held: Held | undefined): void {
    this.version++
    const changes = this.#changes.get(key) ?? new Map<string, Held | undefined>()
    this.#changes.set(key, changes.set(name, held))
  }
}

function present(resources: Map<string, unknown>): ReadonlyMap<string, unknown> {
  for (const [name, resource] of resources) if (resource === undefined) resources.delete(name)
  return resources
}

/** The snapshot with these changes; what does not change keeps its identity. */
export function patched(before: Snapshot, changes: Changes): Snapshot {
  const parts: Partial<Record<ResourceKey, ReadonlyMap<string, unknown>>> = {}
  for (const [key, ofKey] of changes) {
    const resources = new Map<string, unknown>()
    for (const [name, held] of ofKey) {
      const resource = held?.read.resource
      if (before[key].get(name) !== resource) resources.set(name, resource)
    }
    if (resources.size > 0) parts[key] = before[key].size === 0 ? present(resources) : PatchedMap.of<unknown>(before[key], resources)
  }
  if (Object.keys(parts).length === 0) return before
  const next = { ...before, ...parts, version: before.version + 1 }
  // Each part was given resources that were read for its own key.
  return next as Snapshot & typeof next
}

/** What is held of one part of the snapshot: what was taken over from another time, and what has changed since. */
export class HeldTable implements Iterable<readonly [string, Held]> {
  readonly #before: ReadonlyMap<string, Held>
  /** `undefined` = gone. */
  readonly #changes = new Map<string, Held | undefined>()

  constructor(before: ReadonlyMap<string, Held> = new Map<string, Held>()) {
    this.#before = before
  }

  get(name: string): Held | undefined {
    return this.#changes.has(name) ? this.#changes.get(name) : this.#before.get(name)
  }

  set(name: string, held: Held | undefined): void {
    if (held === undefined && !this.#before.has(name)) this.#changes.delete(name)
    else this.#changes.set(name, held)
  }

  *[Symbol.iterator](): Iterator<readonly [string, Held]> {
    for (const [name, held] of this.#before) if (!this.#changes.has(name)) yield [name, held]
    for (const [name, held] of this.#changes) if (held !== undefined) yield [name, held]
  }
}
