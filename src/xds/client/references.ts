// Finds what resources name of others that travel apart: route tables in listeners, endpoints of clusters.
import { anyIs } from '@bufbuild/protobuf/wkt'
import { type Cluster, Cluster_DiscoveryType } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import type { FilterChain } from '../gen/envoy/config/listener/v3/listener_components_pb.js'
import type { Listener } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { isUnread } from '../decode-lazily.ts'
import { unpackAny } from '../packed-any.ts'
import { hasOwnMetadata } from '../metadata.ts'
import { secretsNamedBy } from '../secret-references.ts'
import type { Snapshot } from '../snapshot.ts'

export interface References {
  readonly routes: ReadonlySet<string>
  readonly endpoints: ReadonlySet<string>
  /** Those that no file stands for. */
  readonly secrets: ReadonlySet<string>
  /** Some resource comes from a control plane that also has names and origins. */
  readonly hasOwnMetadata: boolean
}

/** What one resource names. */
export type OwnReferences = Partial<Readonly<Record<'routes' | 'endpoints' | 'secrets', readonly string[]>>>

const remembered = new WeakMap<object, OwnReferences>()

/** Of a resource that nobody has read since the program was started: it is known from another time. */
export function rememberReferences(unread: object, references: OwnReferences): void {
  remembered.set(unread, references)
}

/** Undefined when it names nothing. */
export function referencesOf(resource: Listener | Cluster): OwnReferences | undefined {
  if (isUnread(resource)) return remembered.get(resource)
  const isListener = 'filterChains' in resource
  const listeners = isListener ? [resource] : []
  const clusters = isListener ? [] : [resource]
  const found = { routes: routesOf(listeners), endpoints: endpointsOf(clusters), secrets: secretsOf(listeners, clusters) }
  const some = Object.entries(found).flatMap(([what, names]) => (names.size === 0 ? [] : [[what, [...names]] as const]))
  return some.length === 0 ? undefined : Object.fromEntries(some)
}

type Referring = Pick<Snapshot, 'listeners' | 'clusters'>

/** What is compared by identity is looked through once. */
export class ReferenceFinder {
  #before: (Referring & { readonly found: References }) | undefined

  /** What is known of a snapshot from another time. */
  begin({ listeners, clusters }: Referring, found: References): void {
    this.#before = { listeners, clusters, found }
  }

  of(snapshot: Referring): References {
    const { listeners, clusters } = snapshot
    const before = this.#before
    if (before?.listeners === listeners && before.clusters === clusters) return before.found
    const found = {
      routes: before?.listeners === listeners ? before.found.routes : routesOf(listeners.values()),
      endpoints: before?.clusters === clusters ? before.found.endpoints : endpointsOf(clusters.values()),
      secrets: secretsOf(listeners.values(), clusters.values()),
      hasOwnMetadata: hasOwn(listeners.values()) || hasOwn(clusters.values()),
    }
    this.#before = { listeners, clusters, found }
    return found
  }
}

/** The proxy reads files by itself. */
function secretsOf(listeners: Iterable<Listener>, clusters: Iterable<Cluster>): ReadonlySet<string> {
  const secrets = new Set<string>()
  const read = { listeners: readOf(listeners, 'secrets', secrets), clusters: readOf(clusters, 'secrets', secrets) }
  for (const name of secretsNamedBy(read)) if (!name.startsWith('file-')) secrets.add(name)
  return secrets
}

/** Those that have been read; of the others, what they name is added. */
function readOf<R extends object>(resources: Iterable<R>, what: keyof OwnReferences, names: Set<string>): readonly R[] {
  const read: R[] = []
  for (const resource of resources) {
    if (!isUnread(resource)) read.push(resource)
    else for (const name of remembered.get(resource)?.[what] ?? []) names.add(name)
  }
  return read
}

function routesOf(listeners: Iterable<Listener>): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { filterChains, defaultFilterChain } of readOf(listeners, 'routes', names)) {
    for (const chain of filterChains) for (const name of routesOfChain(chain)) names.add(name)
    if (defaultFilterChain !== undefined) for (const name of routesOfChain(defaultFilterChain)) names.add(name)
  }
  return names
}

const known = new WeakMap<FilterChain, readonly string[]>()
const nowhere: readonly string[] = []

function routesOfChain(chain: FilterChain): readonly string[] {
  // One that names any was read with its listener.
  if (isUnread(chain)) return nowhere
  const before = known.get(chain)
  if (before !== undefined) return before
  const found = chain.filters.flatMap(({ configType }) => {
    if (configType.case !== 'typedConfig' || !anyIs(configType.value, HttpConnectionManagerSchema)) return []
    return routeOfManager(configType.value)
  })
  known.set(chain, found)
  return found
}

function routeOfManager(config: Parameters<typeof anyIs>[0]): readonly string[] {
  try {
    const specifier = unpackAny(config, HttpConnectionManagerSchema)?.routeSpecifier
    return specifier?.case === 'rds' && specifier.value.routeConfigName !== '' ? [specifier.value.routeConfigName] : []
  } catch {
    // It names nothing that could be asked for; that it cannot be read is said by whoever compiles it.
    return []
  }
}

function endpointsOf(clusters: Iterable<Cluster>): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { name, clusterDiscoveryType: type, edsClusterConfig } of readOf(clusters, 'endpoints', names)) {
    if (type.case === 'type' && type.value === Cluster_DiscoveryType.EDS) names.add(edsClusterConfig?.serviceName || name)
  }
  return names
}

function hasOwn(resources: Iterable<Listener | Cluster>): boolean {
  for (const resource of resources) if (!isUnread(resource) && hasOwnMetadata(resource.metadata)) return true
  return false
}
