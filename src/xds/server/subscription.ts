// Knows which resources of one type a stream is subscribed to: the rules of the xDS protocol, without any sending.

/** What a change of the subscription asks for. */
export interface SubscriptionChange {
  /** Every resource there is: the wildcard has begun. */
  readonly all: boolean
  /** To be answered whether or not the client has them: subscribed to, or no longer asked for by name under a wildcard. */
  readonly names: readonly string[]
  /** A first request, which is answered even when it asks for nothing. */
  readonly isFirst: boolean
}

const wildcard = '*'

export class Subscription {
  readonly #mayOmitNames: boolean
  readonly #names = new Set<string>()
  #isWildcard = false
  /** No name was ever given. */
  #isLegacy = true
  #isFirst = true

  /** `mayOmitNames`: for this type, never having named anything means everything (LDS, CDS). */
  constructor(mayOmitNames: boolean) {
    this.#mayOmitNames = mayOmitNames
  }

  get isWildcard(): boolean {
    return this.#isWildcard
  }

  /** Those asked for by name. */
  get names(): ReadonlySet<string> {
    return this.#names
  }

  wants(name: string): boolean {
    return this.#isWildcard || this.#names.has(name)
  }

  /** State of the world: a request lists all that is subscribed to. */
  replace(names: readonly string[]): SubscriptionChange {
    const isFirst = this.#takeFirst()
    const wasWildcard = this.#isWildcard
    if (names.length > 0) this.#isLegacy = false
    this.#isWildcard = names.includes(wildcard) || (this.#isLegacy && this.#mayOmitNames)
    const now = new Set(names)
    now.delete(wildcard)
    for (const name of this.#names) if (!now.has(name)) this.#names.delete(name)
    const added: string[] = []
    for (const name of now) {
      if (this.#names.has(name)) continue
      this.#names.add(name)
      if (!wasWildcard) added.push(name)
    }
    return { all: this.#isWildcard && !wasWildcard, names: added, isFirst }
  }

  /** Delta: a request adds and takes away. Who subscribes again to what it has is answered again. */
  change(subscribe: readonly string[], unsubscribe: readonly string[]): SubscriptionChange {
    const isFirst = this.#takeFirst()
    const wasWildcard = this.#isWildcard
    const answered = new Set<string>()
    if (subscribe.length > 0) this.#isLegacy = false
    for (const name of unsubscribe) this.#drop(name, answered)
    for (const name of subscribe) {
      if (name === wildcard) this.#isWildcard = true
      else {
        this.#names.add(name)
        answered.add(name)
      }
    }
    if (isFirst && this.#isLegacy && this.#mayOmitNames) this.#isWildcard = true
    return { all: this.#isWildcard && !wasWildcard, names: Array.from(answered), isFirst }
  }

  #drop(name: string, answered: Set<string>): void {
    if (name === wildcard) {
      this.#isWildcard = false
      return
    }
    // The client cannot know whether the wildcard still covers the name, so it is told.
    if (this.#names.delete(name) && this.#isWildcard) answered.add(name)
  }

  #takeFirst(): boolean {
    const isFirst = this.#isFirst
    this.#isFirst = false
    return isFirst
  }
}
