// Remembers the last changes, within bounds, so that watches can go on from where they stopped and lists from what there was.
import { compare } from './image.ts'
import { type Change, HistoryGone, type Stored } from './object-store.ts'

export interface HistoryLimits {
  /** Changes that are remembered. */
  readonly changes: number
  /** Bytes of the versions that only they keep. */
  readonly bytes: number
}

export class History {
  readonly #limits: HistoryLimits
  #changes: Change[] = []
  /** Those before it are forgotten; they are thrown away when they are half of all. */
  #start = 0
  #bytes = 0
  /** What came after this revision is known. */
  #oldest: number

  constructor(oldest: number, limits: HistoryLimits) {
    this.#oldest = oldest
    this.#limits = limits
  }

  add(change: Change): void {
    this.#changes.push(change)
    this.#bytes += sizeOf(change)
    while (this.#changes.length - this.#start > this.#limits.changes || this.#bytes > this.#limits.bytes) this.#forget()
    if (this.#start < 1024 || this.#start * 2 < this.#changes.length) return
    this.#changes = this.#changes.slice(this.#start)
    this.#start = 0
  }

  /** Throws `HistoryGone` if some of them are forgotten, or it is a revision that was never given: then it is of another store. */
  since(revision: number): readonly Change[] {
    this.#refuseOlder(revision)
    // A change has one revision, and none is left out.
    return this.#changes.slice(this.#start + revision - this.#oldest)
  }

  /** A sorted list of a resource, as it was at a revision. */
  asOf(revision: number, resource: string, now: readonly Stored[]): readonly Stored[] {
    const undone = this.since(revision).filter(({ key }) => key.resource === resource)
    if (undone.length === 0) return now
    const before = new Map<string, Stored | undefined>()
    for (const change of undone) {
      const name = `${change.key.namespace}/${change.key.name}`
      if (!before.has(name)) before.set(name, change.before)
    }
    const kept = now.filter(({ key }) => !before.has(`${key.namespace}/${key.name}`))
    const restored = Array.from(before.values()).filter((stored) => stored !== undefined)
    return [...kept, ...restored].sort((a, b) => compare(a.key.namespace, b.key.namespace) || compare(a.key.name, b.key.name))
  }

  #refuseOlder(revision: number): void {
    const newest = this.#oldest + this.#changes.length - this.#start
    if (revision < this.#oldest || revision > newest) throw new HistoryGone(revision, this.#oldest)
  }

  #forget(): void {
    const change = this.#changes[this.#start++]
    if (change === undefined) return
    this.#bytes -= sizeOf(change)
    this.#oldest = change.revision
  }
}

function sizeOf({ before }: Change): number {
  return 200 + (before?.value.length ?? 0)
}
