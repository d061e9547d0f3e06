// Keeps the configuration up to date that stands in objects of an API: each is read once for its version, as a document of a file would be.
import { type Clock, inSlices, type Steps, systemClock, type Timer, Watchable } from '../base/index.ts'
import { type Assembly, assemble, type LoadedFile } from './assembly.ts'
import { type DeclaredObject, loadObject } from './declared-object.ts'
import { type ConfigSnapshot, type ReadOptions, snapshotOf } from './read-sources.ts'
import { sameSnapshot } from './same-snapshot.ts'
import type { Store } from './store.ts'

export interface DeclaredObjects {
  /** In an order that does not change by itself. */
  all(): readonly DeclaredObject[]
  /** Calls the listener when something has changed. */
  watch(listener: () => void): () => void
}

export interface ObjectSourceOptions extends ReadOptions {
  readonly clock?: Clock
  /** Changes are awaited until they have been quiet for so long, */
  readonly quietMs: number
  /** but not longer than so. */
  readonly longestWaitMs: number
}

/** Reads what is declared, and goes on reading it as it changes. */
export function createObjectSource(objects: DeclaredObjects, options: ObjectSourceOptions): Store {
  return new ObjectSource(objects, options)
}

/** The same, where others have their turns while much is read. */
export function openObjectSource(objects: DeclaredObjects, options: ObjectSourceOptions): Promise<Store> {
  return new Promise((resolve, reject) => {
    const done = (files: Files): void => resolve(new ObjectSource(objects, options, files))
    inSlices(reading(objects, options), { done, failed: reject })
  })
}

type Files = ReadonlyMap<DeclaredObject, LoadedFile>

function* reading(objects: DeclaredObjects, { defaultNamespace }: ObjectSourceOptions): Steps<Files> {
  const files = new Map<DeclaredObject, LoadedFile>()
  for (const object of objects.all()) {
    files.set(object, loadObject(object, defaultNamespace))
    yield
  }
  return files
}

class ObjectSource implements Store {
  readonly snapshot: Watchable<ConfigSnapshot>
  readonly #objects: DeclaredObjects
  readonly #options: ObjectSourceOptions
  readonly #clock: Clock
  readonly #stop: () => void
  /** Of what there is: others may keep versions that have gone for long, and what was read of one is many times as large. */
  #files: Files
  #assembly: Assembly | undefined
  #quiet: Timer | undefined
  #firstNotice = 0

  constructor(objects: DeclaredObjects, options: ObjectSourceOptions, files: Files = new Map()) {
    this.#files = files
    this.#objects = objects
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.snapshot = new Watchable(this.#assemble(), sameSnapshot)
    this.#stop = objects.watch(() => this.#notice())
  }

  refresh(): void {
    this.#quiet?.cancel()
    this.#quiet = undefined
    this.snapshot.set(this.#assemble())
  }

  close(): void {
    this.#stop()
    this.#quiet?.cancel()
  }

  #notice(): void {
    const now = this.#clock.monotonic()
    if (this.#quiet === undefined) this.#firstNotice = now
    this.#quiet?.cancel()
    const left = Math.max(0, this.#firstNotice + this.#options.longestWaitMs - now)
    this.#quiet = this.#clock.setTimer(Math.min(this.#options.quietMs, left), () => this.refresh())
  }

  #assemble(): ConfigSnapshot {
    this.#files = new Map(this.#objects.all().map((object) => [object, this.#fileOf(object)]))
    const files = Array.from(this.#files.values())
    const previous = this.#assembly
    this.#assembly = assemble(files, { overrides: this.#options, now: this.#clock.now(), ...(previous ? { previous } : {}) })
    return snapshotOf(this.#assembly)
  }

  #fileOf(object: DeclaredObject): LoadedFile {
    return this.#files.get(object) ?? loadObject(object, this.#options.defaultNamespace)
  }
}
