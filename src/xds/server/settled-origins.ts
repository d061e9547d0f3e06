// Follows the places of declarations from one configuration to the next: a place that moved is another object, one that did not is the same.
import { PatchedMap, type Steps } from '../../base/index.ts'
import type { FieldPlace, OriginPlace, Snapshot } from '../snapshot.ts'

/** Where a source tells the place of now from one object for good, a consumer that compares objects would not see it move. */
export class SettledOrigins {
  #settled: ReadonlyMap<string, Settled>

  constructor() {
    this.#settled = new Map()
  }

  *following(origins: Snapshot['origins']): Steps<Snapshot['origins']> {
    const changes = new Map<string, Settled | undefined>()
    let count = 0
    for (const [name, origin] of origins) {
      count++
      if (this.#settled.get(name)?.stillIs(origin) !== true) changes.set(name, new Settled(origin))
      yield
    }
    let come = 0
    for (const name of changes.keys()) if (!this.#settled.has(name)) come++
    // Few have gone since the last time, and none as a rule.
    if (this.#settled.size + come !== count) for (const name of this.#settled.keys()) if (!origins.has(name)) changes.set(name, undefined)
    // Of a map that was patched, whoever follows it sees at once what differs.
    this.#settled = PatchedMap.of(this.#settled, changes)
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
