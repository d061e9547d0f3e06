// Collects the chains of all services that share one bind address and port, with Istio's rules for who gives way.
import type { Protocol, ServicePort } from '../registry/index.ts'
import type { ChainPlan } from './chain-plan.ts'
import { anyV4 } from './names.ts'

/** What an entry has become: an entry with HTTP or sniffed chains on the wildcard address counts as sniffing from its first service on. */
export type EntryKind = 'sniffing' | 'tcp'

export interface ListenerEntry {
  readonly bind: string
  readonly extraBinds: readonly string[]
  readonly port: number
  kind: EntryKind
  /** Of the first service. */
  readonly protocol: Protocol
  readonly chains: ChainPlan[]
  readonly keys: Set<string>
}

export interface Arrival {
  /** Name of the listener. */
  readonly name: string
  readonly bind: string
  readonly extraBinds: readonly string[]
  readonly port: ServicePort
  /** Chains of the service alone. */
  readonly own: readonly ChainPlan[]
  /** Chains that lead to a table which the port's HTTP services share. */
  readonly http: readonly ChainPlan[]
}

/** The listeners of one sidecar in the making. */
export class ListenerEntries {
  readonly all: ListenerEntry[] = []
  /** Most services of a large mesh meet here, so these are found by number. */
  readonly #byPort = new Map<number, ListenerEntry>()
  readonly #byName = new Map<string, ListenerEntry>()

  /** Of the wildcard address. */
  onPort(port: number): ListenerEntry | undefined {
    return this.#byPort.get(port)
  }

  /** Older services come first, and keep what they have. */
  arrive(arrival: Arrival): void {
    const isWildcard = arrival.bind === anyV4
    const entry = isWildcard ? this.#byPort.get(arrival.port.number) : this.#byName.get(arrival.name)
    if (entry !== undefined) join(entry, arrival)
    else if (!isWildcard || !ownPorts.has(arrival.port.number)) this.#add(newEntry(arrival), arrival)
  }

  #add(entry: ListenerEntry, { bind, name }: Arrival): void {
    this.all.push(entry)
    if (bind === anyV4) this.#byPort.set(entry.port, entry)
    else this.#byName.set(name, entry)
  }
}

/** Ports of the proxy itself, which no service may take on the wildcard address. */
const ownPorts = new Set([15001, 15006, 15021, 15090])

function join(entry: ListenerEntry, arrival: Arrival): void {
  const isSniffing = entry.kind === 'sniffing'
  // HTTP is served by the table that all share: only the other side of a newcomer can still add something.
  if (isSniffing && arrival.own.length === 0) return
  if (isServerFirstConflict(entry.protocol, arrival.port.protocol)) return
  merge(entry, arrival.own)
  if (isSniffing || arrival.http.length === 0) return
  merge(entry, arrival.http)
  entry.kind = 'sniffing'
}

function newEntry(arrival: Arrival): ListenerEntry {
  const entry: ListenerEntry = {
    bind: arrival.bind,
    extraBinds: arrival.extraBinds,
    port: arrival.port.number,
    kind: arrival.http.length > 0 ? 'sniffing' : 'tcp',
    protocol: arrival.port.protocol,
    chains: [],
    keys: new Set(),
  }
  merge(entry, arrival.own)
  merge(entry, arrival.http)
  return entry
}

function merge(entry: ListenerEntry, chains: readonly ChainPlan[]): void {
  for (const plan of chains) addChain(entry, plan)
}

/** Left out when a chain with an equal match is there. */
export function addChain(entry: ListenerEntry, plan: ChainPlan): void {
  if (entry.keys.has(plan.key)) return
  entry.keys.add(plan.key)
  entry.chains.push(plan)
}

/** MONGO and MYSQL servers speak first: nothing of another protocol may make the port wait for the client. */
function isServerFirstConflict(a: Protocol, b: Protocol): boolean {
  const isServerFirst = a === 'mongo' || a === 'mysql' || b === 'mongo' || b === 'mysql'
  return isServerFirst && a !== b
}
