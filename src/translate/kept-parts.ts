// Describes what a sidecar's listeners and tables were made of, which the next translation compares itself with.
import type { HostIndex, Service } from '../registry/index.ts'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { ChainPlan } from './chain-plan.ts'
import type { ListenerTracker } from './listener-tracker.ts'
import type { Place } from './places.ts'
import type { PlainTable, Want } from './plain-table.ts'

/** A declared host, and a port for which a wider wildcard does not speak for it. */
export interface Closed {
  readonly service: Service
  readonly wider: string
  readonly port: number
  readonly family: 'http' | 'tls'
  /** Where the wildcard listens. */
  readonly place: Place
  /** The host has the port itself and is reached there by its own chains; otherwise there is no way. */
  readonly isOwn: boolean
}

/** The chains of a declared host in a listener in which a wider wildcard has its own. */
export interface NarrowerChains {
  readonly bind: string
  readonly port: number
  readonly plans: readonly ChainPlan[]
}

export interface Wildcards {
  readonly services: readonly Service[]
  readonly found: readonly Service[]
}

/** What every destination closes, and all of it in one list. */
export interface ClosedPorts {
  readonly lists: readonly (readonly Closed[])[]
  readonly all: readonly Closed[]
}

export interface ClosedContext {
  /** The wildcards themselves: as long as they are the same list, only new destinations have to be looked at. */
  readonly epoch: object
  readonly index: HostIndex<Service>
}

/** What the listeners were made of last time. */
export interface KeptListeners {
  readonly inputs: readonly unknown[]
  readonly narrower: readonly NarrowerChains[]
  readonly tracker: ListenerTracker
  readonly map: ReadonlyMap<string, Listener>
}

/** What the tables were made of last time. */
export interface KeptTables {
  readonly epoch: object
  readonly closed: readonly Closed[]
  readonly wants: readonly Want[]
  /** Names of tables in which rules have a say: those depend on more than the services that ask for them. */
  readonly ruled: ReadonlySet<string>
  /** By name, those that can be followed. */
  readonly plain: Map<string, PlainTable>
  readonly map: ReadonlyMap<string, RouteConfiguration>
}
