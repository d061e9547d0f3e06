// Collects the chains of all services that share one bind address and port, with Istio's rules for who gives way.
import { spliced } from '../base/index.ts'
import type { Protocol, ServicePort } from '../registry/index.ts'
import type { ChainPlan } from './chain-plan.ts'
import { anyV4, listenerName } from './names.ts'

/** What an entry has become: an entry with HTTP or sniffed chains on the wildcard address counts as sniffing from its first service on. */
export type EntryKind = 'sniffing' | 'tcp'

/** Arrivals of one listener that went and came, in the order of their services. */
export interface ArrivalChange {
  readonly gone: readonly Arrival[]
  readonly added: readonly Arrival[]
  /** How many there are now. */
  readonly count: number
  /** The last chain of the services before them. */
  readonly before: () => ChainPlan | undefined
}

/** The chains of one listener in the making. */
export class ListenerEntry {
  readonly bind: string
  readonly extraBinds: readonly string[]
  readonly port: number
  /** Of the first service. */
  readonly protocol: Protocol
  #kind: EntryKind
  #chains: readonly ChainPlan[] = []
  /** How many chains asked for each match: the first has it. */
  readonly #asked = new Map<string, number>()
  /** Arrivals that bring nothing but the table that all HTTP services share. */
  #sharing = 0
  readonly #counts = { matchAll: 0, looksAtNames: 0, looksAtHttp: 0, servesSilence: 0 }

  constructor(first: Arrival) {
    this.bind = first.bind
    this.extraBinds = first.extraBinds
    this.port = first.port.number
    this.protocol = first.port.protocol
    this.#kind = first.http.length > 0 ? 'sniffing' : 'tcp'
    if (isSharing(first)) this.#sharing++
    this.#merge(first.own)
    this.#merge(first.http)
  }

  get chains(): readonly ChainPlan[] {
    return this.#chains
  }

  /** Of how many chains something holds. */
  get counts(): Readonly<Record<'matchAll' | 'looksAtNames' | 'looksAtHttp' | 'servesSilence', number>> {
    return this.#counts
  }

  /** Most of its services are reached by the one chain that they share. */
  get isShared(): boolean {
    return this.#sharing > this.#chains.length
  }

  join(arrival: Arrival): void {
    if (isSharing(arrival)) this.#sharing++
    const isSniffing = this.#kind === 'sniffing'
    // HTTP is served by the table that all share: only the other side of a newcomer can still add something.
    if (isSniffing && arrival.own.length === 0) return
    if (isServerFirstConflict(this.protocol, arrival.port.protocol)) return
    this.#merge(arrival.own)
    if (isSniffing || arrival.http.length === 0) return
    this.#merge(arrival.http)
    this.#kind = 'sniffing'
  }

  /** Left out when a chain with an equal match is there. */
  add(plan: ChainPlan): void {
    const asked = this.#asked.get(plan.key) ?? 0
    this.#asked.set(plan.key, asked + 1)
    if (asked > 0) return
    ;(this.#chains as ChainPlan[]).push(plan)
    this.#count(plan, 1)
  }

  /** Follows a change without looking at the other arrivals; false when more depends on it than can be told so. */
  follow(change: ArrivalChange): boolean {
    return this.#kind === 'sniffing' ? this.#followSharing(change) : this.#followChains(change)
  }

  /** Where all share one table, one more or less changes nothing. */
  #followSharing({ gone, added, count }: ArrivalChange): boolean {
    const [only] = this.#chains
    const areAlike = [...gone, ...added].every((arrival) => isSharing(arrival) && arrival.http.every((plan) => plan === only))
    const sharing = this.#sharing + added.length - gone.length
    if (this.#chains.length !== 1 || !areAlike || sharing !== count || count === 0) return false
    this.#sharing = sharing
    return true
  }

  #followChains({ gone, added, before }: ArrivalChange): boolean {
    const speaksFirst = (arrival: Arrival): boolean => arrival.http.length > 0 || isServerFirst(arrival.port.protocol)
    if (isServerFirst(this.protocol) || gone.some(speaksFirst) || added.some(speaksFirst)) return false
    const left = gone.flatMap(({ own }) => own)
    const come = added.flatMap(({ own }) => own)
    const at = left[0] === undefined ? this.#placeBehind(before()) : this.#chains.indexOf(left[0])
    // What stands first decides what the port speaks.
    if (at <= 0 || !left.every((plan, i) => this.#chains[at + i] === plan && this.#asked.get(plan.key) === 1)) return false
    for (const plan of left) this.#asked.delete(plan.key)
    const isFree = come.every((plan, i) => !this.#asked.has(plan.key) && come.findIndex(({ key }) => key === plan.key) === i)
    for (const plan of isFree ? come : left) this.#asked.set(plan.key, 1)
    if (!isFree) return false
    for (const plan of left) this.#count(plan, -1)
    for (const plan of come) this.#count(plan, 1)
    this.#chains = spliced(this.#chains, at, at + left.length, come)
    return true
  }

  #placeBehind(plan: ChainPlan | undefined): number {
    const at = plan === undefined ? -1 : this.#chains.indexOf(plan)
    return at + 1
  }

  #merge(plans: readonly ChainPlan[]): void {
    for (const plan of plans) this.add(plan)
  }

  #count(plan: ChainPlan, by: 1 | -1): void {
    if (plan.isMatchAll) this.#counts.matchAll += by
    if (plan.looksAtNames) this.#counts.looksAtNames += by
    if (plan.looksAtHttp) this.#counts.looksAtHttp += by
    if (plan.servesSilence) this.#counts.servesSilence += by
  }
}

function isSharing({ own, http }: Arrival): boolean {
  return own.length === 0 && http.length > 0
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

  at(bind: string, port: number, name = listenerName(bind, port)): ListenerEntry | undefined {
    return bind === anyV4 ? this.#byPort.get(port) : this.#byName.get(name)
  }

  /** Older services come first, and keep what they have. */
  arrive(arrival: Arrival): void {
    const isWildcard = arrival.bind === anyV4
    const entry = this.at(arrival.bind, arrival.port.number, arrival.name)
    if (entry !== undefined) entry.join(arrival)
    else if (!isWildcard || !ownPorts.has(arrival.port.number)) this.#add(new ListenerEntry(arrival), arrival)
  }

  #add(entry: ListenerEntry, { bind, name }: Arrival): void {
    this.all.push(entry)
    if (bind === anyV4) this.#byPort.set(entry.port, entry)
    else this.#byName.set(name, entry)
  }
}

/** Ports of the proxy itself, which no service may take on the wildcard address. */
const ownPorts = new Set([15001, 15006, 15021, 15090])

/** Nothing of another protocol may make the port of a server that speaks first wait for the client. */
function isServerFirstConflict(a: Protocol, b: Protocol): boolean {
  return (isServerFirst(a) || isServerFirst(b)) && a !== b
}

function isServerFirst(protocol: Protocol): boolean {
  return protocol === 'mongo' || protocol === 'mysql'
}
