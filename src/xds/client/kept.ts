// Takes over what a last good file holds of a configuration that was whole and in force: nothing of it is judged again, and each resource is read when somebody first asks for it.
import { emptySnapshot, type Held } from './held.ts'
import { decodeLazily } from '../decode-lazily.ts'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import { decodeResource, type ReadResource, type ResourceKey, snapshotParts } from '../resource-type.ts'
import type { Snapshot } from '../snapshot.ts'
import { LazyMap } from './lazy-map.ts'
import { readListenerLater, readRoutesLater } from './parts-later.ts'
import { type OwnReferences, type References, rememberReferences } from './references.ts'

/** What is in force from the beginning. */
export interface TakenOver {
  readonly snapshot: Snapshot
  /** Whose each address of its names is, where that is known. */
  readonly owners?: () => ReadonlyMap<string, string>
}

export interface Kept extends TakenOver {
  readonly held: ReadonlyMap<ResourceKey, ReadonlyMap<string, Held>>
  readonly references: References
  /** What is held of a resource of the snapshot. */
  heldOf(resource: object): Held | undefined
}

/** The resources of one part of the snapshot, in the order of the file. */
export interface Section {
  readonly key: ResourceKey
  readonly names: readonly string[]
  /** Where each begins in the body, and at last where the section ends. */
  readonly starts: readonly number[]
  readonly body: Buffer
  readonly versions: () => readonly string[]
  /** Of those that name others. */
  readonly references: Readonly<Record<string, OwnReferences>>
}

export interface KeptParts extends Pick<TakenOver, 'owners'> {
  readonly sections: readonly Section[]
  readonly hasOwnMetadata: boolean
  /** Milliseconds since the epoch. */
  readonly savedAt: number
}

export function takeOver({ sections, hasOwnMetadata, savedAt, owners: addressOwners }: KeptParts): Kept {
  const held = new Map<ResourceKey, ReadonlyMap<string, Held>>()
  const owners = new WeakMap<object, Held>()
  const parts: Partial<Record<ResourceKey, ReadonlyMap<string, unknown>>> = {}
  for (const section of sections) {
    const { key, names } = section
    const places = new Map<string, number>()
    for (let i = 0; i < names.length; i++) places.set(names[i] ?? '', i)
    const ofKey = new LazyMap<KeptHeld>(places, (place, name) => new KeptHeld({ section, place, name, savedAt, owners }))
    held.set(key, ofKey)
    parts[key] = new LazyMap<object>(places, (_place, name) => ofKey.get(name)?.read.resource ?? {})
  }
  const all = sections.flatMap(({ references }) => Object.values(references))
  const together = (what: keyof OwnReferences): ReadonlySet<string> => new Set(all.flatMap((one) => one[what] ?? []))
  const next = { ...emptySnapshot, ...parts, version: 1 }
  return {
    held,
    // Each part is made of resources that are read for its own key.
    snapshot: next as Snapshot & typeof next,
    references: { routes: together('routes'), endpoints: together('endpoints'), secrets: together('secrets'), hasOwnMetadata },
    heldOf: (resource) => owners.get(resource),
    ...(addressOwners && { owners: addressOwners }),
  }
}

interface Place {
  readonly section: Section
  readonly place: number
  readonly name: string
  readonly savedAt: number
  readonly owners: WeakMap<object, Held>
}

class KeptHeld implements Held {
  readonly #at: Place
  #read: ReadResource | undefined

  constructor(at: Place) {
    this.#at = at
  }

  get read(): ReadResource {
    if (this.#read !== undefined) return this.#read
    const { section, name, owners } = this.#at
    this.#read = readLater(section.key, name, this.body)
    const { resource } = this.#read
    owners.set(resource, this)
    const references = Object.hasOwn(section.references, name) ? section.references[name] : undefined
    if (references !== undefined) rememberReferences(resource, references)
    return this.#read
  }

  get version(): string {
    return this.#at.section.versions()[this.#at.place] ?? ''
  }

  get shownVersion(): string {
    return this.version
  }

  get body(): Buffer {
    const { section, place } = this.#at
    return section.body.subarray(section.starts[place], section.starts[place + 1])
  }

  get updated(): number {
    return this.#at.savedAt
  }
}

function readLater(key: ResourceKey, name: string, body: Buffer): ReadResource {
  switch (key) {
    case 'listeners':
      return { key, name, resource: readListenerLater(body) }
    case 'routes':
      return { key, name, resource: readRoutesLater(body) }
    case 'clusters':
      return { key, name, resource: decodeLazily(ClusterSchema, body) }
    default:
      return decodeResource(snapshotParts[key].typeUrl, body)
  }
}
