// Finds the listener that a connection belongs to, as Envoy hands connections over by their original destination.
import { type Address, type MapChange, PatchedMap } from '../base/index.ts'
import type { ConnectionFacts } from '../flow/index.ts'
import type { CompiledListener } from './listener.ts'
import type { Target } from './target.ts'
import type { Trace } from './trace.ts'

interface PortEntry {
  exact: ReadonlyMap<string, CompiledListener>
  wildcard: CompiledListener | undefined
}

/** Exact `ip:port`, then the port on any address, then the one that takes everything. */
export class ListenerTable {
  #bound: ReadonlyMap<string, CompiledListener> = new Map<string, CompiledListener>()
  readonly #ports = new Map<number, PortEntry>()
  #catchAll: CompiledListener | undefined
  /** Some address is wanted by two: who has it then depends on all. */
  #isContested = false

  /** Also returns the addresses that an earlier listener has. */
  static of(listeners: Iterable<CompiledListener>): { readonly table: ListenerTable; readonly taken: readonly TakenAddress[] } {
    const table = new ListenerTable()
    const making: Making = { bound: new Map(), exact: new Map() }
    const taken: TakenAddress[] = []
    for (const listener of listeners) for (const address of table.#add(listener, making)) taken.push({ listener, address })
    table.#bound = making.bound
    table.#isContested = taken.length > 0
    return { table, taken }
  }

  get catchAll(): CompiledListener | undefined {
    return this.#catchAll
  }

  /** A table that differs from this one in a few listeners; undefined when what differs depends on the others too. */
  patched(changes: readonly MapChange<CompiledListener>[]): ListenerTable | undefined {
    const all = changes.flatMap(({ before, now }) => [before, now]).filter((listener) => listener !== undefined)
    if (this.#isContested || all.some((listener) => listener.isCatchAll)) return undefined
    const table = new ListenerTable()
    table.#catchAll = this.#catchAll
    const bound = changes.flatMap(({ key, before, now }) =>
      before?.isBound || now?.isBound ? [[key, now?.isBound ? now : undefined] as const] : [],
    )
    table.#bound = PatchedMap.of(this.#bound, new Map(bound))
    for (const [port, entry] of this.#ports) table.#ports.set(port, entry)
    const edits = new PortEdits(table.#ports)
    for (const { before } of changes) if (before && !before.isBound) for (const at of before.addresses) edits.free(at)
    for (const { now } of changes) {
      if (now && !now.isBound) for (const at of now.addresses) if (!edits.claim(at, now)) return undefined
    }
    edits.apply()
    return table
  }

  find(facts: ConnectionFacts, trace: Trace | undefined): CompiledListener | undefined {
    if (facts.listener !== undefined) return found(this.#bound.get(facts.listener), 'bound', trace)
    const entry = this.#ports.get(facts.destination.port)
    if (entry) {
      const exact = entry.exact.get(facts.destination.ip)
      if (exact) return found(exact, 'address', trace)
      if (entry.wildcard) return found(entry.wildcard, 'port', trace)
    }
    return found(this.#catchAll, 'catch-all', trace)
  }

  #add(listener: CompiledListener, making: Making): Address[] {
    if (listener.isBound) {
      making.bound.set(listener.name, listener)
      return []
    }
    if (listener.isCatchAll) {
      this.#catchAll ??= listener
      return []
    }
    const taken: Address[] = []
    for (const address of listener.addresses) {
      if (!('pipe' in address) && !this.#claim(address, listener, making)) taken.push(address)
    }
    return taken
  }

  #claim({ ip, port }: Address, listener: CompiledListener, { exact }: Making): boolean {
    let entry = this.#ports.get(port)
    let addresses = exact.get(port)
    if (!entry || !addresses) {
      addresses = new Map()
      exact.set(port, addresses)
      this.#ports.set(port, (entry = { exact: addresses, wildcard: undefined }))
    }
    if (isWildcard(ip)) {
      if (entry.wildcard && entry.wildcard !== listener) return false
      entry.wildcard = listener
      return true
    }
    if (addresses.has(ip)) return addresses.get(ip) === listener
    addresses.set(ip, listener)
    return true
  }
}

export interface TakenAddress {
  readonly listener: CompiledListener
  readonly address: Address
}

/** The maps of a table while they may be added to. */
interface Making {
  readonly bound: Map<string, CompiledListener>
  readonly exact: Map<number, Map<string, CompiledListener>>
}

/** Changes of a few addresses, collected before they are made. */
class PortEdits {
  readonly #ports: Map<number, PortEntry>
  readonly #exact = new Map<number, Map<string, CompiledListener | undefined>>()
  readonly #wildcards = new Map<number, CompiledListener | undefined>()

  constructor(ports: Map<number, PortEntry>) {
    this.#ports = ports
  }

  free(address: Target): void {
    if ('pipe' in address) return
    if (isWildcard(address.ip)) this.#wildcards.set(address.port, undefined)
    else this.#exactOf(address.port).set(address.ip, undefined)
  }

  claim(address: Target, listener: CompiledListener): boolean {
    if ('pipe' in address) return true
    const { ip, port } = address
    if (isWildcard(ip)) {
      const holder = this.#wildcards.has(port) ? this.#wildcards.get(port) : this.#ports.get(port)?.wildcard
      this.#wildcards.set(port, listener)
      return holder === undefined || holder === listener
    }
    const changed = this.#exactOf(port)
    const holder = changed.has(ip) ? changed.get(ip) : this.#ports.get(port)?.exact.get(ip)
    changed.set(ip, listener)
    return holder === undefined || holder === listener
  }

  apply(): void {
    for (const port of new Set([...this.#exact.keys(), ...this.#wildcards.keys()])) {
      const before = this.#ports.get(port) ?? { exact: new Map<string, CompiledListener>(), wildcard: undefined }
      const exact = PatchedMap.of(before.exact, this.#exactOf(port))
      const wildcard = this.#wildcards.has(port) ? this.#wildcards.get(port) : before.wildcard
      if (exact.size === 0 && wildcard === undefined) this.#ports.delete(port)
      else this.#ports.set(port, { exact, wildcard })
    }
  }

  #exactOf(port: number): Map<string, CompiledListener | undefined> {
    const known = this.#exact.get(port) ?? new Map<string, CompiledListener | undefined>()
    this.#exact.set(port, known)
    return known
  }
}

function isWildcard(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::'
}

function found(
  listener: CompiledListener | undefined,
  how: 'bound' | 'address' | 'port' | 'catch-all',
  trace: Trace | undefined,
): CompiledListener | undefined {
  if (listener) trace?.push({ step: 'listener', name: listener.name, how, ...(listener.ref && { ref: listener.ref }) })
  return listener
}
