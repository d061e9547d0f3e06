// Keeps objects in a LevelDB and an image of them in memory: writes that come together are one batch, on disk before anybody is answered.
import { messageOf } from '../base/index.ts'
import { type Database as OpenDatabase, Database, stateRecord } from './database.ts'
import { currentFormat, type Format, type RecordChange } from './format.ts'
import { History, type HistoryLimits } from './history.ts'
import { Image } from './image.ts'
import {
  type Change,
  type Listing,
  type ListOptions,
  type ObjectKey,
  type ObjectStore,
  RevisionConflict,
  StorageFailure,
  type Stored,
  type Write,
} from './object-store.ts'
import { changedState, encodeRecord, keyText, type StoreState } from './record.ts'
import { sliceOf } from './listing.ts'

export interface LevelStoreOptions {
  readonly history?: HistoryLimits
  readonly format?: Format
}

const historyLimits: HistoryLimits = { changes: 20_000, bytes: 64 * 1024 * 1024 }

/** Rejects with a `SallyportError` when the directory cannot be used, is in use, or holds something damaged. */
export async function openLevelStore(directory: string, options: LevelStoreOptions = {}): Promise<ObjectStore> {
  const open = (): Promise<OpenDatabase> => Database.open(directory, options.format ?? currentFormat)
  const database = await open()
  try {
    const { objects, state } = await database.read()
    return new LevelStore({ open, database, objects, state, limits: options.history ?? historyLimits })
  } catch (error) {
    await database.close()
    throw error
  }
}

interface Parts {
  readonly open: () => Promise<OpenDatabase>
  readonly database: OpenDatabase
  readonly objects: readonly Stored[]
  readonly state: StoreState
  readonly limits: HistoryLimits
}

interface Waiting {
  readonly writes: readonly Write[]
  readonly resolve: (written: readonly (Stored | undefined)[]) => void
  readonly reject: (error: unknown) => void
}

/** Decided and not on disk yet. */
interface Decided {
  readonly waiting: Waiting
  readonly changes: readonly Change[]
}

/** So many writes go to disk at one time. */
const LARGEST_BATCH = 500

class LevelStore implements ObjectStore {
  readonly #open: () => Promise<OpenDatabase>
  readonly #image = new Image()
  readonly #history: History
  readonly #listeners = new Set<(change: Change) => void>()
  /** Undefined after a write that failed: until it is opened anew, nobody knows what of it is on disk. */
  #database: OpenDatabase | undefined
  #state: StoreState
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #isClosed = false

  constructor({ open, database, objects, state, limits }: Parts) {
    this.#open = open
    this.#database = database
    this.#state = state
    this.#history = new History(state.revision, limits)
    for (const stored of objects) this.#image.apply({ key: stored.key, after: stored })
  }

  get revision(): number {
    return this.#state.revision
  }

  get(key: ObjectKey): Stored | undefined {
    return this.#image.get(key)
  }

  count(resource: string): number {
    return this.#image.count(resource)
  }

  all(): Iterable<Stored> {
    return this.#image.all()
  }

  list(resource: string, options: ListOptions = {}): Listing {
    const now = this.#image.sorted(resource)
    const revision = options.from?.revision ?? this.revision
    const items = options.from === undefined ? now : this.#history.asOf(revision, resource, now)
    return { ...sliceOf(items, options), revision }
  }

  commit(writes: readonly Write[]): Promise<readonly (Stored | undefined)[]> {
    if (this.#isClosed) return Promise.reject(new StorageFailure('the store is closed', { isFull: false, cause: undefined }))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  watch(since: number, listener: (change: Change) => void): () => void {
    for (const change of this.#history.since(since)) listener(change)
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#listeners.clear()
    await this.#working
    await this.#database?.close()
    this.#database = undefined
  }

  async #work(): Promise<void> {
    // Those that come in the same turn are written together.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#writeBatch(this.#waiting.splice(0, LARGEST_BATCH))
    // In the same turn as the last look: what comes later begins anew.
    this.#working = undefined
  }

  async #writeBatch(waiting: readonly Waiting[]): Promise<void> {
    const batch = new Batch(this.#image, this.#state)
    const decided = waiting.flatMap((one) => batch.decide(one) ?? [])
    if (decided.length === 0) return
    try {
      const database = (this.#database ??= await this.#openAgain())
      await database.write([...batch.records(), stateRecord(batch.state)])
    } catch (error) {
      await this.#abandon()
      for (const { waiting: one } of decided) one.reject(failureOf(error))
      return
    }
    this.#state = batch.state
    for (const { changes } of decided) for (const change of changes) this.#take(change)
    for (const { waiting: one, changes } of decided) one.resolve(changes.map(({ after }) => after))
  }

  #take(change: Change): void {
    this.#image.apply(change)
    this.#history.add(change)
    for (const listener of Array.from(this.#listeners)) listener(change)
  }

  async #abandon(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    // It is left as it is; what cannot even be closed cannot be helped, and opening it anew will tell.
    await database?.close().catch(() => undefined)
  }

  /** A batch that was refused may be on disk all the same: what the image holds is what was answered for. */
  async #openAgain(): Promise<OpenDatabase> {
    const database = await this.#open()
    try {
      const { objects, state } = await database.read()
      if (state.revision === this.#state.revision && state.sum.equals(this.#state.sum)) return database
      const records = new Map<string, RecordChange>(objects.map(({ key }) => [keyText(key), { key: keyText(key) }]))
      for (const stored of this.#image.all()) records.set(keyText(stored.key), { key: keyText(stored.key), value: encodeRecord(stored) })
      await database.write([...records.values(), stateRecord(this.#state)])
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }
}

/** Decides writes one after the other, each upon what those before it leave. */
class Batch {
  state: StoreState
  readonly #image: Image
  readonly #written = new Map<string, { readonly key: ObjectKey; readonly stored: Stored | undefined }>()

  constructor(image: Image, state: StoreState) {
    this.#image = image
    this.state = state
  }

  /** Undefined if the writes are refused, which the writer is told. */
  decide(waiting: Waiting): Decided | undefined {
    for (const { key, expected } of waiting.writes) {
      const current = this.#current(key)
      if (expected === undefined || expected === (current?.revision ?? 0)) continue
      waiting.reject(new RevisionConflict(key, current))
      return undefined
    }
    return { waiting, changes: waiting.writes.map((write) => this.#change(write)) }
  }

  records(): RecordChange[] {
    return Array.from(this.#written, ([text, { stored }]) => (stored ? { key: text, value: encodeRecord(stored) } : { key: text }))
  }

  #change({ key, value }: Write): Change {
    const before = this.#current(key)
    const revision = this.state.revision + 1
    const after = value === undefined ? undefined : { key, revision, value: Buffer.from(value) }
    const change = { ...(before && { before }), ...(after && { after }) }
    this.state = changedState(this.state, revision, change)
    this.#written.set(keyText(key), { key, stored: after })
    return { key, revision, ...change }
  }

  #current(key: ObjectKey): Stored | undefined {
    const written = this.#written.get(keyText(key))
    return written === undefined ? this.#image.get(key) : written.stored
  }
}

function failureOf(error: unknown): StorageFailure {
  const why = messageOf(error)
  return new StorageFailure(`the objects cannot be written: ${why}`, { isFull: /no space|ENOSPC|quota|EDQUOT/i.test(why), cause: error })
}
