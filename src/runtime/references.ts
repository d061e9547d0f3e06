// Reports what is wrong in listeners and route tables, and what they name that is not there; of what was looked through before, only what may have changed is looked at.
import { changesBetween, type Steps } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import type { ClusterTable } from './cluster-table.ts'
import type { CompiledRuntime, Reported } from './compiled-runtime.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { CompiledListener } from './listener.ts'
import { chainPath } from './listener-chains.ts'
import { findMissing } from './missing-clusters.ts'
import type { Problem, Rejections } from './rejection.ts'
import { type CompiledRoute, isAnswer, isRefusal } from './route.ts'
import type { CompiledRouteConfig, CompiledVirtualHost } from './route-config.ts'

export interface Referring {
  readonly listeners: ReadonlyMap<string, CompiledListener>
  readonly routes: ReadonlyMap<string, CompiledRouteConfig>
  readonly clusters: ClusterTable
  readonly before: CompiledRuntime | undefined
}

/** A reference that leads nowhere is denied when traffic follows it; here it is reported. */
export function* reportReferences(all: Referring, rejected: Rejections): Steps<Reported> {
  const reporter = new Reporter(all, rejected)
  let count = 0
  for (const name of mayHaveChanged(all, 'listeners')) {
    yield* reporter.listener(name)
    if (++count % STEP === 0) yield
  }
  for (const name of mayHaveChanged(all, 'routes')) {
    yield* reporter.route(name)
    if (++count % STEP === 0) yield
  }
  return reporter
}

/** So many are looked through before others get their turn. */
const STEP = 128

class Reporter implements Reported {
  readonly incomplete = new Set<object>()
  readonly listeners = new Set<string>()
  readonly routes = new Set<string>()
  readonly #all: Referring
  readonly #rejected: Rejections

  constructor(all: Referring, rejected: Rejections) {
    this.#all = all
    this.#rejected = rejected
  }

  *listener(name: string): Steps<void> {
    const listener = this.#all.listeners.get(name)
    if (listener === undefined) return
    const found = yield* missingInListener(listener, this.#all)
    if (found.length > 0) this.incomplete.add(listener)
    if (listener.problems.length + found.length > 0) this.listeners.add(name)
    this.#rejected.add('listener', name, listener.problems)
    this.#rejected.add('listener', name, found)
  }

  *route(name: string): Steps<void> {
    const config = this.#all.routes.get(name)
    if (config === undefined) return
    const found = yield* missingInRoutes(config, this.#all, this.#all.before?.routes.get(name))
    if (found.length > 0) this.incomplete.add(config)
    if (config.problems.length + found.length > 0) this.routes.add(name)
    this.#rejected.add('route', name, config.problems)
    this.#rejected.add('route', name, found)
  }
}

/** Names of all, unless nothing has gone that something unchanged could name. */
function mayHaveChanged({ before, clusters, listeners, routes }: Referring, what: 'listeners' | 'routes'): Iterable<string> {
  const all = what === 'listeners' ? listeners : routes
  if (before?.reported === undefined || clusters.gone?.size !== 0) return all.keys()
  const tables = changesBetween(before.routes, routes)
  if (what === 'routes') return new Set([...tables.map(({ key }) => key), ...before.reported.routes])
  if (tables.some(({ now }) => now === undefined)) return all.keys()
  return new Set([...changesBetween(before.compiledListeners, listeners).map(({ key }) => key), ...before.reported.listeners])
}

function* missingInListener(listener: CompiledListener, all: Referring): Steps<Problem[]> {
  const before = all.before?.compiledListeners.get(listener.name)
  const isWhole = before !== undefined && all.before?.reported?.incomplete.has(before) === false
  const parts = { parts: listener.chains, namesOf: clustersOfChain }
  const missingAt = yield* findMissing(parts, all.clusters, before && { parts: before.chains, isWhole })
  const found = missingAt.flatMap((i) => {
    const chain = listener.chains[i]
    return chain === undefined
      ? []
      : missingClusters(clustersOfChain(chain), all.clusters, chainPath(listener.source, i)).map(by(chain.ref))
  })
  return [...found, ...(yield* missingTables(listener, all))]
}

function clustersOfChain({ action }: CompiledChain): readonly string[] {
  return action.kind === 'tcp' ? action.leg.choice.names : none
}

const none: readonly string[] = []

/** Tables that HTTP chains name and nobody has, and what is wrong in those that chains bring along. */
function* missingTables(listener: CompiledListener, all: Referring): Steps<Problem[]> {
  const problems: Problem[] = []
  for (const [i, { action, ref }] of listener.chains.entries()) {
    if (action.kind !== 'http') continue
    const path = chainPath(listener.source, i)
    const { inline, routeConfig } = action.manager
    if (inline) {
      const found = [...inline.problems, ...(yield* missingInRoutes(inline, all, undefined))]
      problems.push(...found.map((problem) => ({ ...problem, path: `${path}.route_config.${problem.path}` })))
    } else if (!all.routes.has(routeConfig)) problems.push(by(ref)(missing('route', routeConfig, path)))
  }
  return problems
}

function* missingInRoutes(config: CompiledRouteConfig, all: Referring, before: CompiledRouteConfig | undefined): Steps<Problem[]> {
  const isWhole = before !== undefined && all.before?.reported?.incomplete.has(before) === false
  const parts = { parts: config.virtualHosts, namesOf: clustersOfHost }
  const places = yield* findMissing(parts, all.clusters, before && { parts: before.virtualHosts, isWhole })
  return places.flatMap((index) =>
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
