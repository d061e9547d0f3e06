// Compiles a snapshot into the runtime that decisions are made from; unchanged resources keep their compiled form by identity.
import { changedStretch, changesBetween, finish, type Ip, PatchedMap, type Steps } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import type { Snapshot } from '../xds/index.ts'
import { passthroughCluster } from './cluster.ts'
import { ClusterTable } from './cluster-table.ts'
import type { BoundListener, NodeFacts, Runtime } from './compiled.ts'
import { CompiledRuntime } from './compiled-runtime.ts'
import { type CompiledChain, compileFilterChain } from './filter-chain.ts'
import { type CompiledListener, compileListener } from './listener.ts'
import { chainPath } from './listener-chains.ts'
import { ListenerTable } from './listener-match.ts'
import { findMissing } from './missing-clusters.ts'
import { NameTable } from './name-table.ts'
import type { Problem, Rejection } from './rejection.ts'
import { type CompiledRoute, isAnswer, isRefusal } from './route.ts'
import { type CompiledRouteConfig, compileRouteConfig, type CompiledVirtualHost, compileVirtualHost } from './route-config.ts'

export interface Compiled {
  readonly runtime: Runtime
  /** What the snapshot asks for and this runtime refuses, by resource and field: the detail of a NACK, and a warning. */
  readonly rejected: readonly Rejection[]
}

/** `previous` spares the work of tables that did not change; what comes out is the same without it. */
export function compile(snapshot: Snapshot, node: NodeFacts, previous?: Runtime): Compiled {
  return finish(compiling(snapshot, node, previous))
}

/** As `compile`, in steps. */
export function* compiling(snapshot: Snapshot, node: NodeFacts, previous?: Runtime): Steps<Compiled> {
  const before = previous instanceof CompiledRuntime ? previous : undefined
  const rejected = new Rejections()
  const clusters = yield* ClusterTable.of(snapshot, before?.clusters)
  yield* compileParts(snapshot, before)
  for (const [name, { problems, endpointProblems }] of clusters.problems) {
    rejected.add('cluster', name, problems)
    rejected.add('endpoints', name, endpointProblems)
  }
  const routes = compileAll(snapshot.routes, before && { messages: before.snapshot.routes, compiled: before.routes }, compileRouteConfig)
  const all = compileAll(
    snapshot.listeners,
    before && { messages: before.snapshot.listeners, compiled: before.compiledListeners },
    compileListener,
  )
  yield
  const listeners = placeListeners(all, snapshot.listeners.keys(), before, rejected)
  const incomplete = reportMissing({ listeners: all, routes, clusters, before }, rejected)
  yield
  const names = NameTable.of(snapshot.names, before?.names)
  for (const { host, problem } of names.problems) rejected.add('name', host, [problem])
  const { catchAll } = listeners
  const runtime = new CompiledRuntime({
    snapshot,
    clusters,
    routes,
    listeners,
    compiledListeners: all,
    incomplete,
    names,
    strict: isStrict(all, catchAll),
    outboundPolicy: outboundPolicy(catchAll),
    knowsNames: names.source.size > 0 || all.size === 0 || strictnessSaid(all, catchAll) !== undefined,
    policyRef: catchAll?.ref,
    hidden: catchAll?.hidden,
    boundListeners: allBound(all, before),
    own: ownAddresses(node, before),
  })
  return { runtime, rejected: rejected.all }
}

/** So many parts are compiled before others get their turn. */
const STEP = 64

/** Chains and virtual hosts that are new, ahead of the tables that they stand in: there can be ten thousand of them in one. */
function* compileParts(snapshot: Snapshot, before: CompiledRuntime | undefined): Steps<void> {
  let count = 0
  for (const { now } of before ? changesBetween(before.snapshot.listeners, snapshot.listeners) : allOf(snapshot.listeners)) {
    const earlier = now && before?.snapshot.listeners.get(now.name)
    const { start, nowEnd } = changedStretch(earlier?.filterChains ?? [], now?.filterChains ?? [])
    for (const chain of now?.filterChains.slice(start, nowEnd) ?? []) {
      compileFilterChain(chain)
      if (++count % STEP === 0) yield
    }
  }
  for (const { now } of before ? changesBetween(before.snapshot.routes, snapshot.routes) : allOf(snapshot.routes)) {
    const earlier = now && before?.snapshot.routes.get(now.name)
    const { start, nowEnd } = changedStretch(earlier?.virtualHosts ?? [], now?.virtualHosts ?? [])
    for (const host of now?.virtualHosts.slice(start, nowEnd) ?? []) {
      compileVirtualHost(host)
      if (++count % STEP === 0) yield
    }
  }
}

function allOf<M>(messages: ReadonlyMap<string, M>): readonly { readonly now: M | undefined }[] {
  return Array.from(messages.values(), (now) => ({ now }))
}

class Rejections {
  readonly all: Rejection[] = []

  add(type: Rejection['type'], resource: string, problems: readonly Problem[]): void {
    for (const problem of problems) this.all.push({ type, resource, ...problem })
  }
}

interface Earlier<M, C> {
  readonly messages: ReadonlyMap<string, M>
  readonly compiled: ReadonlyMap<string, C>
}

function compileAll<M, C>(
  messages: ReadonlyMap<string, M>,
  before: Earlier<M, C> | undefined,
  compileOne: (message: M, before?: C) => C,
): ReadonlyMap<string, C> {
  if (before === undefined) return new Map(Array.from(messages, ([name, message]) => [name, compileOne(message)]))
  const changes = new Map<string, C | undefined>()
  for (const { key, now } of changesBetween(before.messages, messages)) {
    changes.set(key, now && compileOne(now, before.compiled.get(key)))
  }
  return PatchedMap.of(before.compiled, changes)
}

type Listeners = ReadonlyMap<string, CompiledListener>

function placeListeners(all: Listeners, order: Iterable<string>, before: CompiledRuntime | undefined, rejected: Rejections): ListenerTable {
  for (const { name, problems } of all.values()) if (problems.length > 0) rejected.add('listener', name, problems)
  const patched = before?.listeners.patched(changesBetween(before.compiledListeners, all))
  if (patched !== undefined) return patched
  // In the order of the snapshot, because the first one keeps an address that two of them want.
  const { table, taken } = ListenerTable.of(Array.from(order, (name) => all.get(name)).filter((listener) => listener !== undefined))
  for (const { listener, address } of taken) {
    const message = `an earlier listener has ${address.ip} port ${address.port}; it keeps it`
    rejected.add('listener', listener.name, [{ path: 'address', message }])
  }
  return table
}

interface Referring {
  readonly listeners: Listeners
  readonly routes: ReadonlyMap<string, CompiledRouteConfig>
  readonly clusters: ClusterTable
  readonly before: CompiledRuntime | undefined
}

/** A reference that leads nowhere is denied when traffic follows it; here it is reported. Returns what has such references. */
function reportMissing(all: Referring, rejected: Rejections): ReadonlySet<object> {
  const incomplete = new Set<object>()
  for (const listener of all.listeners.values()) {
    const problems = missingInListener(listener, all)
    if (problems.length > 0) incomplete.add(listener)
    rejected.add('listener', listener.name, problems)
  }
  for (const [name, config] of all.routes) {
    if (config.problems.length > 0) rejected.add('route', name, config.problems)
    const problems = missingInRoutes(config, all, all.before?.routes.get(name))
    if (problems.length > 0) incomplete.add(config)
    rejected.add('route', name, problems)
  }
  return incomplete
}

function missingInListener(listener: CompiledListener, all: Referring): Problem[] {
  const before = all.before?.compiledListeners.get(listener.name)
  const isWhole = before !== undefined && all.before?.incomplete.has(before) === false
  const parts = { parts: listener.chains, namesOf: clustersOfChain }
  const found = findMissing(parts, all.clusters, before && { parts: before.chains, isWhole }).flatMap((i) => {
    const chain = listener.chains[i]
    return chain === undefined
      ? []
      : missingClusters(clustersOfChain(chain), all.clusters, chainPath(listener.source, i)).map(by(chain.ref))
  })
  return [...found, ...missingTables(listener, all)]
}

function clustersOfChain({ action }: CompiledChain): readonly string[] {
  return action.kind === 'tcp' ? action.leg.choice.names : none
}

const none: readonly string[] = []

/** Tables that HTTP chains name and nobody has, and what is wrong in those that chains bring along. */
function missingTables(listener: CompiledListener, all: Referring): Problem[] {
  const problems: Problem[] = []
  for (const [i, { action, ref }] of listener.chains.entries()) {
    if (action.kind !== 'http') continue
    const path = chainPath(listener.source, i)
    const { inline, routeConfig } = action.manager
    if (inline) {
      const found = [...inline.problems, ...missingInRoutes(inline, all, undefined)]
      problems.push(...found.map((problem) => ({ ...problem, path: `${path}.route_config.${problem.path}` })))
    } else if (!all.routes.has(routeConfig)) problems.push(by(ref)(missing('route', routeConfig, path)))
  }
  return problems
}

function missingInRoutes(config: CompiledRouteConfig, all: Referring, before: CompiledRouteConfig | undefined): Problem[] {
  const isWhole = before !== undefined && all.before?.incomplete.has(before) === false
  const parts = { parts: config.virtualHosts, namesOf: clustersOfHost }
  return findMissing(parts, all.clusters, before && { parts: before.virtualHosts, isWhole }).flatMap((index) =>
    (config.virtualHosts[index]?.routes ?? []).flatMap(({ action, ref }, at) => {
      return missingClusters(clustersOfRoute(action), all.clusters, `virtual_hosts[${index}].routes[${at}]`).map(by(ref))
    }),
  )
}

function clustersOfHost({ routes }: CompiledVirtualHost): readonly string[] {
  const [only] = routes
  return routes.length === 1 && only ? clustersOfRoute(only.action) : routes.flatMap(({ action }) => clustersOfRoute(action))
}

/** A copy that has nowhere to go is left out, as Envoy does; that is worth a word all the same. */
function clustersOfRoute(action: CompiledRoute['action']): readonly string[] {
  if (isRefusal(action) || isAnswer(action)) return none
  const mirrors = action.recipes?.[0]?.mirrors
  return mirrors ? [...action.choice.names, ...mirrors.map((mirror) => mirror.cluster)] : action.choice.names
}

function missingClusters(names: readonly string[], clusters: ClusterTable, path: string): Problem[] {
  return names.filter((name) => !clusters.has(name)).map((name) => missing('cluster', name, path))
}

function missing(type: 'route' | 'cluster', name: string, path: string): Problem {
  const message = `there is no ${type === 'route' ? 'route table' : 'cluster'} "${name}"`
  return { path, message, awaits: { type, name } }
}

function by(ref: OriginRef | undefined): (problem: Problem) => Problem {
  return (problem) => (ref ? { ...problem, ref } : problem)
}

/** Strict unless a resource of ours says `istio`: another control plane's resources say nothing. */
function isStrict(all: Listeners, catchAll: CompiledListener | undefined): boolean {
  return strictnessSaid(all, catchAll) !== 'istio'
}

function strictnessSaid(all: Listeners, catchAll: CompiledListener | undefined): string | undefined {
  return catchAll?.strictness ?? [...all.values()].find((listener) => listener.strictness !== undefined)?.strictness
}

/** What the metadata says, else where the catch-all's last resort leads. */
function outboundPolicy(catchAll: CompiledListener | undefined): 'REGISTRY_ONLY' | 'ALLOW_ANY' {
  if (!catchAll) return 'REGISTRY_ONLY'
  if (catchAll.outboundPolicy !== undefined) return catchAll.outboundPolicy === 'ALLOW_ANY' ? 'ALLOW_ANY' : 'REGISTRY_ONLY'
  const last = catchAll.defaultChain ?? catchAll.chains.at(-1)
  const leadsOut = last?.action.kind === 'tcp' && last.action.leg.choice.names.includes(passthroughCluster)
  return leadsOut ? 'ALLOW_ANY' : 'REGISTRY_ONLY'
}

function allBound(all: Listeners, before: CompiledRuntime | undefined): readonly BoundListener[] {
  const changes = before && changesBetween(before.compiledListeners, all)
  const isTouched = changes?.some((change) => change.before?.isBound === true || change.now?.isBound === true) ?? true
  return before && !isTouched ? before.boundListeners : [...all.values()].flatMap(boundListeners)
}

function boundListeners(listener: CompiledListener): BoundListener[] {
  if (!listener.isBound) return []
  const { name, proxyProtocol, ref } = listener
  return listener.addresses.map((bind) => ({ name, bind, proxyProtocol, ...(ref && { ref }) }))
}

function ownAddresses({ addresses }: NodeFacts, before: CompiledRuntime | undefined): ReadonlySet<Ip> {
  const own = new Set(addresses)
  const known = before?.own
  return known && known.size === own.size && addresses.every((ip) => known.has(ip)) ? known : own
}
