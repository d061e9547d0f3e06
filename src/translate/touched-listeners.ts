// Finds which listeners a change of services touches, and whose arrivals these have to be made of.
import { changedStretch } from '../base/index.ts'
import type { Arrival } from './listener-entry.ts'

/** One list of arrivals per service. */
export type ArrivalLists = readonly (readonly Arrival[])[]

export interface Touched {
  readonly names: ReadonlySet<string>
  /** Holds every arrival at these listeners, in the order of the services. */
  readonly lists: ArrivalLists
}

/** Beyond this it is not worth comparing every one that went with every one that came. */
const manyLists = 32

/** How many arrivals each listener has; follows the lists from one translation to the next. */
export class ArrivalCounts {
  readonly #counts = new Map<string, number>()
  #lists: ArrivalLists = []

  /** Where a service that came, went or changed has something to do. */
  follow(now: ArrivalLists): Touched {
    const { start, beforeEnd, nowEnd } = changedStretch(this.#lists, now)
    const gone = this.#lists.slice(start, beforeEnd)
    const added = now.slice(start, nowEnd)
    this.#lists = now
    this.#add(gone, -1)
    this.#add(added, 1)
    const names = namesTouched(gone, added)
    return { names, lists: this.#areAllIn(added, names) ? added : now }
  }

  /** Nobody else arrives there, as at an address of one's own. */
  #areAllIn(lists: ArrivalLists, names: ReadonlySet<string>): boolean {
    if (lists.length > manyLists) return false
    const left = new Map(Array.from(names, (name) => [name, this.#counts.get(name) ?? 0]))
    for (const { name } of lists.flat()) left.set(name, (left.get(name) ?? 0) - 1)
    return Array.from(names).every((name) => left.get(name) === 0)
  }

  #add(lists: ArrivalLists, by: number): void {
    for (const list of lists) {
      for (const { name } of list) {
        const count = (this.#counts.get(name) ?? 0) + by
        if (count === 0) this.#counts.delete(name)
        else this.#counts.set(name, count)
      }
    }
  }
}

function namesTouched(gone: ArrivalLists, added: ArrivalLists): ReadonlySet<string> {
  const kept = new Set(gone.length + added.length > manyLists ? [] : gone.filter((list) => added.includes(list)))
  const names = new Set<string>()
  for (const lists of [gone, added]) for (const list of lists) if (!kept.has(list)) for (const { name } of list) names.add(name)
  return names
}
