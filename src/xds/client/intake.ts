// Takes in what a server sends: reads it, compares it with what is held, and keeps book of what of it is still to be judged, answered and told as known.
import type { DescMessage } from '@bufbuild/protobuf'
import { messageOf } from '../../base/index.ts'
import { keyOfName, partsOf, type ResourceKey, snapshotParts } from '../resource-type.ts'
import type { Snapshot } from '../snapshot.ts'
import { allDescriptors } from '../gen/descriptors.js'
import { ChangeSet, emptySnapshot, type Held, type HeldByKey, HeldTable, patched, resourceKeys } from './held.ts'
import type { Kept } from './kept.ts'
import { hasOnlyKnownFields } from './known-fields.ts'
import { nameInside } from './name-inside.ts'
import type { Interest, Known, Received, ReceivedResource } from './protocol.ts'
import { readSharing, readWhole, type SharedRead } from './shared-parts.ts'
import { findUnknownFields } from './unknown-fields.ts'

/** Larger resources are not read: one of them would stop traffic for as long as reading it takes. */
export const mostResourceBytes = 32 * 1024 * 1024

/** Why a resource is not carried out. */
export interface Failure {
  readonly key: ResourceKey
  readonly name: string
  readonly version: string
  readonly details: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Of a resource that is or was good. */
export interface ResourceState {
  readonly version: string
  /** When it came, milliseconds since the epoch. */
  readonly updated: number
}

/** A response that waits for its answer. */
export interface Answer {
  readonly received: Received
  /** What is wrong with it. */
  readonly problem?: string
}

/** What is to be judged together. */
export interface Batch {
  readonly good: Snapshot
  readonly offered: Snapshot
}

export interface Refusal {
  readonly key: ResourceKey
  readonly name: string
  readonly text: string
}

interface Response {
  readonly received: Received
  readonly problems: string[]
  readonly carried: readonly { readonly key: ResourceKey; readonly name: string; readonly held: Held }[]
}

export interface IntakeOptions {
  readonly interestIn: (typeUrl: string) => Interest | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** What was in force at another time, and is good. */
  readonly kept?: Kept
}

export class Intake implements Known {
  readonly #options: IntakeOptions
  /** What was judged good. */
  readonly #held: ReadonlyMap<ResourceKey, HeldTable>
  readonly #kept: Kept | undefined
  /** Listeners that never were good, by name: whoever starts with what is held has to refuse what they were to take. */
  readonly #neverGood = new Map<string, Held>()
  #good: Snapshot = emptySnapshot
  #judged: ChangeSet | undefined
  #judgedResponses: readonly Response[] = []
  /** What is being judged. */
  #offered: Snapshot = emptySnapshot
  #pending = new ChangeSet()
  /** As it was looked at last. */
  #newest = { pending: this.#pending, version: 0, snapshot: emptySnapshot }
  #responses: Response[] = []
  readonly #failures = new Map<string, Failure>()
  readonly #states = new WeakMap<object, ResourceState>()

  constructor(options: IntakeOptions) {
    const { kept } = options
    this.#options = options
    this.#kept = kept
    this.#held = new Map(resourceKeys.map((key) => [key, new HeldTable(kept?.held.get(key))]))
    if (kept === undefined) return
    this.#good = kept.snapshot
    this.#newest = { pending: this.#pending, version: this.#pending.version, snapshot: kept.snapshot }
  }

  /** Responses without an answer, those under judgement among them. */
  get unanswered(): number {
    return this.#responses.length + this.#judgedResponses.length
  }

  get hasNews(): boolean {
    return this.#responses.length > 0 || !this.#pending.isEmpty
  }

  /** Every listener that was ever sent has been good in some version. */
  get isGood(): boolean {
    return this.#neverGood.size === 0
  }

  get failures(): Iterable<Failure> {
    return this.#failures.values()
  }

  stateOf(resource: object): ResourceState | undefined {
    const kept = this.#kept?.heldOf(resource)
    return this.#states.get(resource) ?? (kept && { version: kept.shownVersion, updated: kept.updated })
  }

  /** What a later start should begin with. */
  toKeep(): HeldByKey {
    // Private keys are in memory alone.
    const keys = resourceKeys.filter((key) => key !== 'secrets')
    return new Map(keys.map((key) => [key, [...(this.#held.get(key) ?? []), ...(key === 'listeners' ? this.#neverGood : [])]]))
  }

  /** All that has come, whatever becomes of it. */
  get newest(): Snapshot {
    const { pending, version, snapshot } = this.#newest
    if (pending === this.#pending && version === pending.version) return snapshot
    const base = this.#judged === undefined ? this.#good : this.#offered
    const now = patched(base, this.#pending.all)
    this.#newest = { pending: this.#pending, version: this.#pending.version, snapshot: now }
    return now
  }

  versionsOf(typeUrl: string): ReadonlyMap<string, string> {
    const versions = new Map<string, string>()
    for (const { key, prefix } of partsOf(typeUrl)) {
      for (const [name, { version }] of this.#held.get(key) ?? []) if (version !== '') versions.set(prefix + name, version)
    }
    return versions
  }

  /** What was kept from another time. */
  restore(key: ResourceKey, held: Held): void {
    this.#pending.set(key, held.read.name, held)
  }

  take(received: Received): void {
    const problems = this.#options.interestIn(received.typeUrl) === undefined ? [`nobody asked for ${received.typeUrl}`] : []
    const carried: Response['carried'][number][] = []
    const seen = new Set(received.unchanged)
    let isNameless = false
    for (const resource of received.resources) {
      const read = this.#read(resource, received)
      if (typeof read === 'string') {
        problems.push(read)
        const name = resource.name || nameInside(resource.body)
        if (name === undefined || name === '') isNameless = true
        else this.#noteUnread({ resource, name, received, text: read, seen })
        continue
      }
      const { key, name } = read.read
      const wireName = snapshotParts[key].prefix + name
      if (!this.#isWanted(received.typeUrl, wireName)) continue
      if (seen.has(wireName)) {
        problems.push(`${wireName}: the response has it twice`)
        continue
      }
      seen.add(wireName)
      this.#pending.set(key, name, read)
      carried.push({ key, name, held: read })
    }
    for (const wireName of received.removed) this.#remove(received.typeUrl, wireName)
    // What could not even be named might be what seems to be missing.
    if (received.isWhole && !isNameless) this.#removeOthers(received.typeUrl, seen)
    this.#responses.push({ received, problems, carried })
  }

  /** Lets go of what nobody is interested in any more. */
  forget(): void {
    for (const key of resourceKeys) {
      const { typeUrl, prefix } = snapshotParts[key]
      if (this.#options.interestIn(typeUrl)?.isWildcard === true) continue
      for (const name of this.newest[key].keys()) if (!this.#isWanted(typeUrl, prefix + name)) this.#pending.set(key, name, undefined)
    }
  }

  /** Begins to judge what has come since; what comes meanwhile is judged next. */
  begin(): Batch {
    this.#offered = this.newest
    this.#judged = this.#pending
    this.#judgedResponses = this.#responses
    this.#pending = new ChangeSet()
    this.#responses = []
    return { good: this.#good, offered: this.#offered }
  }

  /** `good` is what of the offer may go on being offered. */
  end(good: Snapshot, refusals: readonly Refusal[]): readonly Answer[] {
    const refused = new Map<string, string[]>()
    for (const { key, name, text } of refusals) {
      const place = `${key} ${name}`
      refused.set(place, [...(refused.get(place) ?? []), text])
    }
    for (const [key, changes] of this.#judged?.all ?? []) {
      for (const [name, held] of changes) {
        const texts = refused.size === 0 ? undefined : refused.get(`${key} ${name}`)
        this.#settle({ key, name, held, texts })
      }
    }
    this.#good = good
    const answers = this.#judgedResponses.map(({ received, problems, carried }): Answer => {
      const all = [...problems, ...carried.flatMap(({ key, name }) => refused.get(`${key} ${name}`) ?? [])]
      return { received, ...(all.length > 0 && { problem: all.join('\n') }) }
    })
    this.#overWithJudging()
    return answers
  }

  #overWithJudging(): void {
    this.#judged = undefined
    this.#judgedResponses = []
    // It was made from what was offered, of which not all is good.
    this.#newest = { pending: this.#pending, version: -1, snapshot: emptySnapshot }
  }

  /** Nothing of what is being judged counts. */
  abandon(problem: string): readonly Answer[] {
    const answers = this.#judgedResponses.map(({ received }) => ({ received, problem }))
    this.#overWithJudging()
    return answers
  }

  #settle({
    key,
    name,
    held,
    texts,
  }: {
    key: ResourceKey
    name: string
    held: Held | undefined
    texts: readonly string[] | undefined
  }): void {
    const all = this.#held.get(key)
    if (texts === undefined) {
      // Mostly there are none, and tens of thousands of names.
      if (this.#failures.size > 0) this.#failures.delete(`${key} ${name}`)
      if (key === 'listeners') this.#neverGood.delete(name)
      all?.set(name, held)
      if (held !== undefined) this.#states.set(held.read.resource, { version: held.shownVersion, updated: held.updated })
      return
    }
    if (held === undefined) return
    this.#failures.set(`${key} ${name}`, { key, name, version: held.shownVersion, details: texts.join('\n'), at: this.#options.now() })
    if (key === 'listeners' && all?.get(name) === undefined) this.#neverGood.set(name, withVersion(held, '', held.shownVersion))
  }

  #noteUnread(unread: { resource: ReceivedResource; name: string; received: Received; text: string; seen: Set<string> }): void {
    const { resource, name, received, text, seen } = unread
    seen.add(name)
    const found = keyOfName(received.typeUrl, name)
    if (found === undefined) return
    const version = resource.version || received.version
    this.#failures.set(`${found.key} ${found.name}`, { ...found, version, details: text, at: this.#options.now() })
  }

  #read(resource: ReceivedResource, { typeUrl, version: whole }: Received): Held | string {
    const { version } = resource
    const shownVersion = version || whole
    const label = resource.name || nameInside(resource.body) || 'a resource'
    if (resource.typeUrl !== typeUrl) return `${label}: it is a ${resource.typeUrl} in a response of ${typeUrl}`
    if (resource.body.length > mostResourceBytes) {
      return `${label}: it has ${resource.body.length} bytes, and more than ${mostResourceBytes} are not read`
    }
    const before = this.#latest(typeUrl, label)
    if (before !== undefined && isSame(before.body, resource.body)) return withVersion(before, version, shownVersion)
    try {
      const { read, fresh } = readResource(typeUrl, resource.body, before)
      const wireName = snapshotParts[read.key].prefix + read.name
      if (read.name === '') return `${label}: it has no name`
      if (resource.name !== '' && resource.name !== wireName) return `${label}: inside it is called ${wireName}`
      const unknown = fresh.every(({ schema, bytes }) => hasOnlyKnownFields(schema, bytes)) ? [] : unknownFields(typeUrl, resource.body)
      if (unknown.length > 0) return unknown.map((field) => `${label}: ${field}: nobody here knows this field`).join('\n')
      return { read, version, shownVersion, body: resource.body, updated: this.#options.now() }
    } catch (error) {
      return `${label}: it cannot be read: ${messageOf(error)}`
    }
  }

  #latest(typeUrl: string, wireName: string): Held | undefined {
    const found = keyOfName(typeUrl, wireName)
    if (found === undefined) return undefined
    for (const changes of [this.#pending, this.#judged]) {
      const ofKey = changes?.of(found.key)
      if (ofKey?.has(found.name)) return ofKey.get(found.name)
    }
    return this.#held.get(found.key)?.get(found.name)
  }

  #isWanted(typeUrl: string, wireName: string): boolean {
    const interest = this.#options.interestIn(typeUrl)
    return interest !== undefined && (interest.isWildcard || interest.names.has(wireName))
  }

  #remove(typeUrl: string, wireName: string): void {
    const found = keyOfName(typeUrl, wireName)
    if (found !== undefined) this.#pending.set(found.key, found.name, undefined)
  }

  #removeOthers(typeUrl: string, seen: ReadonlySet<string>): void {
    const { newest } = this
    for (const { key, prefix } of partsOf(typeUrl)) {
      for (const name of [...newest[key].keys(), ...this.#refusedOf(key)])
        if (!seen.has(prefix + name)) this.#pending.set(key, name, undefined)
    }
  }

  /** What was never good is not held, and yet there is something to forget. */
  #refusedOf(key: ResourceKey): readonly string[] {
    const failed = Array.from(this.#failures.values()).filter((failure) => failure.key === key)
    return [...failed.map(({ name }) => name), ...(key === 'listeners' ? this.#neverGood.keys() : [])]
  }
}

function withVersion({ read, body, updated }: Held, version: string, shownVersion: string): Held {
  return { read, body, updated, version, shownVersion }
}

function readResource(typeUrl: string, body: Uint8Array, before: Held | undefined): SharedRead {
  const shared = before && readSharing(typeUrl, body, before)
  return shared ?? readWhole(typeUrl, body, schemaOf(typeUrl))
}

function unknownFields(typeUrl: string, body: Uint8Array): readonly string[] {
  return findUnknownFields(schemaOf(typeUrl), body)
}

function schemaOf(typeUrl: string): DescMessage {
  const schema = allDescriptors.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  if (schema === undefined) throw new Error(`nobody here knows what ${typeUrl} is`)
  return schema
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
