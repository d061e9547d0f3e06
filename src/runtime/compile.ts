// Compiles a snapshot into the runtime that decisions are made from; unchanged resources keep their compiled form by identity.
import type { Ip } from '../base/index.ts'
import type { Snapshot } from '../xds/index.ts'
import { type ClusterPlan, compileCluster, passthroughCluster } from './cluster.ts'
import type { BoundListener, NodeFacts, Runtime } from './compiled.ts'
import { CompiledRuntime } from './compiled-runtime.ts'
import { type CompiledListener, compileListener } from './listener.ts'
import { ListenerTable } from './listener-match.ts'
import { NameTable } from './name-table.ts'
import type { Problem, Rejection } from './rejection.ts'
import { isRefusal } from './route.ts'
import { type CompiledRouteConfig, compileRouteConfig } from './route-config.ts'

export interface Compiled {
  readonly runtime: Runtime
  /** What the snapshot asks for and this runtime refuses, by resource and field: the detail of a NACK, and a warning. */
  readonly rejected: readonly Rejection[]
}

/** `previous` spares the work of tables that did not change; what comes out is the same without it. */
export function compile(snapshot: Snapshot, node: NodeFacts, previous?: Runtime): Compiled {
  const rejected = new Rejections()
  const clusters = compileClusters(snapshot, rejected)
  const routes = compileRoutes(snapshot, rejected)
  const all = [...snapshot.listeners.values()].map(compileListener)
  const listeners = placeListeners(all, rejected)
  reportMissing(all, routes, { clusters, rejected })
  const names = compileNames(snapshot, previous, rejected)
  const { catchAll } = listeners
  const runtime = new CompiledRuntime({
    snapshot,
    clusters,
    routes,
    listeners,
    names,
    strict: isStrict(all, catchAll),
    outboundPolicy: outboundPolicy(catchAll),
    policyRef: catchAll?.ref,
    hidden: catchAll?.hidden,
    boundListeners: all.flatMap(boundListeners),
    own: ownAddresses(node, previous),
  })
  return { runtime, rejected: rejected.all }
}

class Rejections {
  readonly all: Rejection[] = []

  add(type: Rejection['type'], resource: string, problems: readonly Problem[]): void {
    for (const problem of problems) this.all.push({ type, resource, ...problem })
  }
}

function compileClusters(snapshot: Snapshot, rejected: Rejections): Map<string, ClusterPlan> {
  const clusters = new Map<string, ClusterPlan>()
  for (const [name, message] of snapshot.clusters) {
    const assignment = snapshot.endpoints.get(message.edsClusterConfig?.serviceName || name)
    const { cluster, problems, endpointProblems } = compileCluster(message, assignment)
    clusters.set(name, cluster)
    rejected.add('cluster', name, problems)
    rejected.add('endpoints', name, endpointProblems)
  }
  return clusters
}

function compileRoutes(snapshot: Snapshot, rejected: Rejections): Map<string, CompiledRouteConfig> {
  const routes = new Map<string, CompiledRouteConfig>()
  for (const [name, message] of snapshot.routes) {
    const config = compileRouteConfig(message)
    routes.set(name, config)
    rejected.add('route', name, config.problems)
  }
  return routes
}

function placeListeners(all: readonly CompiledListener[], rejected: Rejections): ListenerTable {
  const table = new ListenerTable()
  for (const listener of all) {
    rejected.add('listener', listener.name, listener.problems)
    for (const { ip, port } of table.add(listener)) {
      const message = `an earlier listener has ${ip} port ${port}; it keeps it`
      rejected.add('listener', listener.name, [{ path: 'address', message }])
    }
  }
  return table
}

interface Known {
  readonly clusters: ReadonlyMap<string, ClusterPlan>
  readonly rejected: Rejections
}

/** A reference that leads nowhere is denied when traffic follows it; here it is reported. */
function reportMissing(listeners: readonly CompiledListener[], routes: ReadonlyMap<string, CompiledRouteConfig>, known: Known): void {
  for (const listener of listeners) {
    for (const { chain, path } of listener.chains) {
      const { action } = chain
      const problems: Problem[] = action.kind === 'tcp' ? missingClusters(action.leg.choice.names, known, path) : []
      if (action.kind === 'http') {
        const { inline, routeConfig } = action.manager
        if (inline) reportInline(listener, { path: `${path}.route_config`, config: inline }, known)
        else if (!routes.has(routeConfig)) problems.push({ path, message: `there is no route table "${routeConfig}"` })
      }
      known.rejected.add(
        'listener',
        listener.name,
        problems.map((problem) => ({ ...problem, ...(chain.ref && { ref: chain.ref }) })),
      )
    }
  }
  for (const [name, config] of routes) known.rejected.add('route', name, missingInRoutes(config, known))
}

function reportInline(listener: CompiledListener, at: { path: string; config: CompiledRouteConfig }, known: Known): void {
  const problems = [...at.config.problems, ...missingInRoutes(at.config, known)]
  known.rejected.add(
    'listener',
    listener.name,
    problems.map((problem) => ({ ...problem, path: `${at.path}.${problem.path}` })),
  )
}

function missingInRoutes(config: CompiledRouteConfig, known: Known): Problem[] {
  const problems: Problem[] = []
  for (const [index, host] of config.virtualHosts.entries()) {
    for (const [at, { action, ref }] of host.routes.entries()) {
      if (isRefusal(action)) continue
      if (action.choice.names.every((name) => known.clusters.has(name))) continue
      const path = `virtual_hosts[${index}].routes[${at}]`
      problems.push(...missingClusters(action.choice.names, known, path).map((problem) => ({ ...problem, ...(ref && { ref }) })))
    }
  }
  return problems
}

function missingClusters(names: readonly string[], { clusters }: Known, path: string): Problem[] {
  return names.filter((name) => !clusters.has(name)).map((name) => ({ path, message: `there is no cluster "${name}"` }))
}

function compileNames(snapshot: Snapshot, previous: Runtime | undefined, rejected: Rejections): NameTable {
  const known = previous instanceof CompiledRuntime ? previous.names : undefined
  const names = known?.source === snapshot.names ? known : new NameTable(snapshot.names)
  for (const { host, problem } of names.problems) rejected.add('name', host, [problem])
  return names
}

/** Strict unless a resource of ours says `istio`: another control plane's resources say nothing. */
function isStrict(all: readonly CompiledListener[], catchAll: CompiledListener | undefined): boolean {
  const said = catchAll?.strictness ?? all.find((listener) => listener.strictness !== undefined)?.strictness
  return said !== 'istio'
}

/** What the metadata says, else where the catch-all's last resort leads. */
function outboundPolicy(catchAll: CompiledListener | undefined): 'REGISTRY_ONLY' | 'ALLOW_ANY' {
  if (!catchAll) return 'REGISTRY_ONLY'
  if (catchAll.outboundPolicy !== undefined) return catchAll.outboundPolicy === 'ALLOW_ANY' ? 'ALLOW_ANY' : 'REGISTRY_ONLY'
  const last = catchAll.defaultChain ?? catchAll.chains.at(-1)?.chain
  const leadsOut = last?.action.kind === 'tcp' && last.action.leg.choice.names.includes(passthroughCluster)
  return leadsOut ? 'ALLOW_ANY' : 'REGISTRY_ONLY'
}

function boundListeners(listener: CompiledListener): BoundListener[] {
  if (!listener.isBound) return []
  const { name, proxyProtocol, ref } = listener
  return listener.addresses.map((bind) => ({ name, bind, proxyProtocol, ...(ref && { ref }) }))
}

function ownAddresses({ addresses }: NodeFacts, previous: Runtime | undefined): ReadonlySet<Ip> {
  const own = new Set(addresses)
  const known = previous instanceof CompiledRuntime ? previous.own : undefined
  return known && known.size === own.size && addresses.every((ip) => known.has(ip)) ? known : own
}
