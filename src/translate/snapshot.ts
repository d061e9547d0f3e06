// Puts together everything that one proxy should have.
import type { Model, SidecarConfig } from '../model/index.ts'
import type { Cluster } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { Issue } from '../api/index.ts'
import type { Snapshot } from '../xds/index.ts'
import { blackHoleCluster, fillClusters, passthroughCluster } from './clusters.ts'
import { credentials } from './credentials.ts'
import { type Context, type Kept, type Proxy, type TranslateOptions } from './context.ts'
import { embeddedServices } from './egress-gateway.ts'
import { gatewayResources } from './gateway-listeners.ts'
import { declaredNames, fillName } from './names-table.ts'
import { Assemblies, Memo, Parallel, sameItems } from './memo.ts'
import { origins } from './origins.ts'
import { finish, followParts, type Steps } from '../base/index.ts'
import { fillClosed, fillNarrower } from './narrower-hosts.ts'
import { sidecarResources } from './sidecar.ts'
import { fillWant } from './sidecar-tables.ts'
import { fillArrivals } from './sidecar-listeners.ts'

export interface Translation {
  readonly snapshot: Snapshot
  readonly issues: readonly Issue[]
}

/** By the object that a caller uses for its proxy, for as long as it uses it. */
const keptFor = new WeakMap<Proxy, Kept>()

/**
 * What `proxy` should have under `model`. The content depends on the arguments alone. Whoever passes the same `proxy` object again gets
 * unchanged messages as the same objects, and pays for what has changed only.
 */
export function translate(model: Model, proxy: Proxy, options: TranslateOptions = {}): Translation {
  return finish(translating(model, proxy, options))
}

/** As `translate`, in steps. For one proxy only one may be under way, and it has to be brought to its end. */
export function* translating(model: Model, proxy: Proxy, options: TranslateOptions = {}): Steps<Translation> {
  const kept = keptFor.get(proxy) ?? newKept()
  keptFor.set(proxy, kept)
  const ctx = newContext(model, proxy, options, kept)
  yield
  const { listeners, routes } = proxy.role === 'sidecar' ? yield* sidecarResources(ctx) : gatewayResources(ctx)
  yield
  const fixed = [blackHoleCluster(ctx), ...(proxy.role === 'sidecar' ? [passthroughCluster(ctx)] : [])]
  const clusters = yield* allClusters(ctx, fixed)
  yield
  const names = proxy.role === 'sidecar' ? yield* declaredNames(ctx) : new Map<string, never>()
  const secrets = credentials(ctx, { clusters: clusters.clusters, listeners })
  kept.assemblies.sweep()
  const snapshot = { version: model.version, listeners, routes, ...clusters, secrets, names, origins: origins(model) }
  return { snapshot, issues: ctx.issues }
}

function entryOf(cluster: Cluster): readonly [string, Cluster] {
  return [cluster.name, cluster]
}

const emptyParts = { fixed: [], parts: [], map: new Map<string, never>() }

function newKept(): Kept {
  return {
    memo: new Memo(),
    assemblies: new Assemblies(),
    arrivals: new Parallel(fillArrivals),
    clusters: new Parallel(fillClusters),
    names: new Parallel(fillName),
    wants: new Parallel(fillWant),
    wildcards: { services: [], found: [] },
    closed: new Parallel(fillClosed),
    narrower: new Parallel(fillNarrower),
    closedPorts: { lists: [], all: [] },
    lasting: new Assemblies(),
    listeners: undefined,
    tables: undefined,
    hosts: new Map(),
    embedded: new Map(),
    maps: { clusters: emptyParts, endpoints: emptyParts, names: emptyParts },
    epoch: { inputs: [] },
  }
}

function newContext(model: Model, proxy: Proxy, options: TranslateOptions, kept: Kept): Context {
  const added = embeddedServices(model, options, kept.embedded)
  // As in Istio, where gateways see what their namespace sees.
  const sidecar = proxy.role === 'sidecar' ? model.sidecarOf(proxy) : undefined
  const scope = model.scope(proxy.namespace, { added, ...(sidecar && { sidecar }) })
  return {
    model,
    proxy,
    options,
    scope,
    strict: model.strict,
    policy: scope.sidecar === undefined ? policyOf(model) : policyUnder(model, scope.sidecar),
    embedded: new Set(added.map((service) => service.host)),
    epoch: epochOf(model, options, { kept, sidecar }),
    kept,
    issues: [],
  }
}

function epochOf(
  model: Model,
  options: TranslateOptions,
  { kept, sidecar }: { readonly kept: Kept; readonly sidecar: SidecarConfig | undefined },
): object {
  const { mesh, sallyport, policyRef } = model.settings
  const lists = (['VirtualService', 'DestinationRule', 'Gateway'] as const).map((kind) => model.resources.of(kind))
  const inputs = [JSON.stringify([mesh, sallyport, policyRef, options, ...kept.embedded.keys()]), sidecar?.source, ...lists]
  if (!sameItems(kept.epoch.inputs, inputs)) kept.epoch = { inputs }
  return kept.epoch
}

/** Istio allows anything by default; a mode that is not carried out allows nothing that is not declared. */
function policyOf(model: Model): Context['policy'] {
  return (model.settings.mesh.outboundTrafficPolicy?.mode ?? 'ALLOW_ANY') === 'ALLOW_ANY' ? 'ALLOW_ANY' : 'REGISTRY_ONLY'
}

/** A policy that is not carried out allows nothing that is not declared. */
function policyUnder(model: Model, { policy, unsupported }: SidecarConfig): Context['policy'] {
  if (unsupported.some((path) => path.startsWith('spec.outboundTrafficPolicy'))) return 'REGISTRY_ONLY'
  return policy ?? policyOf(model)
}

/** Built for every destination that the proxy sees; a part per destination. */
function* allClusters(ctx: Context, fixed: readonly Cluster[]): Steps<Pick<Snapshot, 'clusters' | 'endpoints'>> {
  const entries = ctx.kept.assemblies.get('fixed clusters', fixed, () => fixed.map(entryOf))
  const parts = yield* ctx.kept.clusters.all(ctx, ctx.scope.destinations)
  const { maps } = ctx.kept
  yield
  maps.clusters = yield* followParts(maps.clusters, { fixed: entries, parts }, ({ clusters }) => clusters.map(entryOf))
  yield
  const { fixed: none } = maps.endpoints
  maps.endpoints = yield* followParts(maps.endpoints, { fixed: none, parts }, ({ endpoints }) =>
    endpoints.map((one) => [one.clusterName, one] as const),
  )
  return { clusters: maps.clusters.map, endpoints: maps.endpoints.map }
}
