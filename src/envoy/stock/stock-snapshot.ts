// Makes of a proxy's resources those that stock Envoy is given; what it cannot be told becomes narrower, never wider.
import type { Steps } from '../../base/index.ts'
import { readMetadata, type SallyportMetadata, type Snapshot } from '../../xds/index.ts'
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.js'
import { traitsOf } from './cluster-traits.ts'
import type { StockSite } from './site.ts'
import { stockCluster } from './stock-cluster.ts'
import { type ListenerSite, stockListener } from './stock-listener.ts'
import { StockRoutes } from './stock-routes.ts'

/** So many clusters are made between two moments at which others may have their turn. */
const MANY = 64

export class StockSnapshots {
  readonly #site: StockSite
  readonly #routes = new StockRoutes()
  readonly #listeners = new WeakMap<Listener, { readonly key: string; readonly made: readonly Listener[] }>()

  constructor(site: StockSite) {
    this.#site = site
  }

  /** Unchanged resources stay the same objects. */
  *making(snapshot: Snapshot): Steps<Snapshot> {
    const traits = (name: string) => {
      const cluster = snapshot.clusters.get(name)
      return cluster && traitsOf(cluster)
    }
    const strict = [...snapshot.listeners.values()].some(({ metadata }) => readMetadata(metadata).strictness === 'strict')
    const ownPorts = wildcardPorts(snapshot.listeners)
    const isOpen = readMetadata(snapshot.listeners.get('virtualOutbound')?.metadata).outboundPolicy === 'ALLOW_ANY'
    const at: ListenerSite = { site: this.#site, strict, traits, ownPorts, fallback: fallbackOf(snapshot), isOpen }
    const dynamic = [...snapshot.clusters.values()].filter((cluster) => traitsOf(cluster).isDynamic).map(({ name }) => name)
    const key = JSON.stringify([strict, isOpen, at.fallback, dynamic])
    const listeners: Listener[] = []
    for (const listener of snapshot.listeners.values()) {
      listeners.push(...(yield* this.#listener(listener, key, at)))
      yield
    }
    const routes = new Map<string, RouteConfiguration>()
    for (const [name, table] of snapshot.routes) {
      routes.set(name, yield* this.#routes.table(table, { site: this.#site, strict, traits }))
      yield
    }
    const clusters = new Map<string, Cluster>()
    for (const [name, cluster] of snapshot.clusters) {
      clusters.set(name, stockCluster(cluster))
      if (clusters.size % MANY === 0) yield
    }
    return {
      ...snapshot,
      listeners: new Map(listeners.map((listener) => [listener.name, listener])),
      routes,
      clusters,
      endpoints: new Map(Array.from(snapshot.endpoints).filter(([name]) => traits(name)?.refusal === undefined)),
    }
  }

  *#listener(listener: Listener, key: string, at: ListenerSite): Steps<readonly Listener[]> {
    const own = listener.useOriginalDst === true ? `${key} ${at.ownPorts.join()}` : key
    const known = this.#listeners.get(listener)
    if (known?.key === own) return known.made
    const made = yield* stockListener(listener, at)
    this.#listeners.set(listener, { key: own, made })
    return made
  }
}

/** Ports at which a listener takes every address, so that nothing is left to the one that captures. */
function wildcardPorts(listeners: Snapshot['listeners']): readonly number[] {
  const ports = new Set<number>()
  for (const { address, useOriginalDst } of listeners.values()) {
    const it = address?.address
    if (useOriginalDst !== true && it?.case === 'socketAddress' && it.value.portSpecifier.case === 'portValue')
      ports.add(it.value.portSpecifier.value)
  }
  return [...ports].sort((a, b) => a - b)
}

/** Who said what becomes of destinations that nothing declares. */
function fallbackOf({ listeners }: Snapshot): SallyportMetadata {
  const { kind, namespace, name, field } = readMetadata(listeners.get('virtualOutbound')?.metadata)
  return {
    ...(kind !== undefined && { kind }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(field !== undefined && { field }),
  }
}
