// Remembers of each cluster what its load is: whose turn it is, how much is under way, who waits, and which endpoints are left out.
import type { Clock } from '../../base/index.ts'
import type { CompiledCluster, OutlierPlan, PoolPlan, Target } from '../../runtime/index.ts'
import { arrange, type Host, type HostLoad, pickHost } from './balance.ts'
import { type Outcome, OutlierDetection } from './outlier-detection.ts'
import { targetKey } from './target-key.ts'

/** Clusters remembered before idle ones are forgotten. */
const MAX_CLUSTERS = 50_000
/** Hosts without load that are remembered of one cluster beyond those that it has. */
const MAX_STALE_HOSTS = 64
/** Requests that wait for a connection of one cluster where no limit is said. */
const MAX_WAITING = 1024

/** Somebody who waits for a connection because the cluster has as many as it may. */
export interface Waiter {
  /** Which connections would do. */
  readonly key: string
  /** A connection is free that is of use, or else may be made. */
  onTurn(): void
}

/** What is under way to one host of a cluster. */
export interface UpstreamLoad {
  readonly cluster: string
  readonly host: string
  readonly connections: number
  /** Requests, and connections that carry bytes. */
  readonly active: number
  /** Left out for its failures. */
  readonly isEjected: boolean
}

/** By name: a change of the configuration does not end what is under way. */
export class ClusterStates {
  readonly #states = new Map<string, ClusterState>()
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #random: () => number

  constructor(clock: Pick<Clock, 'monotonic'>, random: () => number = Math.random) {
    this.#clock = clock
    this.#random = random
  }

  of(cluster: CompiledCluster): ClusterState {
    const known = this.#states.get(cluster.name)
    if (known) return known
    if (this.#states.size >= MAX_CLUSTERS) this.#sweep()
    const state = new ClusterState(cluster.name, this.#clock, this.#random)
    this.#states.set(cluster.name, state)
    return state
  }

  /** What is under way, for people who look. */
  *loads(): Generator<UpstreamLoad> {
    for (const [cluster, state] of this.#states) for (const load of state.loads()) yield { cluster, ...load }
  }

  #sweep(): void {
    for (const [name, state] of this.#states) if (state.isIdle) this.#states.delete(name)
  }
}

export class ClusterState {
  readonly #name: string
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #random: () => number
  readonly #hosts = new Map<string, HostLoad>()
  /** Most clusters have one target, and one request asks for it several times. */
  #lastTarget: Target | undefined
  #lastLoad: HostLoad | undefined
  readonly #waiters: Waiter[] = []
  #outliers: OutlierDetection | undefined
  #outlierPlan: OutlierPlan | undefined
  /** Endpoints when it was last asked. */
  #total = 1
  #turn = 0
  #connections = 0
  #requests = 0
  readonly #pending = { dial: 0, wait: 0 }
  #retries = 0

  constructor(name: string, clock: Pick<Clock, 'monotonic'>, random: () => number) {
    this.#name = name
    this.#clock = clock
    this.#random = random
  }

  /** Endpoints that are remembered. */
  get hosts(): number {
    return this.#hosts.size
  }

  *loads(): Generator<Omit<UpstreamLoad, 'cluster'>> {
    const now = this.#clock.monotonic()
    for (const [host, { active, connections }] of this.#hosts)
      yield { host, active, connections, isEjected: this.#outliers?.isEjected(host, now) ?? false }
  }

  get isIdle(): boolean {
    const isUnused = this.#connections === 0 && this.#requests === 0 && this.#retries === 0 && this.#waiters.length === 0
    return isUnused && (this.#outliers?.isQuiet(this.#clock.monotonic()) ?? true)
  }

  /**
   * In which order the targets are dialled, those whose keys are in `tried` only if there are no others; none when all of them are left out.
   * `key` leads to the same target each time, where the cluster asks for that.
   */
  order(cluster: CompiledCluster, targets: readonly Target[], tried?: ReadonlySet<string>, key?: string): readonly Target[] {
    const { balancing, outlier } = cluster
    this.#total = targets.length
    const outliers = outlier && this.#outliersOf(outlier)
    if (targets.length === 1 && !outliers) return targets
    const healthy = outlier && outliers ? this.#healthy(outliers, outlier.panicPercent, targets) : targets
    const usable = tried ? untried(healthy, tried) : healthy
    if (usable.length < 2) return usable
    const first = pickHost(balancing ?? 'round-robin', this.#leading(usable), { turn: this.#turn, random: this.#random, key })
    this.#turn = (this.#turn + 1) % 0x4000_0000
    return arrange(usable, first)
  }

  /** What became of a request or of a connection, for the detection of outliers. */
  report({ outlier }: CompiledCluster, target: Target, outcome: Outcome): void {
    if (!outlier) return
    const now = this.#clock.monotonic()
    if (!this.#outliersOf(outlier)) {
      this.#outliers = new OutlierDetection(now)
      this.#outlierPlan = outlier
    }
    this.#outliers?.report(outlier, targetKey(target), outcome, { now, total: this.#total })
  }

  /** False: as many requests are under way as may be. Whoever gets true says `endRequest` once. */
  beginRequest(pool: PoolPlan | undefined): boolean {
    if (pool?.requests !== undefined && this.#requests >= pool.requests) return false
    this.#requests++
    return true
  }

  endRequest(): void {
    this.#requests--
  }

  /**
   * The same for requests that have no connection yet: they dial, or wait for others. Differs from Envoy, for whom the first that dials is
   * pending too: how many are served then depends on how fast the origin accepts.
   */
  beginPending(pool: PoolPlan | undefined, kind: 'dial' | 'wait'): boolean {
    const isFirst = kind === 'dial' && this.#pending.dial === 0
    const pending = this.#pending.wait + Math.max(0, this.#pending.dial - 1)
    if (pool?.pending !== undefined && !isFirst && pending >= pool.pending) return false
    this.#pending[kind]++
    return true
  }

  endPending(kind: 'dial' | 'wait'): void {
    this.#pending[kind]--
  }

  beginRetry(pool: PoolPlan | undefined): boolean {
    if (this.#retries >= this.#mostRetries(pool)) return false
    this.#retries++
    return true
  }

  #mostRetries(pool: PoolPlan | undefined): number {
    const budget = pool?.retryBudget
    if (!budget) return pool?.retries ?? Number.POSITIVE_INFINITY
    return Math.max(budget.least, Math.floor((this.#requests * budget.percent) / 100))
  }

  endRetry(): void {
    this.#retries--
  }

  /** True: no further connection may be made. */
  isFull(pool: PoolPlan | undefined): boolean {
    return pool?.connections !== undefined && this.#connections >= pool.connections
  }

  /** Connections to the target that are more than there may be, because they were made under other limits. */
  surplus(pool: PoolPlan | undefined, target: Target): number {
    if (pool?.connections === undefined || this.#connections <= pool.connections) return 0
    const own = this.#hosts.get(targetKey(target))?.connections ?? 0
    return Math.min(this.#connections - pool.connections, own - 1)
  }

  /** As Envoy's pools: a target without any connection gets one all the same, or its requests would wait for others to end. */
  mayConnect(pool: PoolPlan | undefined, target: Target): boolean {
    return !this.isFull(pool) || (this.#hosts.get(targetKey(target))?.connections ?? 0) === 0
  }

  /** A connection is dialled. */
  beginConnection(target: Target): void {
    this.#connections++
    this.#hostOf(target).connections++
  }

  /** It is gone, or was never made. */
  endConnection(target: Target): void {
    this.#connections--
    const host = this.#hostOf(target)
    host.connections--
    this.#waiters.shift()?.onTurn()
  }

  /** A request is sent to the target, or a connection carries bytes to it: who is told says `endUse` of the load that it gets. */
  beginUse(target: Target): HostLoad {
    const load = this.#hostOf(target)
    load.active++
    return load
  }

  endUse(load: HostLoad): void {
    load.active--
  }

  /** What connections to the target are pooled under; made once for each target. */
  poolKey(target: Target): string {
    return this.#hostOf(target).poolKey
  }

  /** False: too many wait already. */
  wait(waiter: Waiter): boolean {
    if (this.#waiters.length >= MAX_WAITING) return false
    this.#waiters.push(waiter)
    return true
  }

  leave(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter)
    if (index >= 0) this.#waiters.splice(index, 1)
  }

  /** True: those who wait have no use for a connection of this key, and one of their own may only be made when it is gone. */
  isInTheWay(key: string): boolean {
    return this.#waiters.length > 0 && !this.#waiters.some((waiter) => waiter.key === key)
  }

  /** A connection of this key has become free. */
  wake(key: string): void {
    const index = this.#waiters.findIndex((waiter) => waiter.key === key)
    if (index < 0) return
    const [waiter] = this.#waiters.splice(index, 1)
    waiter?.onTurn()
  }

  /** What was counted by other numbers is forgotten, as with Envoy's new cluster; a plan that says the same goes on. */
  #outliersOf(plan: OutlierPlan): OutlierDetection | undefined {
    if (this.#outlierPlan === plan) return this.#outliers
    if (this.#outlierPlan && JSON.stringify(this.#outlierPlan) !== JSON.stringify(plan)) this.#outliers = undefined
    this.#outlierPlan = plan
    return this.#outliers
  }

  #healthy(outliers: OutlierDetection, panicPercent: number, targets: readonly Target[]): readonly Target[] {
    const now = this.#clock.monotonic()
    const healthy = targets.filter((target) => !outliers.isEjected(targetKey(target), now))
    return (100 * healthy.length) / targets.length < panicPercent ? targets : healthy
  }

  /** Those of the family and priority that come first, with their load. */
  #leading(targets: readonly Target[]): Host[] {
    const [first] = targets
    const end = targets.findIndex((target) => !first || !isAlike(first, target))
    return targets.slice(0, end === -1 ? targets.length : end).map((target) => ({ target, load: this.#hostOf(target) }))
  }

  #hostOf(target: Target): HostLoad {
    if (target === this.#lastTarget && this.#lastLoad) return this.#lastLoad
    const key = targetKey(target)
    const load = this.#hosts.get(key) ?? this.#open(key)
    this.#lastTarget = target
    this.#lastLoad = load
    return load
  }

  #open(key: string): HostLoad {
    if (this.#hosts.size >= this.#total + MAX_STALE_HOSTS) this.#forget()
    const load: HostLoad = { poolKey: `${this.#name}|${key}`, active: 0, connections: 0, credit: 0 }
    this.#hosts.set(key, load)
    return load
  }

  #forget(): void {
    this.#lastTarget = undefined
    for (const [key, { active, connections }] of this.#hosts) if (active === 0 && connections === 0) this.#hosts.delete(key)
  }
}

function untried(targets: readonly Target[], tried: ReadonlySet<string>): readonly Target[] {
  const others = targets.filter((target) => !tried.has(targetKey(target)))
  return others.length === 0 ? targets : others
}

function isAlike(a: Target, b: Target): boolean {
  if ((a.priority ?? 0) !== (b.priority ?? 0)) return false
  return 'pipe' in a || 'pipe' in b ? 'pipe' in a === 'pipe' in b : a.ip.includes(':') === b.ip.includes(':')
}
