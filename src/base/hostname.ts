// Defines host names and the wildcard patterns over them, with Istio's algebra, so that every room compares names in the same way.
import { parsePort } from './address.ts'
import { familyOf, parseIp } from './ip.ts'

/** Lower case, no trailing dot, valid DNS labels; a pattern (`*.x` or `*`) only where it came from `parseHostPattern`. */
export type Hostname = string & { readonly __brand: 'Hostname' }

/** Lower-cases and drops one trailing dot; refuses whatever is no DNS name or could be read as an IP address. */
export function parseHostname(text: string): Hostname | undefined {
  const name = lowerCase(text.endsWith('.') ? text.slice(0, -1) : text)
  // Differs from Istio: 253 instead of 255, because no longer name fits into a DNS message (RFC 1035 §3.1).
  if (name === undefined || name.length === 0 || name.length > 253) return undefined
  const labels = name.split('.')
  if (!labels.every((label) => labelPattern.test(label))) return undefined
  // Differs from Istio: a last label such as `0x7f` is refused too, because inet_aton and WHATWG URLs read it as a number.
  if (numberPattern.test(labels.at(-1) ?? '')) return undefined
  return brand(name)
}

/** As `parseHostname`, and also `*.x` and `*`. */
export function parseHostPattern(text: string): Hostname | undefined {
  if (text === '*') return brand(text)
  if (!text.startsWith('*.')) return parseHostname(text)
  const rest = parseHostname(text.slice(2))
  return rest === undefined || rest.length > 251 ? undefined : brand(`*.${rest}`)
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*')
}

/** Whether a name of traffic falls under a pattern: `*.x` at any depth but not `x` itself, `*` everything. */
export function hostMatches(pattern: Hostname, name: string): boolean {
  if (!isWildcard(pattern)) return pattern === name
  const suffix = pattern.slice(1)
  return name.length > suffix.length && name.endsWith(suffix)
}

/** Whether every name under `narrower` is also under `wider` (Istio's `SubsetOf(narrower, wider)`). */
export function hostCovers(wider: Hostname, narrower: Hostname): boolean {
  if (wider === narrower) return true
  return isWildcard(wider) && narrower.length >= wider.length && narrower.endsWith(wider.slice(1))
}

/** Whether some name is under both patterns (Istio's symmetric `Matches`). */
export function hostsOverlap(a: Hostname, b: Hostname): boolean {
  return hostCovers(a, b) || hostCovers(b, a)
}

/** Maps patterns to values; a look-up finds the exact name, else the longest wildcard, at the cost of one probe per label. */
export class HostMap<V> {
  readonly #exact = new Map<string, V>()
  /** By the pattern without its `*.`; the pattern `*` has the empty key. */
  readonly #wildcards = new Map<string, V>()

  get size(): number {
    return this.#exact.size + this.#wildcards.size
  }

  set(pattern: Hostname, value: V): this {
    if (isWildcard(pattern)) this.#wildcards.set(pattern.slice(2), value)
    else this.#exact.set(pattern, value)
    return this
  }

  /** The value for a name of traffic, which has to be in lower case and without a trailing dot. */
  get(name: string): V | undefined {
    if (this.#exact.has(name)) return this.#exact.get(name)
    if (this.#wildcards.size === 0 || name.length === 0) return undefined
    for (let dot = name.indexOf('.', 1); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const rest = name.slice(dot + 1)
      if (rest !== '' && this.#wildcards.has(rest)) return this.#wildcards.get(rest)
    }
    return this.#wildcards.get('')
  }

  /** The value stored under this very pattern. */
  getPattern(pattern: Hostname): V | undefined {
    return isWildcard(pattern) ? this.#wildcards.get(pattern.slice(2)) : this.#exact.get(pattern)
  }

  delete(pattern: Hostname): boolean {
    return isWildcard(pattern) ? this.#wildcards.delete(pattern.slice(2)) : this.#exact.delete(pattern)
  }

  *entries(): IterableIterator<[Hostname, V]> {
    for (const [name, value] of this.#exact) yield [brand(name), value]
    for (const [rest, value] of this.#wildcards) yield [brand(rest === '' ? '*' : `*.${rest}`), value]
  }
}

export interface Authority {
  /** Lower-cased, otherwise as sent; an IP address in canonical form and without brackets. */
  readonly host: string
  readonly port?: number
}

/** Splits `host[:port]` of a Host header or URL (RFC 3986 §3.2); user info and whatever could be read in two ways is refused. */
export function splitAuthority(text: string): Authority | undefined {
  if (text.startsWith('[')) return splitBracketed(text)
  const colon = text.indexOf(':')
  const host = lowerCase(colon < 0 ? text : text.slice(0, colon))
  if (host === undefined || host.length > 254 || !authorityHostPattern.test(host)) return undefined
  return withPort(host, colon < 0 ? '' : text.slice(colon))
}

function splitBracketed(text: string): Authority | undefined {
  const close = text.indexOf(']')
  const inner = text.slice(1, Math.max(close, 1))
  const ip = parseIp(inner)
  // `[1.2.3.4]` is no URI; a mapped address in brackets is one, and its canonical form is IPv4.
  if (ip === undefined || (familyOf(ip) === 4 && !inner.includes(':'))) return undefined
  return withPort(ip, text.slice(close + 1))
}

/** `rest` is empty or `:port`. An empty port is refused although RFC 3986 §3.2.3 allows it: peers disagree on it. */
function withPort(host: string, rest: string): Authority | undefined {
  if (rest === '') return { host }
  const port = rest.startsWith(':') ? parsePort(rest.slice(1)) : undefined
  return port === undefined || port === 0 ? undefined : { host, port }
}

// RFC 1123 §2.1: letters, digits and inner hyphens, at most 63.
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const asciiPattern = /^[\x21-\x7e]*$/
const numberPattern = /^(?:[0-9]+|0x[0-9a-f]*)$/
// Names of traffic may hold an underscore, which wildcards cover; nothing that needs escaping may.
const authorityHostPattern = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/

/** Only ASCII: `toLowerCase` would make a `k` of the Kelvin sign, and so one name of two. */
function lowerCase(text: string): string | undefined {
  return asciiPattern.test(text) ? text.toLowerCase() : undefined
}

function brand(name: string): Hostname {
  return name as Hostname
}
