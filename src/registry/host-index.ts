// Finds what was said for a host name: exactly, or by the longest wildcard that covers it (Istio's host algebra).

/** True when every name that `narrow` stands for is one that `wide` stands for. `*.x` covers neither `x` nor `*`. */
export function covers(wide: string, narrow: string): boolean {
  if (!wide.startsWith('*')) return wide === narrow
  if (narrow.startsWith('*')) return narrow.length >= wide.length && narrow.slice(1).endsWith(wide.slice(1))
  return narrow.endsWith(wide.slice(1))
}

/** True when some name is covered by both. */
export function overlaps(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a)
}

/** Itself if a wildcard, then every `*.suffix` above it, longest first, and `*`. */
function suffixes(host: string): string[] {
  const found = host.startsWith('*') && host !== '*' ? [host] : []
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const pattern = `*${host.slice(dot)}`
    if (pattern !== host) found.push(pattern)
  }
  found.push('*')
  return found
}

/** Values by host pattern. The values of one pattern stay in the order in which they were added. */
export class HostIndex<V> {
  readonly #exact = new Map<string, V[]>()
  readonly #wildcards = new Map<string, V[]>()
  /** Such as `*x.com`: not found by cutting at dots. */
  readonly #partial = new Set<string>()

  add(host: string, value: V): void {
    const map = host.startsWith('*') ? this.#wildcards : this.#exact
    if (host.startsWith('*') && host.length > 1 && !host.startsWith('*.')) this.#partial.add(host)
    const values = map.get(host)
    if (values === undefined) map.set(host, [value])
    else values.push(value)
  }

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#wildcards.size === 0
  }

  /** Said of this very pattern. */
  at(host: string): readonly V[] {
    return (host.startsWith('*') ? this.#wildcards : this.#exact).get(host) ?? []
  }

  /** Said of the most specific pattern that covers `host`. */
  mostSpecific(host: string): readonly V[] {
    const exact = this.at(host)
    if (exact.length > 0 || this.#wildcards.size === 0) return exact
    return this.wildcard(host)
  }

  /** As `mostSpecific`, of wildcards alone. */
  wildcard(host: string): readonly V[] {
    return this.covering(host)[0]?.values ?? []
  }

  /** Wildcards that cover the host, the most specific first. */
  covering(host: string): readonly { readonly pattern: string; readonly values: readonly V[] }[] {
    if (this.#wildcards.size === 0) return []
    const found = suffixes(host).flatMap((pattern) => {
      const values = this.#wildcards.get(pattern)
      return values === undefined ? [] : [{ pattern, values }]
    })
    for (const pattern of this.#partial) {
      const values = this.#wildcards.get(pattern)
      if (values !== undefined && covers(pattern, host)) found.push({ pattern, values })
    }
    return this.#partial.size === 0 ? found : found.sort((a, b) => b.pattern.length - a.pattern.length)
  }

  /** Everything said of any pattern that overlaps `host`. */
  overlapping(host: string): V[] {
    if (!host.startsWith('*') && this.#wildcards.size === 0) return [...this.at(host)]
    const found: V[] = []
    for (const map of [this.#exact, this.#wildcards]) {
      if (map === this.#exact && !host.startsWith('*')) found.push(...this.at(host))
      else for (const [pattern, values] of map) if (overlaps(pattern, host)) found.push(...values)
    }
    return found
  }
}
