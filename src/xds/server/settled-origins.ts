// Follows the places of declarations from one configuration to the next: a place that moved is another object, one that did not is the same.
import type { Steps } from '../../base/index.ts'
import type { FieldPlace, OriginPlace, Snapshot } from '../snapshot.ts'

/** Where a source tells the place of now from one object for good, a consumer that compares objects would not see it move. */
export class SettledOrigins {
  #settled: ReadonlyMap<string, Settled>

  constructor() {
    this.#settled = new Map()
  }

  *following(origins: Snapshot['origins']): Steps<Snapshot['origins']> {
    const now = new Map<string, Settled>()
    let hasChanged = false
    for (const [name, origin] of origins) {
      const before = this.#settled.get(name)
      const isSame = before?.stillIs(origin) === true
      now.set(name, isSame ? before : new Settled(origin))
      hasChanged ||= !isSame
      yield
    }
    if (hasChanged || now.size !== this.#settled.size) this.#settled = now
    return this.#settled
  }
}

class Settled implements OriginPlace {
  readonly source: string
  readonly line: number
  readonly #origin: OriginPlace

  constructor(origin: OriginPlace) {
    this.source = origin.source
    this.line = origin.line
    this.#origin = origin
  }

  get layout(): object {
    return this.#origin
  }

  stillIs(origin: OriginPlace): boolean {
    return this.#origin === origin && this.line === origin.line && this.source === origin.source
  }

  placeOf(field: string): FieldPlace {
    return this.#asItWas(this.#origin.placeOf(field))
  }

  *fields(): Iterable<readonly [string, FieldPlace]> {
    for (const [path, place] of this.#origin.fields?.() ?? []) yield [path, this.#asItWas(place)]
  }

  #asItWas({ line, column }: FieldPlace): FieldPlace {
    return { line: line - this.#origin.line + this.line, column }
  }
}
