// Carries what every part of a translation needs to know: the proxy, what it sees, how strict to be, and what was built before.
import type { Issue, ResourceRef } from '../api/index.ts'
import type { Destination, DestinationPolicy, FieldRef, Model, Scope } from '../model/index.ts'
import type { Service } from '../registry/index.ts'
import type { SallyportMetadata } from '../xds/index.ts'
import type { Cluster } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { ClusterLoadAssignment } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { DnsTable_DnsVirtualDomain } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { TranslationCode } from './issue-codes.ts'
import type { Arrival } from './listener-entry.ts'
import type { Closed, ClosedContext, ClosedPorts, KeptListeners, KeptTables, NarrowerChains, Wildcards } from './kept-parts.ts'
import type { PartMap } from '../base/index.ts'
import type { PlacedHost, Want } from './plain-table.ts'
import type { Assemblies, Memo, Parallel } from './memo.ts'

export interface Proxy {
  readonly role: 'sidecar' | 'gateway'
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** IP address by which declared endpoints name this proxy (gateways). */
  readonly address?: string
}

export interface TranslateOptions {
  /** A gateway of the same process stands in for those that no file provides; it is reached by Unix sockets in this directory. */
  readonly embeddedGateway?: { readonly socketDirectory: string }
}

export interface Context {
  readonly model: Model
  readonly proxy: Proxy
  readonly options: TranslateOptions
  readonly scope: Scope
  readonly strict: boolean
  readonly policy: 'ALLOW_ANY' | 'REGISTRY_ONLY'
  /** Hosts that lead to a gateway in this same process. */
  readonly embedded: ReadonlySet<string>
  /** Another object whenever something changes that may concern every service. */
  readonly epoch: object
  readonly kept: Kept
  readonly issues: Issue[]
}

export interface ListenersAndRoutes {
  readonly listeners: ReadonlyMap<string, Listener>
  readonly routes: ReadonlyMap<string, RouteConfiguration>
}

export function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]))
}

/** What is kept from one translation for a proxy to the next. */
export interface Kept {
  readonly memo: Memo
  readonly assemblies: Assemblies
  readonly arrivals: Parallel<Context, Service, readonly Arrival[]>
  readonly clusters: Parallel<Context, Destination, BuiltClusters>
  readonly names: Parallel<Context, Destination, DnsTable_DnsVirtualDomain>
  readonly wants: Parallel<Context, Service, Want>
  wildcards: Wildcards
  readonly closed: Parallel<ClosedContext, Destination, readonly Closed[]>
  readonly narrower: Parallel<Context, Closed, NarrowerChains>
  closedPorts: ClosedPorts
  /** As `assemblies`, of what is not asked for each time. */
  readonly lasting: Assemblies
  listeners: KeptListeners | undefined
  tables: KeptTables | undefined
  /** By port. */
  readonly hosts: Map<number, Parallel<Context, Service, PlacedHost>>
  readonly embedded: Map<string, Service>
  readonly maps: {
    clusters: PartMap<BuiltClusters, Cluster>
    endpoints: PartMap<BuiltClusters, ClusterLoadAssignment>
    names: PartMap<DnsTable_DnsVirtualDomain, DnsTable_DnsVirtualDomain>
  }
  epoch: { readonly inputs: readonly unknown[] }
}

export interface BuiltClusters {
  readonly clusters: readonly Cluster[]
  readonly endpoints: readonly ClusterLoadAssignment[]
}

export function policyOf(ctx: Context, service: Service): DestinationPolicy | undefined {
  return ctx.scope.policy(service, ctx.proxy.labels)
}

export function refMetadata(ref: ResourceRef, field: string): SallyportMetadata {
  return { kind: ref.kind, namespace: ref.namespace, name: ref.name, field }
}

/** Metadata that refuses whatever reaches the thing, because `at` is not carried out. */
export function refuseUnsupported(at: FieldRef): SallyportMetadata {
  return { ...refMetadata(at.ref, at.field), refuse: 'not-supported', refuseText: unsupportedText(at) }
}

export function unsupportedText(at: FieldRef): string {
  return `${at.ref.kind} ${at.ref.namespace}/${at.ref.name} uses ${at.field}, which is not carried out yet`
}

/** Who said what becomes of destinations that nothing declares: the Sidecar of this workload, or the mesh. */
export function policySource(ctx: Context): FieldRef | undefined {
  const { sidecar } = ctx.scope
  if (sidecar?.policy !== undefined) return { ref: sidecar.ref, field: 'spec.outboundTrafficPolicy' }
  const { policyRef } = ctx.model.settings
  return policyRef === undefined ? undefined : { ref: policyRef, field: policyRef.field }
}

/** What destinations that nothing declares are answered with. */
export function undeclaredMetadata(ctx: Context): SallyportMetadata {
  const { sidecar } = ctx.scope
  const field = sidecar?.unsupported.find((path) => path.startsWith('spec.outboundTrafficPolicy'))
  if (sidecar !== undefined && field !== undefined) return refuseUnsupported({ ref: sidecar.ref, field })
  const source = policySource(ctx)
  const ref = source === undefined ? {} : refMetadata(source.ref, source.field)
  return ctx.policy === 'ALLOW_ANY' ? ref : { ...ref, refuse: 'not-declared' }
}

export interface Warning {
  readonly code: TranslationCode
  readonly message: string
  readonly fix: string
}

export function warn(ctx: Context, at: FieldRef, warning: Warning): void {
  const resource = findResource(ctx.model, at.ref)
  ctx.issues.push({
    level: 'warning',
    ...warning,
    path: at.field,
    ref: at.ref,
    source: resource?.origin.source ?? '',
    ...(resource && { place: resource.origin.placeOf(at.field) }),
  })
}

function findResource(model: Model, ref: ResourceRef) {
  switch (ref.kind) {
    case 'ServiceEntry':
    case 'VirtualService':
    case 'DestinationRule':
    case 'Gateway':
    case 'Sidecar':
    case 'Service':
      return model.resources.get(ref.kind, ref.namespace, ref.name)
    default:
      return undefined
  }
}
