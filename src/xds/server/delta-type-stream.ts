// Says what is next for a type of a delta stream: only what came, changed or went, in responses of bounded size.
import type { EncodedResource } from './encoded-resource.ts'
import type { TypeView } from './resource-view.ts'
import type { SubscriptionChange } from './subscription.ts'
import { typeUrls } from '../type-urls.ts'
import { type Next, type Turn, TypeStream } from './type-stream.ts'

export class DeltaTypeStream extends TypeStream {
  /** Everything subscribed to is due: `rest` is to be made. */
  #begins = false
  #rest: Iterator<string> | undefined
  /** What the client said it had from an earlier stream, as far as that was not compared yet. */
  #known: Map<string, string> | undefined
  /** A response that is being put together. */
  #batch: Batch | undefined
  /** Nothing was sent and nothing was known: a client that waits for its first answer is given an empty one. */
  #isUnanswered = false
  readonly #owed = new Set<string>()
  /** To be answered in any case: also that there is nothing of that name. */
  readonly #asked = new Set<string>()

  get hasAdditions(): boolean {
    return (
      this.#begins ||
      this.#batch !== undefined ||
      this.#rest !== undefined ||
      this.#isUnanswered ||
      this.#owed.size > 0 ||
      this.#asked.size > 0
    )
  }

  /** How many names are to be answered for. */
  get askedNames(): number {
    return this.#asked.size
  }

  ask(change: SubscriptionChange, known: Readonly<Record<string, string>>): void {
    for (const name of this.gone.keys()) if (!this.subscription.wants(name)) this.gone.delete(name)
    if (change.isFirst || change.all) this.#begins = true
    if (change.isFirst) {
      const entries = Object.entries(known)
      if (entries.length > 0) this.#known = new Map(entries)
      this.#isUnanswered = entries.length === 0 && (change.all || change.names.length > 0)
    }
    // Who asks for names only is answered for each of them by the first walk.
    if (change.isFirst && !this.subscription.isWildcard) return
    for (const name of change.names) this.#asked.add(name)
  }

  additions(view: TypeView, turn: Turn): Next {
    if (this.#begins) {
      if (!isDear(view) && !view.encode(() => turn.isOver())) return 'again'
      this.#begins = false
      this.#rest = (this.subscription.isWildcard ? view.resources.names() : this.subscription.names)[Symbol.iterator]()
    }
    const batch = (this.#batch ??= new Batch(turn.mostBytes))
    let isMore = true
    while (isMore && !batch.isFull && !turn.isOver()) isMore = this.#takeOne(view, batch, turn)
    if (isMore && !batch.isFull && !(isDear(view) && batch.isOld)) return 'again'
    this.#batch = undefined
    if (batch.isEmpty && !this.#isUnanswered) return 'nothing'
    this.#isUnanswered = false
    return { resources: batch.resources, removed: batch.removed, version: view.version }
  }

  removals(view: TypeView, { mostBytes }: Turn): Next {
    const batch = new Batch(mostBytes)
    for (const name of this.gone.keys()) {
      if (batch.isFull) break
      this.gone.delete(name)
      batch.add(name, undefined, true)
    }
    return { resources: [], removed: batch.removed, version: view.version }
  }

  /** It is sent although it is the same. */
  oweAgain(name: string): void {
    if (this.subscription.wants(name)) this.#owed.add(name)
  }

  protected owe(name: string): void {
    this.#owed.add(name)
  }

  protected oweNoMore(name: string): void {
    this.#owed.delete(name)
  }

  /** False: there is nothing left. */
  #takeOne(view: TypeView, batch: Batch, turn: Turn): boolean {
    const next = this.#rest?.next()
    if (next?.done === false) {
      this.#takeRest(next.value, view, batch)
      return true
    }
    if (next?.done === true && !this.#endRest(view, turn)) return true
    for (const [names, isAsked] of [[this.#asked, true] as const, [this.#owed, false] as const]) {
      const [name] = names
      if (name === undefined) continue
      this.#asked.delete(name)
      this.#owed.delete(name)
      this.gone.delete(name)
      batch.add(name, view.get(name), isAsked)
      return true
    }
    return false
  }

  #takeRest(name: string, view: TypeView, batch: Batch): void {
    const resource = view.get(name)
    const known = this.#known?.get(name)
    this.#known?.delete(name)
    this.#owed.delete(name)
    if (resource !== undefined) this.#asked.delete(name)
    if (known !== undefined && known === resource?.version) return
    batch.add(name, resource, !this.subscription.isWildcard)
  }

  /** What the client knows and was not met on the walk is gone. False: the time was over. */
  #endRest(view: TypeView, turn: Turn): boolean {
    // All of it is encoded by now, and only looked at; but there is much of it.
    if (this.subscription.isWildcard && !view.encode(() => turn.isOver())) return false
    this.#rest = undefined
    for (const name of this.#known?.keys() ?? []) if (this.subscription.wants(name)) this.gone.set(name, undefined)
    // Whatever it was not sent it has, and has accepted elsewhere.
    if (this.#known !== undefined && this.acceptedVersion === '') this.acceptedVersion = view.version
    this.#known = undefined
    return true
  }
}

/** Of places there are many, and each costs reading a document: what comes first is not kept waiting for the last. */
function isDear({ typeUrl }: TypeView): boolean {
  return typeUrl === typeUrls.extension
}

/** A response that takes longer to put together goes out as it is. */
const mostWaitMs = 50

/** What one response holds: of what changes while it is put together the newest. */
class Batch {
  readonly #parts = new Map<string, EncodedResource | undefined>()
  readonly #mostBytes: number
  readonly #began = performance.now()
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get resources(): readonly EncodedResource[] {
    return Array.from(this.#parts.values()).filter((resource) => resource !== undefined)
  }

  get removed(): readonly string[] {
    return Array.from(this.#parts).flatMap(([name, resource]) => (resource === undefined ? [name] : []))
  }

  get isFull(): boolean {
    return this.#bytes >= this.#mostBytes
  }

  /** What is in it has waited long enough for the rest. */
  get isOld(): boolean {
    return !this.isEmpty && performance.now() - this.#began > mostWaitMs
  }

  get isEmpty(): boolean {
    return this.#parts.size === 0
  }

  add(name: string, resource: EncodedResource | undefined, isAsked: boolean): void {
    if (resource === undefined && !isAsked) return
    this.#parts.set(name, resource)
    this.#bytes += resource?.deltaElement.length ?? name.length + 4
  }
}
