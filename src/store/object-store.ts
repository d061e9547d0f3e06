// What the API server asks of a store of objects: durable writes under preconditions in one sequence, and reads and watches of what was written.

/** Names an object. `resource` is its kind's plural with its group, such as `serviceentries.networking.istio.io`; objects without a namespace have an empty one. */
export interface ObjectKey {
  readonly resource: string
  readonly namespace: string
  readonly name: string
}

/** One version of an object. */
export interface Stored {
  readonly key: ObjectKey
  /** Of the write that made it; grows by one with every write of the whole store, and depends on no clock. */
  readonly revision: number
  readonly value: Buffer
}

export interface Write {
  readonly key: ObjectKey
  /** Absent: the object is deleted. */
  readonly value?: Uint8Array
  /** The revision that the object must have, 0 if it must not exist; absent: any. */
  readonly expected?: number
}

export interface Change {
  readonly key: ObjectKey
  readonly revision: number
  /** Absent where the object came to be. */
  readonly before?: Stored
  /** Absent where it was deleted. */
  readonly after?: Stored
}

export interface ListOptions {
  /** Of this namespace only. */
  readonly namespace?: string
  /** At most so many; 0 or absent: all. */
  readonly limit?: number
  /** Goes on where another list stopped, with what there was at that time. */
  readonly from?: Position
}

export interface Position {
  readonly revision: number
  /** The last object that was listed. */
  readonly namespace: string
  readonly name: string
}

export interface Listing {
  /** By namespace, then by name. */
  readonly items: readonly Stored[]
  /** What was listed is what there was after this write. */
  readonly revision: number
  /** How many are left after these. */
  readonly remaining: number
}

/**
 * Reads are answered from an image in memory, which every implementation keeps; writes are decided by whoever holds the data, so that no image can be too old for them.
 */
export interface ObjectStore {
  /** Of the last write. */
  readonly revision: number
  get(key: ObjectKey): Stored | undefined
  /** Throws `HistoryGone` for a position that is too old. */
  list(resource: string, options?: ListOptions): Listing
  /** Of how many objects a resource has. */
  count(resource: string): number
  /** Every object of every resource, as it is now. */
  all(): Iterable<Stored>
  /**
   * All writes or none, in their order; each object at most once. Resolves, with the new versions in the same order, when they are on disk.
   * Rejects with `RevisionConflict` or, when they cannot be kept, `StorageFailure`; then nothing has changed.
   */
  commit(writes: readonly Write[]): Promise<readonly (Stored | undefined)[]>
  /**
   * Calls the listener with every change after `since`: those that were made before this call at once, later ones as they are made.
   * Throws `HistoryGone` if some of them are no longer known.
   */
  watch(since: number, listener: (change: Change) => void): () => void
  close(): Promise<void>
}

/** An object has not the revision that its writer expects. */
export class RevisionConflict extends Error {
  override readonly name = 'RevisionConflict'
  readonly key: ObjectKey
  /** As it is now. */
  readonly current: Stored | undefined

  constructor(key: ObjectKey, current: Stored | undefined) {
    super(`${key.resource} ${key.namespace}/${key.name} has revision ${current?.revision ?? 0}`)
    this.key = key
    this.current = current
  }
}

/** What happened since a revision is no longer known in full. */
export class HistoryGone extends Error {
  override readonly name = 'HistoryGone'
  readonly revision: number
  /** The oldest that can be gone on from. */
  readonly oldest: number

  constructor(revision: number, oldest: number) {
    super(`too old resource version: ${revision} (${oldest})`)
    this.revision = revision
    this.oldest = oldest
  }
}

/** A write could not be made durable. */
export class StorageFailure extends Error {
  override readonly name = 'StorageFailure'
  readonly isFull: boolean

  constructor(message: string, options: { readonly isFull: boolean; readonly cause: unknown }) {
    super(message, { cause: options.cause })
    this.isFull = options.isFull
  }
}
