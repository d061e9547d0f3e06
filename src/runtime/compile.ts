// Compiles a snapshot into the runtime that decisions are made from; unchanged resources keep their compiled form by identity.
import { changesBetween, finish, type Ip, PatchedMap, type Steps } from '../base/index.ts'
import type { Snapshot } from '../xds/index.ts'
import { passthroughCluster } from './cluster.ts'
import { ClusterTable } from './cluster-table.ts'
import type { BoundListener, NodeFacts, Runtime } from './compiled.ts'
import { CompiledRuntime, type OpenWay } from './compiled-runtime.ts'
import { type CompiledListener, compileListener } from './listener.ts'
import { ListenerTable, type TakenAddress } from './listener-match.ts'
import { NameTable } from './name-table.ts'
import { reportReferences } from './references.ts'
import { type Rejection, Rejections } from './rejection.ts'
import { compileRouteConfig } from './route-config.ts'

export interface Compiled {
  readonly runtime: Runtime
  /** What the snapshot asks for and this runtime refuses, by resource and field: the detail of a NACK, and a warning. */
  readonly rejected: readonly Rejection[]
}

/** `previous` spares the work of tables that did not change; what comes out is the same without it. */
export function compile(snapshot: Snapshot, node: NodeFacts, previous?: Runtime): Compiled {
  return finish(compiling(snapshot, node, previous))
}

/** Of what is known to be good nothing is looked at before it is needed. */
export function compileGood(snapshot: Snapshot, node: NodeFacts, owners?: () => ReadonlyMap<string, string>): Runtime {
  const { runtime } = finish(compilingRuntime(snapshot, node))
  if (runtime instanceof CompiledRuntime) runtime.isGood(owners)
  return runtime
}

/** As `compile`, in steps. */
export function* compiling(snapshot: Snapshot, node: NodeFacts, previous?: Runtime): Steps<Compiled> {
  const { runtime, rejecting } = yield* compilingRuntime(snapshot, node, previous)
  return { runtime, rejected: yield* rejecting }
}

/** As `compiling`, and may be put into force before it is known what of the snapshot it refuses. */
export function* compilingRuntime(
  snapshot: Snapshot,
  node: NodeFacts,
  previous?: Runtime,
): Steps<{ readonly runtime: Runtime; readonly rejecting: Steps<Compiled['rejected']> }> {
  const before = previous instanceof CompiledRuntime ? previous : undefined
  const clusters = new ClusterTable(snapshot, before?.clusters)
  const routes = compileAll(snapshot.routes, before && { messages: before.snapshot.routes, compiled: before.routes }, compileRouteConfig)
  const all = compileAll(
    snapshot.listeners,
    before && { messages: before.snapshot.listeners, compiled: before.compiledListeners },
    compileListener,
  )
  yield
  const { listeners, taken } = placeListeners(all, snapshot.listeners.keys(), before)
  const names = NameTable.of(snapshot.names, before?.names)
  yield
  const { catchAll } = listeners
  const runtime = new CompiledRuntime({
    snapshot,
    clusters,
    routes,
    listeners,
    compiledListeners: all,
    names,
    strict: isStrict(all, catchAll),
    outboundPolicy: outboundPolicy(catchAll),
    openWay: openWay(catchAll),
    knowsNames: names.source.size > 0 || all.size === 0 || strictnessSaid(all, catchAll) !== undefined,
    policyRef: catchAll?.ref,
    hidden: catchAll?.hidden,
    boundListeners: allBound(all, before),
    own: ownAddresses(node, before),
  })
  return { runtime, rejecting: rejectionsOf(runtime, before, taken) }
}

function* rejectionsOf(
  runtime: CompiledRuntime,
  before: CompiledRuntime | undefined,
  taken: readonly TakenAddress[],
): Steps<Compiled['rejected']> {
  const { clusters, compiledListeners: listeners, routes, names } = runtime
  const rejected = new Rejections()
  for (const [name, { problems, endpointProblems }] of yield* clusters.problems(before?.clusters)) {
    rejected.add('cluster', name, problems)
    rejected.add('endpoints', name, endpointProblems)
  }
  yield
  for (const { listener, address } of taken) {
    const message = `an earlier listener has ${address.ip} port ${address.port}; it keeps it`
    rejected.add('listener', listener.name, [{ path: 'address', message }])
  }
  runtime.reported = yield* reportReferences({ listeners, routes, clusters, before }, rejected)
  for (const { host, problem } of yield* names.problems()) rejected.add('name', host, [problem])
  return rejected.all
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

interface Placed {
  readonly listeners: ListenerTable
  /** What some listener wanted to have and did not get. */
  readonly taken: readonly TakenAddress[]
}

function placeListeners(all: Listeners, order: Iterable<string>, before: CompiledRuntime | undefined): Placed {
  const patched = before?.listeners.patched(changesBetween(before.compiledListeners, all))
  if (patched !== undefined) return { listeners: patched, taken: [] }
  // In the order of the snapshot, because the first one keeps an address that two of them want.
  const { table, taken } = ListenerTable.of(Array.from(order, (name) => all.get(name)).filter((listener) => listener !== undefined))
  return { listeners: table, taken }
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
  return openWay(catchAll) === undefined ? 'REGISTRY_ONLY' : 'ALLOW_ANY'
}

/** By which what nothing declares is let pass. */
function openWay(catchAll: CompiledListener | undefined): OpenWay | undefined {
  const chain = catchAll?.defaultChain ?? catchAll?.chains.at(-1)
  if (catchAll === undefined || chain?.action.kind !== 'tcp') return undefined
  const { leg } = chain.action
  return leg.choice.names.includes(passthroughCluster) ? { taken: { listener: catchAll, chain }, leg } : undefined
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
