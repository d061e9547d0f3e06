// Says which declarations the `hosts` of a Sidecar's egress listener import.
import { covers, overlaps, spell, type Spelling } from '../registry/index.ts'

/** Of one namespace, or of all. */
class Names {
  readonly #exact = new Set<string>()
  readonly #wildcards: string[] = []

  add(host: string): void {
    if (host.startsWith('*')) this.#wildcards.push(host)
    else this.#exact.add(host)
  }

  covers(host: string): boolean {
    return this.#exact.has(host) || this.#wildcards.some((wide) => covers(wide, host))
  }

  overlaps(host: string): boolean {
    if (this.#exact.has(host)) return true
    if (this.#wildcards.some((wide) => overlaps(wide, host))) return true
    return host.startsWith('*') && [...this.#exact].some((name) => covers(host, name))
  }
}

/** `NAMESPACE/HOST`, with `*`, `.` and `~` for the namespace; newer Istio takes `~NAMESPACE/HOST` for what is left out. */
export class ImportedHosts {
  readonly #imported = new Map<string, Names>()
  readonly #leftOut = new Map<string, Names>()

  constructor(entries: readonly string[], own: string, spelling: Spelling) {
    for (const entry of entries) {
      const slash = entry.indexOf('/')
      const said = entry.slice(0, slash)
      // `~` alone is the namespace of nobody.
      if (slash < 0 || said === '~') continue
      const isLeftOut = said.startsWith('~')
      const namespace = isLeftOut ? said.slice(1) : said
      add(isLeftOut ? this.#leftOut : this.#imported, namespace === '.' ? own : namespace, spell(entry.slice(slash + 1), spelling))
    }
  }

  /** Whether a declaration of this host in this namespace is imported: a wildcard only by one as wide. */
  covers(namespace: string, host: string): boolean {
    const covered = (names: ReadonlyMap<string, Names>): boolean =>
      names.get(namespace)?.covers(host) === true || names.get('*')?.covers(host) === true
    return covered(this.#imported) && !covered(this.#leftOut)
  }

  /** Whether a VirtualService for this host is: it is enough that they share a name (Istio's matching, either way round). */
  overlaps(namespace: string, host: string): boolean {
    const imported = this.#imported
    if (imported.get(namespace)?.overlaps(host) !== true && imported.get('*')?.overlaps(host) !== true) return false
    return this.#leftOut.get(namespace)?.covers(host) !== true && this.#leftOut.get('*')?.covers(host) !== true
  }
}

function add(map: Map<string, Names>, namespace: string, host: string): void {
  const names = map.get(namespace) ?? new Names()
  map.set(namespace, names)
  names.add(host)
}
