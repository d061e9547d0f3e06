// Turns what is held into the bytes of a last-good file and back: for each part of the snapshot what is in it, and then the resources as they came.
import { messageOf } from '../../base/index.ts'
import { decodeResource, type ResourceKey, snapshotParts } from '../resource-type.ts'
import type { Held, HeldByKey } from './held.ts'
import { type Kept, type Section, takeOver } from './kept.ts'
import type { LastGoodContent } from './last-good-file.ts'
import { type OwnReferences, referencesOf } from './references.ts'

/** What a later start should begin with. */
export interface ToKeep {
  readonly held: HeldByKey
  /** All of it is in force, and nothing is missing or waited for. */
  readonly isSettled: boolean
  /** Some resource comes from a control plane that also has names and origins. */
  readonly hasOwnMetadata: boolean
  /** Whose each address of its names is, where that is known. */
  readonly owners: ReadonlyMap<string, string> | undefined
}

export type Restoring =
  /** It is good as it is. */
  | { readonly kept: Kept }
  /** It has to be judged. */
  | { readonly held: readonly Held[] }

/** Resources that are written in one go. */
const most = 256

interface FileHead extends Pick<ToKeep, 'isSettled' | 'hasOwnMetadata'> {
  readonly knowsOwners: boolean
}

interface SectionHead extends Pick<Section, 'key' | 'names' | 'references'> {
  /** In bytes. */
  readonly sizes: readonly number[]
}

/** A head, whose each address is, and for each part of the snapshot a head, the versions, and the resources. Each head has its length in four bytes before it. */
export function* encodeHeld({ held: all, isSettled, hasOwnMetadata, owners }: ToKeep): Generator<Uint8Array> {
  yield block({ isSettled, hasOwnMetadata, knowsOwners: owners !== undefined } satisfies FileHead)
  yield block(owners === undefined ? [] : Array.from(owners).flat())
  for (const [key, held] of all) {
    if (held.length === 0) continue
    const names = held.map(([name]) => name)
    const sizes = held.map(([, { body }]) => body.length)
    const references = key === 'listeners' || key === 'clusters' ? referencesIn(held) : {}
    yield block({ key, names, sizes, references } satisfies SectionHead)
    yield block(held.map(([, { version }]) => version))
    for (let from = 0; from < held.length; from += most) yield Buffer.concat(held.slice(from, from + most).map(([, { body }]) => body))
  }
}

function referencesIn(all: readonly (readonly [string, Held])[]): Section['references'] {
  const found: Record<string, OwnReferences> = {}
  for (const [name, { read }] of all) {
    const references = read.key === 'listeners' || read.key === 'clusters' ? referencesOf(read.resource) : undefined
    if (references !== undefined) found[name] = references
  }
  return found
}

function block(content: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(content))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

/** A text is what is wrong with it: the sums were right, so another program wrote it, or this one has a fault. */
export function decodeHeld({ body, savedAt, isOwn }: LastGoodContent): Restoring | string {
  try {
    const { head, owners, sections } = readSections(body)
    const { isSettled, hasOwnMetadata, knowsOwners } = head
    if (isOwn && isSettled) return { kept: takeOver({ sections, hasOwnMetadata, savedAt, ...(knowsOwners && { owners }) }) }
    return { held: sections.flatMap((section) => readWhole(section, savedAt)) }
  } catch (error) {
    return `what it holds cannot be read: ${messageOf(error)}`
  }
}

function readWhole({ key, names, starts, body, versions }: Section, savedAt: number): Held[] {
  return names.map((_name, i) => {
    const value = body.subarray(starts[i], starts[i + 1])
    const version = versions()[i] ?? ''
    return { read: decodeResource(snapshotParts[key].typeUrl, value), version, shownVersion: version, body: value, updated: savedAt }
  })
}

function readSections(body: Buffer): {
  readonly head: FileHead
  readonly owners: () => ReadonlyMap<string, string>
  readonly sections: readonly Section[]
} {
  const reader = new BlockReader(body)
  const head = reader.next(isFileHead)
  const owners = reader.later()
  const sections: Section[] = []
  while (!reader.isAtEnd) sections.push(reader.section())
  return { head, sections, owners: () => pairs(owners()) }
}

function pairs(all: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  for (let i = 0; i < all.length; i += 2) map.set(all[i] ?? '', all[i + 1] ?? '')
  return map
}

class BlockReader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get isAtEnd(): boolean {
    return this.#at === this.#body.length
  }

  next<T>(is: (value: unknown) => value is T): T {
    return parse(this.#block(), is)
  }

  section(): Section {
    const { key, names, sizes, references } = this.next(isSectionHead)
    const versions = this.later()
    const starts = [this.#at]
    for (const size of sizes) starts.push((this.#at += size))
    if (this.#at > this.#body.length) throw new RangeError('a resource is longer than the file')
    return { key, names, starts, references, body: this.#body, versions }
  }

  /** Texts that are read when they are asked for. */
  later(): () => readonly string[] {
    const text = this.#block()
    let known: readonly string[] | undefined
    return () => (known ??= parse(text, isTexts))
  }

  #block(): Buffer {
    const start = this.#at + 4
    this.#at = start + this.#body.readUInt32BE(this.#at)
    if (this.#at > this.#body.length) throw new RangeError('a block is longer than the file')
    return this.#body.subarray(start, this.#at)
  }
}

function parse<T>(text: Buffer, is: (value: unknown) => value is T): T {
  const value: unknown = JSON.parse(text.toString('utf8'))
  if (!is(value)) throw new TypeError('a block says something else than it should')
  return value
}

function isFileHead(value: unknown): value is FileHead {
  return ['isSettled', 'hasOwnMetadata', 'knowsOwners'].every((name) => has(value, name, 'boolean'))
}

function isSectionHead(value: unknown): value is SectionHead {
  if (!has(value, 'key', 'string') || !has(value, 'references', 'object')) return false
  const { key, names, sizes } = value as { readonly key: string; readonly names?: unknown; readonly sizes?: unknown }
  return isKey(key) && isTexts(names) && Array.isArray(sizes) && sizes.length === names.length && sizes.every(Number.isSafeInteger)
}

function isKey(key: string): key is ResourceKey {
  return Object.hasOwn(snapshotParts, key)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

function has(value: unknown, name: string, type: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === type
}
