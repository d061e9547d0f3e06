// Remembers what was built and from which inputs, so that unchanged messages keep their identity and are not built again.
import { changedStretch } from '../base/index.ts'

interface Entry {
  readonly inputs: readonly unknown[]
  readonly value: unknown
}

/** Values by object and slot; a slot holds the last value only. */
export class Memo {
  readonly #entries = new WeakMap<object, Map<string, Entry>>()

  /** `slot` says what is being built for `key`; `inputs` is everything else that the value depends on, compared one by one by `===`. */
  get<V>(key: object, slot: string, inputs: readonly unknown[], make: () => V): V {
    let slots = this.#entries.get(key)
    if (slots === undefined) this.#entries.set(key, (slots = new Map()))
    const known = slots.get(slot)
    if (known !== undefined && sameItems(known.inputs, inputs)) return known.value as V
    const value = make()
    slots.set(slot, { inputs, value })
    return value
  }
}

interface Assembly extends Entry {
  readonly given: readonly unknown[]
  readonly settled: readonly unknown[]
}

/** What an assembly is made of. */
export interface Parts<P> {
  /** Everything beside the parts. */
  readonly inputs: readonly unknown[]
  readonly parts: readonly P[]
  /** Tells a part from its neighbours, and finds it again in the list before. */
  readonly keyOf: (part: P) => string
  /** Two parts of one key say the same. */
  readonly isEqual: (a: P, b: P) => boolean
}

/** Messages that are put together from many parts: kept while every part says the same. */
export class Assemblies {
  #entries = new Map<string, Assembly>()
  #next = new Map<string, Assembly>()

  get<V>(name: string, inputs: readonly unknown[], make: () => V): V {
    const known = this.#next.get(name) ?? this.#entries.get(name)
    const isSame = known !== undefined && sameItems(known.inputs, inputs)
    const entry = isSame ? known : { inputs, given: [], settled: [], value: make() }
    this.#next.set(name, entry)
    return entry.value as V
  }

  /** Parts that say what a part of the list before said are replaced by that one, so that the whole is new only when it says something new. */
  assemble<P, V>(name: string, { inputs, parts, keyOf, isEqual }: Parts<P>, make: (parts: readonly P[]) => V): V {
    const known = this.#entries.get(name)
    const isComparable = known !== undefined && sameItems(known.inputs, inputs)
    if (isComparable && sameItems(known.given, parts)) {
      this.#next.set(name, known)
      return known.value as V
    }
    const settled = known === undefined ? parts : settle(known as Before<P>, parts, { keyOf, isEqual })
    const value = isComparable && sameItems(known.settled, settled) ? (known.value as V) : make(settled)
    this.#next.set(name, { inputs, given: parts, settled, value })
    return value
  }

  /** Forgets what was not asked for since the last call. */
  sweep(): void {
    this.#entries = this.#next
    this.#next = new Map()
  }
}

interface Before<P> {
  readonly given: readonly P[]
  /** One for each of `given`. */
  readonly settled: readonly P[]
}

/** Parts outside of the changed stretch stand for what they stood for before; the others are compared with what they replace. */
function settle<P>(before: Before<P>, parts: readonly P[], how: Pick<Parts<P>, 'keyOf' | 'isEqual'>): readonly P[] {
  const { start, beforeEnd, nowEnd } = changedStretch(before.given, parts)
  const known = new Map(before.settled.slice(start, beforeEnd).map((part) => [how.keyOf(part), part]))
  const settled = parts.slice(start, nowEnd).map((part) => {
    const old = known.get(how.keyOf(part))
    return old !== undefined && how.isEqual(old, part) ? old : part
  })
  return [...before.settled.slice(0, start), ...settled, ...before.settled.slice(beforeEnd)]
}

/** What a sequence asks for when it cannot answer at once. */
export interface Filling<V> {
  /** Everything that the value depends on beside the key. */
  readonly inputs: readonly unknown[]
  /** The value depends on nothing but the epoch and the two quick inputs. */
  readonly isSettled: boolean
  readonly make: () => V
}

interface Answer<V> {
  readonly epoch: object
  readonly quick: unknown
  readonly quicker: unknown
  readonly isSettled: boolean
  readonly inputs: readonly unknown[]
  readonly value: V
}

interface Place<V> {
  readonly key: object
  answer: Answer<V>
  position: number
}

/**
 * One value per object of a long list that is asked for in order, time after time, with few changes in between: the answer then lies
 * where the last one left off, and as long as nothing that concerns all of them has changed (the epoch) and two inputs of its own are
 * the same, it costs a few comparisons (a `WeakMap` of many thousand costs a microsecond for each).
 */
export class Sequence<C extends { readonly epoch: object }, K extends object, V> {
  readonly #fill: (ctx: C, key: K) => Filling<V>
  readonly #places = new WeakMap<object, Place<V>>()
  #before: Place<V>[] = []
  #now: Place<V>[] = []
  #cursor = 0

  constructor(fill: (ctx: C, key: K) => Filling<V>) {
    this.#fill = fill
  }

  get(ctx: C, key: K, quick?: unknown, quicker?: unknown): V {
    const { epoch } = ctx
    const place = this.#find(key)
    const known = place?.answer
    if (known !== undefined && known.isSettled && known.epoch === epoch && known.quick === quick && known.quicker === quicker) {
      return known.value
    }
    const filling = this.#fill(ctx, key)
    const isSame = known !== undefined && sameItems(known.inputs, filling.inputs)
    const value = isSame ? known.value : filling.make()
    const answer = { epoch, quick, quicker, isSettled: filling.isSettled, inputs: filling.inputs, value }
    if (place !== undefined) place.answer = answer
    else this.#add({ key, answer, position: 0 })
    return value
  }

  /** The list begins anew. */
  rewind(): void {
    this.#before = this.#now
    this.#now = []
    this.#cursor = 0
  }

  #find(key: object): Place<V> | undefined {
    const { [this.#cursor]: next, [this.#cursor + 1]: afterNext } = this.#before
    const place = next?.key === key ? next : afterNext?.key === key ? afterNext : this.#places.get(key)
    if (place === undefined) return undefined
    this.#cursor = place.position + 1
    place.position = this.#now.length
    this.#now.push(place)
    return place
  }

  #add(place: Place<V>): void {
    place.position = this.#now.length
    this.#now.push(place)
    this.#places.set(place.key, place)
  }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
