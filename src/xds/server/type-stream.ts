// Describes what a stream keeps of one type, whichever of the two dialects it speaks: what it has, is owed, and said of what it was sent.
import type { EncodedResource } from './encoded-resource.ts'
import type { TypeView } from './resource-view.ts'
import { Subscription } from './subscription.ts'
import { type TypeUrl, typeUrls } from '../type-urls.ts'

export interface Sent {
  readonly nonce: string
  readonly version: string
  /** Milliseconds of the clock that never jumps. */
  readonly at: number
}

export interface Rejected {
  readonly text: string
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Those that the text names; none where it names none. */
  readonly resources: readonly string[]
}

/** What a response is to hold. */
export interface Content {
  readonly resources: readonly EncodedResource[]
  readonly removed: readonly string[]
  readonly version: string
  /** Names among the resources that the client has in another version or not at all, where that is not all of them. */
  readonly changed?: readonly string[]
}

/** `again`: the time was over; there may be more. */
export type Next = Content | 'nothing' | 'again'

/** How long a stream may go on, and how much it may send at once. */
export interface Turn {
  isOver(): boolean
  readonly mostBytes: number
}

/** These are whole in one response of the state of the world, and whoever names none wants all. */
const wholeTypes: readonly TypeUrl[] = [typeUrls.listener, typeUrls.cluster, typeUrls.nameTable]

export abstract class TypeStream {
  readonly typeUrl: TypeUrl
  readonly subscription: Subscription
  /** The response that is not answered yet. */
  outstanding: Sent | undefined
  lastSent: Sent | undefined
  acceptedVersion = ''
  rejected: Rejected | undefined
  protected readonly isWhole: boolean
  /** What was there, is no more, and the client has not been told of. */
  protected readonly gone = new Map<string, EncodedResource | undefined>()
  #generation: number | undefined

  constructor(typeUrl: TypeUrl) {
    this.typeUrl = typeUrl
    this.isWhole = wholeTypes.includes(typeUrl)
    this.subscription = new Subscription(this.isWhole)
  }

  /** Up to which the stream knows what it owes. */
  get generation(): number | undefined {
    return this.#generation
  }

  get hasRemovals(): boolean {
    return this.gone.size > 0
  }

  abstract readonly hasAdditions: boolean
  /** What is new, changed or asked for. Called only while nothing is outstanding. */
  abstract additions(view: TypeView, turn: Turn): Next
  abstract removals(view: TypeView, turn: Turn): Next
  protected abstract owe(name: string): void
  protected abstract oweNoMore(name: string): void

  /** Takes in what has changed since the last time; false: that is so long ago that nobody knows. */
  catchUp(view: TypeView): boolean {
    const since = this.#generation
    this.#generation = view.generation
    if (since === undefined || since === view.generation) return true
    const changes = view.log.since(since)
    if (changes === undefined) return false
    for (const [name, before] of changes) if (this.subscription.wants(name)) this.#note(name, before, view.get(name))
    return true
  }

  #note(name: string, before: EncodedResource | undefined, now: EncodedResource | undefined): void {
    if (now === undefined) {
      this.oweNoMore(name)
      if (before !== undefined) this.gone.set(name, before)
      return
    }
    // What went and came back before the client was told of it is still what the client has.
    const had = this.gone.get(name) ?? before
    this.gone.delete(name)
    if (now.version !== had?.version) this.owe(name)
  }
}
