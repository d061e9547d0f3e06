// Holds the clusters of one snapshot; each is compiled when it is first needed, because of many thousand few are ever used.
import { changesBetween, type Steps } from '../base/index.ts'
import type { Snapshot } from '../xds/index.ts'
import { type ClusterPlan, type ClusterResult, compileCluster } from './cluster.ts'

type Source = Pick<Snapshot, 'clusters' | 'endpoints'>

export interface ClusterProblems {
  readonly problems: ClusterResult['problems']
  readonly endpointProblems: ClusterResult['endpointProblems']
}

/** So many clusters are looked at before others get their turn. */
const STEP = 64

export class ClusterTable {
  readonly #source: Source
  readonly #compiled = new Map<string, ClusterPlan>()
  /** In what the table differs from the one before. */
  readonly #changed: ReadonlySet<string> | undefined
  /** Names that the table before had and this one has not; undefined when there was none before. */
  readonly gone: ReadonlySet<string> | undefined
  #problems: ReadonlyMap<string, ClusterProblems> | undefined

  constructor(source: Source, before?: ClusterTable) {
    this.#source = source
    this.#changed = before && changedNames(before.#source, source)
    this.gone = this.#changed && new Set(Array.from(this.#changed).filter((name) => !source.clusters.has(name)))
  }

  /** None has any problems. */
  isGood(): void {
    this.#problems = new Map()
  }

  /** Of the few clusters that have any, by name. What is known of the table before spares the search in what both have. */
  *problems(before?: ClusterTable): Steps<ReadonlyMap<string, ClusterProblems>> {
    if (this.#problems !== undefined) return this.#problems
    const known = this.#changed === undefined || before === undefined ? undefined : before.#problems
    const problems = new Map(known)
    let count = 0
    for (const name of (known && this.#changed) ?? this.#source.clusters.keys()) {
      if (++count % STEP === 0) yield
      const found = problemsOf(this.#source, name)
      if (found === undefined) problems.delete(name)
      else problems.set(name, found)
    }
    this.#problems = problems
    return problems
  }

  get(name: string): ClusterPlan | undefined {
    const known = this.#compiled.get(name)
    if (known !== undefined) return known
    const message = this.#source.clusters.get(name)
    if (message === undefined) return undefined
    const { cluster } = compileCluster(message, assignmentOf(this.#source, name))
    this.#compiled.set(name, cluster)
    return cluster
  }

  has(name: string): boolean {
    return this.#source.clusters.has(name)
  }
}

function assignmentOf({ clusters, endpoints }: Source, name: string) {
  return endpoints.get(clusters.get(name)?.edsClusterConfig?.serviceName || name)
}

/** What is wrong with a cluster has to be told before anybody uses it; what it was compiled to is let go again. */
function problemsOf(source: Source, name: string): ClusterProblems | undefined {
  const message = source.clusters.get(name)
  if (message === undefined) return undefined
  const { problems, endpointProblems } = compileCluster(message, assignmentOf(source, name), 'forget')
  return problems.length + endpointProblems.length === 0 ? undefined : { problems, endpointProblems }
}

function changedNames(before: Source, now: Source): Set<string> {
  const names = new Set(changesBetween(before.clusters, now.clusters).map(({ key }) => key))
  const endpoints = new Set(changesBetween(before.endpoints, now.endpoints).map(({ key }) => key))
  if (endpoints.size === 0) return names
  // Nearly always the endpoints have the name of their cluster.
  for (const name of endpoints) if (now.clusters.has(name)) names.add(name)
  const others = [...endpoints].filter((name) => !now.clusters.has(name) && now.endpoints.has(name))
  if (others.length === 0) return names
  for (const [name, { edsClusterConfig }] of now.clusters) if (endpoints.has(edsClusterConfig?.serviceName ?? '')) names.add(name)
  return names
}
