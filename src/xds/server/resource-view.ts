// Holds what one kind of node should have, and what of it changed when, for all streams of such nodes.
import type { Steps } from '../../base/index.ts'
import { ChangeLog, type ResourceChange } from './change-log.ts'
import { type EncodedResource, SetVersion } from './encoded-resource.ts'
import type { Snapshot } from '../snapshot.ts'
import { changedNames, type TypedResources, typedResources } from './typed-resources.ts'
import type { TypeUrl } from '../type-urls.ts'

/** A stream: told when there is something new, and asked how far it has come. */
export interface Follower {
  changed(): void
  /** The generation up to which it knows the resources of a type; undefined: it does not ask for them. */
  generationOf(typeUrl: TypeUrl): number | undefined
}

export class ResourceView {
  #snapshot: Snapshot | undefined
  #generation = 0
  readonly #types = new Map<TypeUrl, TypeView>()
  readonly #followers = new Set<Follower>()

  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  get followers(): number {
    return this.#followers.size
  }

  /** A type is followed from the moment when somebody asks for it: places and secrets of declarations that nobody reads cost nothing. */
  type(typeUrl: TypeUrl): TypeView | undefined {
    const snapshot = this.#snapshot
    if (snapshot === undefined) return undefined
    let type = this.#types.get(typeUrl)
    if (type === undefined) {
      type = new TypeView(typeUrl, typedResources(typeUrl, snapshot), this.#generation)
      this.#types.set(typeUrl, type)
    }
    return type
  }

  follow(follower: Follower): () => void {
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
    }
  }

  /** All types change in the same moment, at the end. Only one may be under way. */
  *publishing(snapshot: Snapshot): Steps<void> {
    const before = this.#snapshot
    const types = Array.from(this.#types.values())
    const changes = new Map<TypeView, readonly ResourceChange[]>()
    if (before !== undefined) for (const type of types) changes.set(type, yield* differing(type, before, snapshot))
    // Whoever asked for a type meanwhile has seen the old snapshot.
    for (const type of this.#types.values())
      if (before !== undefined && !changes.has(type)) changes.set(type, yield* differing(type, before, snapshot))
    const isNews = before === undefined || Array.from(changes.values()).some((list) => list.length > 0)
    this.#snapshot = snapshot
    if (isNews) this.#generation++
    for (const [type, list] of changes) type.move(this.#generation, typedResources(type.typeUrl, snapshot), list)
    this.#forget()
    if (isNews) for (const follower of Array.from(this.#followers)) follower.changed()
  }

  #forget(): void {
    for (const type of this.#types.values()) {
      let oldest = this.#generation
      for (const follower of this.#followers) oldest = Math.min(oldest, follower.generationOf(type.typeUrl) ?? oldest)
      type.log.forget(oldest)
    }
  }
}

/** Equal content is no change, also when it is another object. */
function* differing(type: TypeView, before: Snapshot, now: Snapshot): Steps<readonly ResourceChange[]> {
  const resources = typedResources(type.typeUrl, now)
  const changes: ResourceChange[] = []
  for (const name of changedNames(type.typeUrl, before, now)) {
    for (const _step of resources.preparing(name)) yield
    const was = type.resources.get(name)
    if (was?.version !== resources.get(name)?.version) changes.push({ name, before: was })
    yield
  }
  return changes
}

/** The resources of one type. */
export class TypeView {
  readonly typeUrl: TypeUrl
  readonly log: ChangeLog
  #resources: TypedResources
  #generation: number
  /** Of what is encoded: of everything, once nothing is left to encode. */
  #version = new SetVersion()
  #toEncode: Iterator<void> | undefined

  constructor(typeUrl: TypeUrl, resources: TypedResources, generation: number) {
    this.typeUrl = typeUrl
    this.#resources = resources
    this.#generation = generation
    this.log = new ChangeLog(generation)
    this.#toEncode = this.#encoding()
  }

  get generation(): number {
    return this.#generation
  }

  get resources(): TypedResources {
    return this.#resources
  }

  /** Of all resources together; nothing as long as they are not all encoded. */
  get version(): string {
    return this.#toEncode === undefined ? this.#version.toString() : ''
  }

  /** Encodes until the time is over; says whether everything is. */
  encode(isOver: () => boolean): boolean {
    while (this.#toEncode !== undefined) {
      if (this.#toEncode.next().done === true) this.#toEncode = undefined
      else if (isOver()) return false
    }
    return true
  }

  move(generation: number, resources: TypedResources, changes: readonly ResourceChange[]): void {
    this.#resources = resources
    this.#generation = generation
    this.log.append(generation, changes)
    if (this.#toEncode !== undefined) this.#startAgain()
    else for (const { name, before } of changes) this.#exchange(before, resources.get(name))
  }

  get(name: string): EncodedResource | undefined {
    return this.#resources.get(name)
  }

  /** What is encoded already is passed quickly. */
  #startAgain(): void {
    this.#version = new SetVersion()
    this.#toEncode = this.#encoding()
  }

  *#encoding(): Iterator<void> {
    const resources = this.#resources
    for (const name of resources.names()) {
      yield* resources.preparing(name)
      const resource = resources.get(name)
      if (resource !== undefined) this.#version.add(resource)
      yield
    }
  }

  #exchange(before: EncodedResource | undefined, now: EncodedResource | undefined): void {
    if (before !== undefined) this.#version.remove(before)
    if (now !== undefined) this.#version.add(now)
  }
}
