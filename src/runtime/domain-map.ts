// Finds what belongs to a host name in Envoy's order: exact, longest `*.x`, longest `x.*`, then `*`; the cost does not grow with the table.

import { PatchedMap } from '../base/index.ts'

/** Keys are domains as Envoy's virtual hosts and server names write them, not only valid host names: `x.`, an address, a range. */
export class DomainMap<V> {
  readonly #made = new Map<string, V>()
  readonly #madeSuffixes = new Map<string, V>()
  /** What was made, with the changes since. */
  #exact: ReadonlyMap<string, V> = this.#made
  /** By `.x` for the domain `*.x`: found by walking the dots of a name. */
  #suffixes: ReadonlyMap<string, V> = this.#madeSuffixes
  /** Envoy also takes `*-x.y` and `x.*`: rare, so found by trying each length in use. */
  #oddSuffixes: Length<V>[] = []
  #prefixes: Length<V>[] = []
  #any: V | undefined

  /** While the map is being made, before anything is patched: the first one to claim a domain keeps it; false = it was taken. Case is ignored. */
  add(domain: string, value: V): boolean {
    const name = domain.toLowerCase()
    if (name === '*') {
      if (this.#any !== undefined) return false
      this.#any = value
      return true
    }
    if (name.startsWith('*.')) return claim(this.#madeSuffixes, name.slice(1), value)
    if (name.startsWith('*')) return claimLength(this.#oddSuffixes, name.slice(1), value)
    if (name.endsWith('*')) return claimLength(this.#prefixes, name.slice(0, -1), value)
    return claim(this.#made, name, value)
  }

  /**
   * A map that differs from this one in a few entries, made without touching the others; undefined when that cannot be done by looking
   * at these entries alone: two claim one domain, or one is of a rare kind. Nobody may have claimed in vain what is given up.
   */
  patched(gone: Iterable<DomainEntry<V>>, added: Iterable<DomainEntry<V>>): DomainMap<V> | undefined {
    const exact = new Map<string, V | undefined>()
    const suffixes = new Map<string, V | undefined>()
    const placeOf = (name: string) => {
      const isSuffix = name.startsWith('*.')
      if (!isSuffix && (name.startsWith('*') || name.endsWith('*'))) return undefined
      return isSuffix ? { all: this.#suffixes, changes: suffixes, key: name.slice(1) } : { all: this.#exact, changes: exact, key: name }
    }
    for (const { domain, value } of gone) {
      const place = placeOf(domain.toLowerCase())
      if (place?.all.get(place.key) !== value) return undefined
      place.changes.set(place.key, undefined)
    }
    for (const { domain, value } of added) {
      const place = placeOf(domain.toLowerCase())
      if (place === undefined) return undefined
      const holder = place.changes.has(place.key) ? place.changes.get(place.key) : place.all.get(place.key)
      if (holder !== undefined) return undefined
      place.changes.set(place.key, value)
    }
    const map = new DomainMap<V>()
    map.#exact = PatchedMap.of(this.#exact, exact)
    map.#suffixes = PatchedMap.of(this.#suffixes, suffixes)
    map.#oddSuffixes = this.#oddSuffixes
    map.#prefixes = this.#prefixes
    map.#any = this.#any
    return map
  }

  /** `name` has to be in lower case. A wildcard stands for at least one character. */
  get(name: string): V | undefined {
    return this.#exact.get(name) ?? this.#bySuffix(name) ?? byLength(this.#prefixes, name, prefixOf) ?? this.#any
  }

  /** What claimed this very domain, `*.x` and `*` included. The domain is of a common kind, in lower case. */
  getDeclared(domain: string): V | undefined {
    if (domain === '*') return this.#any
    return domain.startsWith('*.') ? this.#suffixes.get(domain.slice(1)) : this.#exact.get(domain)
  }

  /** Only what was declared for this very name. */
  getExact(name: string): V | undefined {
    return this.#exact.get(name)
  }

  #bySuffix(name: string): V | undefined {
    let found: V | undefined
    let length = 0
    if (this.#suffixes.size > 0) {
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        found = this.#suffixes.get(name.slice(dot))
        if (found === undefined) continue
        length = name.length - dot
        break
      }
    }
    if (this.#oddSuffixes.length === 0) return found
    return byLength(this.#oddSuffixes, name, suffixOf, length) ?? found
  }
}

export interface DomainEntry<V> {
  readonly domain: string
  readonly value: V
}

interface Length<V> {
  readonly length: number
  readonly values: Map<string, V>
}

function claim<V>(map: Map<string, V>, key: string, value: V): boolean {
  if (map.has(key)) return false
  map.set(key, value)
  return true
}

function claimLength<V>(lengths: Length<V>[], key: string, value: V): boolean {
  let entry = lengths.find((each) => each.length === key.length)
  if (!entry) {
    entry = { length: key.length, values: new Map() }
    lengths.push(entry)
    lengths.sort((a, b) => b.length - a.length)
  }
  return claim(entry.values, key, value)
}

/** The longest entry that is longer than `atLeast` and shorter than the name. */
function byLength<V>(lengths: Length<V>[], name: string, cut: (name: string, length: number) => string, atLeast = 0): V | undefined {
  for (const { length, values } of lengths) {
    if (length >= name.length) continue
    if (length <= atLeast) return undefined
    const found = values.get(cut(name, length))
    if (found !== undefined) return found
  }
  return undefined
}

function suffixOf(name: string, length: number): string {
  return name.slice(name.length - length)
}

function prefixOf(name: string, length: number): string {
  return name.slice(0, length)
}
