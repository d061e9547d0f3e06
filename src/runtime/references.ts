// Reports what is wrong in listeners and route tables, and what they name that is not there; of what was looked through before, only what may have changed is looked at.
import { changedStretch, changesBetween, type Steps } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import type { ClusterTable } from './cluster-table.ts'
import type { CompiledRuntime, Reported } from './compiled-runtime.ts'
import type { CompiledListener } from './listener.ts'
import { chainPath } from './listener-chains.ts'
import { findMissing } from './missing-clusters.ts'
import { type Problem, type Rejections, under } from './rejection.ts'
import { clustersOfRoute } from './route.ts'
import type { CompiledRouteConfig } from './route-config.ts'
import type { Surveyed } from './surveyed.ts'

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
    const problems = yield* problemsOfListener(listener, this.#all)
    const found = yield* missingInListener(listener, this.#all)
    if (found.length > 0) this.incomplete.add(listener)
    if (problems.length + found.length > 0) this.listeners.add(name)
    this.#rejected.add('listener', name, problems)
    this.#rejected.add('listener', name, found)
  }

  *route(name: string): Steps<void> {
    const config = this.#all.routes.get(name)
    if (config === undefined) return
    const before = this.#all.before?.routes.get(name)
    const problems = yield* problemsOfTable(config, this.#all, before)
    const found = yield* missingInRoutes(config, this.#all, before)
    if (found.length > 0) this.incomplete.add(config)
    if (problems.length + found.length > 0) this.routes.add(name)
    this.#rejected.add('route', name, problems)
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

function* problemsOfListener(listener: CompiledListener, all: Referring): Steps<Problem[]> {
  const before = all.before?.compiledListeners.get(listener.name)
  const isSaid = all.before?.reported?.listeners.has(listener.name) !== false
  const pathOf: PathOf = (index) => chainPath(listener.source, index)
  const found = yield* problemsIn({ now: listener.chains, before: before?.chains, isSaid, pathOf })
  return [...listener.problems, ...found]
}

/** Where a part stands in its resource, as a path of Envoy's. */
type PathOf = (index: number) => string

interface Parts<P> {
  readonly now: readonly P[]
  readonly before: readonly P[] | undefined
  /** There was something to say about those before. */
  readonly isSaid: boolean
  readonly pathOf: PathOf
}

/** What is wrong inside parts. Of a resource about which there was nothing to say, only the parts that differ are looked at. */
function* problemsIn<P extends { readonly surveyed: Surveyed }>({ now, before, isSaid, pathOf }: Parts<P>): Steps<Problem[]> {
  const { start, nowEnd } = before === undefined || isSaid ? { start: 0, nowEnd: now.length } : changedStretch(before, now)
  const problems: Problem[] = []
  for (let i = start; i < nowEnd; i++) {
    if (i % STEP === STEP - 1) yield
    const found = now[i]?.surveyed.problems ?? []
    if (found.length > 0) problems.push(...under(pathOf(i), found))
  }
  return problems
}

function* missingInListener(listener: CompiledListener, all: Referring): Steps<Problem[]> {
  const before = all.before?.compiledListeners.get(listener.name)
  const isWhole = before !== undefined && all.before?.reported?.incomplete.has(before) === false
  const parts = { parts: listener.chains, namesOf: clustersIn }
  const missingAt = yield* findMissing(parts, all.clusters, before && { parts: before.chains, isWhole })
  const found = missingAt.flatMap((i) => {
    const said = listener.chains[i]?.surveyed
    return said === undefined ? [] : missingClusters(said.clusters, all.clusters, chainPath(listener.source, i)).map(by(said.ref))
  })
  return [...found, ...(yield* missingTables(listener, all))]
}

function clustersIn({ surveyed }: { readonly surveyed: Surveyed }): readonly string[] {
  return surveyed.clusters
}

/** Tables that HTTP chains name and nobody has, and what is wrong in those that chains bring along. */
function* missingTables(listener: CompiledListener, all: Referring): Steps<Problem[]> {
  const problems: Problem[] = []
  for (const [i, { surveyed }] of listener.chains.entries()) {
    const { manager, ref } = surveyed
    if (manager === undefined) continue
    const path = chainPath(listener.source, i)
    const { inline, routeConfig } = manager
    if (inline) {
      const found = [...(yield* problemsOfTable(inline, all, undefined)), ...(yield* missingInRoutes(inline, all, undefined))]
      problems.push(...found.map((problem) => ({ ...problem, path: `${path}.route_config.${problem.path}` })))
    } else if (!all.routes.has(routeConfig)) problems.push(by(ref)(missing('route', routeConfig, path)))
  }
  return problems
}

function* problemsOfTable(config: CompiledRouteConfig, all: Referring, before: CompiledRouteConfig | undefined): Steps<Problem[]> {
  const isSaid = all.before?.reported?.routes.has(config.name) !== false
  const pathOf: PathOf = (index) => `virtual_hosts[${index}]`
  const found = yield* problemsIn({ now: config.virtualHosts, before: before?.virtualHosts, isSaid, pathOf })
  return [...found, ...config.problems]
}

function* missingInRoutes(config: CompiledRouteConfig, all: Referring, before: CompiledRouteConfig | undefined): Steps<Problem[]> {
  const isWhole = before !== undefined && all.before?.reported?.incomplete.has(before) === false
  const parts = { parts: config.virtualHosts, namesOf: clustersIn }
  const places = yield* findMissing(parts, all.clusters, before && { parts: before.virtualHosts, isWhole })
  return places.flatMap((index) =>
    (config.virtualHosts[index]?.routes ?? []).flatMap((route, at) => {
      return missingClusters(clustersOfRoute(route), all.clusters, `virtual_hosts[${index}].routes[${at}]`).map(by(route.ref))
    }),
  )
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
