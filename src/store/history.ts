// Remembers the last changes, within bounds, so that watches can go on from where they stopped and lists from what there was.
import { type ListChange, patchSorted } from '../base/index.ts'
import { byName } from './image.ts'
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
  readonly #past = new Map<string, readonly Stored[]>()
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
    this.#refuseOlder(revision)
    const name = `${revision} ${resource}`
    const known = this.#past.get(name)
    if (known !== undefined) return known
    const undone = this.since(revision).filter(({ key }) => key.resource === resource)
    if (undone.length === 0) return now
    const past = patchSorted(now, undoing(undone), byName)
    this.#remember(name, past)
    return past
  }

  /** What was does not change any more; the pages of a list ask for it one after the other. */
  #remember(name: string, past: readonly Stored[]): void {
    const [eldest] = this.#past.keys()
    if (this.#past.size >= mostPast && eldest !== undefined) this.#past.delete(eldest)
    this.#past.set(name, past)
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

/** Lists of the past that are kept for their next page. */
const mostPast = 4

/** What of the present has to go for what was before. */
function undoing(changes: readonly Change[]): ListChange<Stored> {
  const first = new Map<string, Stored | undefined>()
  const last = new Map<string, Stored | undefined>()
  for (const { key, before, after } of changes) {
    const name = `${key.namespace}/${key.name}`
    if (!first.has(name)) first.set(name, before)
    last.set(name, after)
  }
  return { gone: presentOf(last), added: presentOf(first) }
}

function presentOf(versions: ReadonlyMap<string, Stored | undefined>): readonly Stored[] {
  return Array.from(versions.values()).filter((stored) => stored !== undefined)
}

function sizeOf({ before }: Change): number {
  return 200 + (before?.value.length ?? 0)
}
