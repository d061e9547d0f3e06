// Follows the arrivals of all services from one translation to the next, and makes anew only the listeners that a change concerns.
import { changedStretch, type Steps } from '../base/index.ts'
import type { ChainPlan } from './chain-plan.ts'
import { type Arrival, type ArrivalChange, ListenerEntries, type ListenerEntry } from './listener-entry.ts'
import { listenerName } from './names.ts'

/** One list of arrivals per service. */
export type ArrivalLists = readonly (readonly Arrival[])[]

export interface Tracked {
  /** Listeners that the change concerns; undefined: all. */
  readonly names: ReadonlySet<string> | undefined
  /** Those that were made anew. */
  readonly fresh: ListenerEntries
  /** Those in which the change was followed. */
  readonly followed: readonly ListenerEntry[]
}

/** Beyond this it is not worth comparing every one that went with every one that came. */
const manyLists = 32
/** A listener with so many chains is kept, to be followed instead of made anew. */
const manyChains = 4
/** So many lists are looked at before others get their turn: each may begin a listener. */
const STEP = 32

export class ListenerTracker {
  /** How many arrive at each listener. */
  readonly #counts = new Map<string, number>()
  #lists: ArrivalLists = []
  #large = new Map<string, ListenerEntry>();

  /** `isKnown`: nothing else that listeners are made of has changed since the last call. */
  *follow(now: ArrivalLists, isKnown: boolean): Steps<Tracked> {
    const { start, beforeEnd, nowEnd } = changedStretch(this.#lists, now)
    const gone = this.#lists.slice(start, beforeEnd)
    const added = now.slice(start, nowEnd)
    this.#lists = now
    this.#add(gone, -1)
    this.#add(added, 1)
    const isFew = gone.length + added.length <= manyLists
    if (!isKnown || !isFew) return { names: undefined, fresh: yield* entriesOf(now, undefined), followed: [] }
    const changes = this.#changes(gone, added, (name) => lastChain(now, start, name))
    const followed = new Map<string, ListenerEntry>()
    for (const [name, change] of changes) {
      const entry = this.#large.get(name)
      if (entry?.follow(change) === true) followed.set(name, entry)
    }
    const rest = new Map([...changes].filter(([name]) => !followed.has(name)))
    // Where nobody else arrives, as at an address of one's own, nobody else has to be looked at.
    const areAlone = [...rest.values()].every((change) => change.count === change.added.length)
    const fresh = yield* entriesOf(areAlone ? added : now, new Set(rest.keys()))
    return { names: new Set(changes.keys()), fresh, followed: [...followed.values()] }
  }

  /** What was made of it, in the end. */
  keep({ names, fresh, followed }: Tracked): void {
    if (names === undefined) this.#large = new Map()
    else for (const name of names) this.#large.delete(name)
    for (const entry of [...fresh.all, ...followed]) {
      if (entry.chains.length >= manyChains || entry.isShared) this.#large.set(listenerName(entry.bind, entry.port), entry)
    }
  }

  /** What only went and came back is left out. */
  #changes(gone: ArrivalLists, added: ArrivalLists, before: (name: string) => ChainPlan | undefined): ReadonlyMap<string, ArrivalChange> {
    const [left, come] = [byName(gone), byName(added)]
    const changes = new Map<string, ArrivalChange>()
    for (const name of new Set([...left.keys(), ...come.keys()])) {
      const change = { gone: left.get(name) ?? [], added: come.get(name) ?? [] }
      const isSame = change.gone.length === change.added.length && change.gone.every((arrival, i) => arrival === change.added[i])
      if (!isSame) changes.set(name, { ...change, count: this.#counts.get(name) ?? 0, before: () => before(name) })
    }
    return changes
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

/** `names` undefined: all. */
function* entriesOf(lists: ArrivalLists, names: ReadonlySet<string> | undefined): Steps<ListenerEntries> {
  const entries = new ListenerEntries()
  if (names?.size === 0) return entries
  let count = 0
  for (const list of lists) {
    for (const arrival of list) if (names === undefined || names.has(arrival.name)) entries.arrive(arrival)
    if (++count % STEP === 0) yield
  }
  return entries
}

function byName(lists: ArrivalLists): Map<string, Arrival[]> {
  const found = new Map<string, Arrival[]>()
  for (const list of lists) {
    for (const arrival of list) {
      const others = found.get(arrival.name)
      if (others === undefined) found.set(arrival.name, [arrival])
      else others.push(arrival)
    }
  }
  return found
}

/** Of the services before `end` that arrive there. */
function lastChain(lists: ArrivalLists, end: number, name: string): ChainPlan | undefined {
  for (let i = end - 1; i >= 0; i--) {
    const plans = lists[i]?.filter((arrival) => arrival.name === name).flatMap(({ own }) => own) ?? []
    if (plans.length > 0) return plans.at(-1)
  }
  return undefined
}
