// Remembers what was built and from which inputs, so that unchanged messages keep their identity and are not built again.
import { changedStretch, spliced, type Steps } from '../base/index.ts'

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
    const known = this.#next.get(name) ?? this.#entries.get(name)
    const isComparable = known !== undefined && sameItems(known.inputs, inputs)
    const settled = known === undefined ? parts : settle(known as Before<P>, parts, { keyOf, isEqual })
    const value = isComparable && settled === known.settled ? (known.value as V) : make(settled)
    this.#next.set(name, { inputs, given: parts, settled, value })
    return value
  }

  forget(name: string): void {
    this.#entries.delete(name)
    this.#next.delete(name)
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

/**
 * Parts outside of the changed stretch stand for what they stood for before; the others are compared with what they replace. The same
 * list when all of them say what was said before.
 */
function settle<P>(before: Before<P>, parts: readonly P[], how: Pick<Parts<P>, 'keyOf' | 'isEqual'>): readonly P[] {
  const { start, beforeEnd, nowEnd } = changedStretch(before.given, parts)
  const replaced = before.settled.slice(start, beforeEnd)
  const known = new Map(replaced.map((part) => [how.keyOf(part), part]))
  const settled = parts.slice(start, nowEnd).map((part) => {
    const old = known.get(how.keyOf(part))
    return old !== undefined && how.isEqual(old, part) ? old : part
  })
  return sameItems(replaced, settled) ? before.settled : spliced(before.settled, start, beforeEnd, settled)
}

/** How a value of a list is come by. */
export interface Filling<V> {
  /** Everything that the value depends on beside the key. */
  readonly inputs: readonly unknown[]
  /** The value depends on nothing but its key, the epoch, and what is given beside it. */
  readonly isSettled: boolean
  readonly make: () => V
}

/** Something that values depend on and that may change for some keys without changing the keys. */
export interface Beside<K> {
  /** As long as this is the same, it is the same for every key. */
  readonly stamp: unknown
  readonly of: (key: K) => unknown
}

interface Filled<V> {
  readonly inputs: readonly unknown[]
  readonly value: V
  /** What stood beside the key. */
  beside: readonly unknown[]
}

const nothing: readonly unknown[] = []

/** So many values are come by before others get their turn. */
const STEP = 16
/** So many are looked at before others get their turn. */
const MANY = 1024

/**
 * One value per object of a long list. Only keys that were not there before, or beside which something else stands now, are worked
 * through, as long as nothing that concerns all of them has changed (the epoch). Unchanged values keep their identity, and so does a
 * list of them.
 */
export class Parallel<C extends { readonly epoch: object }, K extends object, V extends object> {
  readonly #fill: (ctx: C, key: K) => Filling<V>
  readonly #known = new WeakMap<K, Filled<V>>()
  /** Keys whose values depend on more, and have to be looked at every time. */
  readonly #loose = new Set<K>()
  #epoch: object | undefined
  #keys: readonly K[] = []
  #values: readonly V[] = []
  #stamps: readonly unknown[] = []
  #inputs: readonly unknown[] = nothing

  constructor(fill: (ctx: C, key: K) => Filling<V>) {
    this.#fill = fill
  }

  *all(ctx: C, keys: readonly K[], beside: readonly Beside<K>[] = []): Steps<readonly V[]> {
    const isKnown = this.#epoch === ctx.epoch && this.#stamps.length === beside.length
    const all = { start: 0, beforeEnd: this.#keys.length, nowEnd: keys.length }
    const { start, beforeEnd, nowEnd } = isKnown ? changedStretch(this.#keys, keys) : all
    const added: V[] = []
    this.#leave(this.#keys.slice(start, beforeEnd), keys.slice(start, nowEnd))
    for (const key of keys.slice(start, nowEnd)) {
      added.push(this.#value(ctx, key, beside))
      if (added.length % STEP === 0) yield
    }
    const values = spliced(this.#values, start, beforeEnd, added)
    const again = new Map<number, V>()
    const isMoved = this.#besideOf(beside)
    if (isMoved !== undefined || this.#loose.size > 0) {
      for (const [i, key] of keys.entries()) {
        if (i % MANY === MANY - 1) yield
        if ((i >= start && i < nowEnd) || !(this.#loose.has(key) || isMoved?.(key))) continue
        const value = this.#value(ctx, key, beside)
        if (value !== values[i]) again.set(i, value)
      }
    }
    this.#epoch = ctx.epoch
    this.#keys = keys
    this.#values = again.size === 0 ? values : values.map((value, i) => again.get(i) ?? value)
    this.#stamps = beside.map(({ stamp }) => stamp)
    return this.#values
  }

  /** Whatever comes back later is made anew: another may have stood for the same meanwhile, and its identity counts then. */
  #leave(gone: readonly K[], added: readonly K[]): void {
    const stay = gone.length === 0 ? undefined : new Set(added)
    for (const key of gone) {
      this.#loose.delete(key)
      if (!stay?.has(key)) this.#known.delete(key)
    }
  }

  #value(ctx: C, key: K, beside: readonly Beside<K>[]): V {
    const filling = this.#fill(ctx, key)
    if (!filling.isSettled) this.#loose.add(key)
    else if (this.#loose.size > 0) this.#loose.delete(key)
    const known = this.#known.get(key)
    const besideNow = beside.length === 0 ? nothing : beside.map(({ of }) => of(key))
    if (known !== undefined && sameItems(known.inputs, filling.inputs)) {
      known.beside = besideNow
      return known.value
    }
    const value = filling.make()
    // Most keys depend on the same as the one before: one list of it is enough.
    if (!sameItems(this.#inputs, filling.inputs)) this.#inputs = filling.inputs
    this.#known.set(key, { inputs: this.#inputs, value, beside: besideNow })
    return value
  }

  /** Tells where something else stands beside a key than before; undefined when nowhere. */
  #besideOf(beside: readonly Beside<K>[]): ((key: K) => boolean) | undefined {
    const changed = [...beside.entries()].filter(([n, { stamp }]) => this.#stamps[n] !== stamp)
    if (changed.length === 0) return undefined
    return (key) => {
      const known = this.#known.get(key)
      return changed.some(([n, { of }]) => known?.beside[n] !== of(key))
    }
  }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
