// Translates the model once for all nodes that should have the same, when the first of them comes, and again whenever the model changes; for nodes that are not ours, in Envoy's own terms.
import type { Issue } from '../api/index.ts'
import { type Steps, systemClock, type Timer, warnOfListener } from '../base/index.ts'
import { StockSnapshots, withSecretPaths } from '../envoy/index.ts'
import type { Model } from '../model/index.ts'
import { neverReached } from '../runtime/index.ts'
import { type Proxy, translating } from '../translate/index.ts'
import { isObserver, ownAgent, type NodeIdentity, type NodeView, ResourceView, SettledOrigins, type Snapshot } from '../xds/index.ts'

/** A view that nobody has is kept for so long: proxies come back. */
const idleMs = 60_000
const mostViews = 5000

interface Kept {
  readonly proxy: Proxy
  readonly view: ResourceView
  /** Says in Envoy's own terms what only our proxies read in metadata; absent for those. */
  readonly stock: StockSnapshots | undefined
  users: number
  idle: Timer | undefined
  /** That `view` was made of. */
  model: Model | undefined
  issues: readonly Issue[]
}

export class NodeViews {
  readonly #wanted: () => void
  readonly #most: number
  /** By what a translation depends on; those that were made longest ago first. */
  readonly #views = new Map<string, Kept>()
  readonly #settled = new SettledOrigins()
  /** Those of the model, once they are followed: they are the same for all nodes. */
  #origins: Snapshot['origins'] | undefined
  #model: Model | undefined

  /** `wanted`: a view is to be made, by `making` the model that is in force. */
  constructor(wanted: () => void, most = mostViews) {
    this.#wanted = wanted
    this.#most = most
  }

  get size(): number {
    return this.#views.size
  }

  /** What was found while translating for nodes. */
  get issues(): readonly Issue[] {
    const found = new Map<string, Issue>()
    for (const { issues } of this.#views.values())
      for (const issue of issues) found.set(`${issue.code} ${issue.source} ${issue.path} ${issue.message}`, issue)
    return Array.from(found.values())
  }

  viewOf(node: NodeIdentity): NodeView | string {
    const proxy = proxyOf(node)
    const labels = Object.entries(proxy.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
    const key = JSON.stringify([isStranger(node), proxy.role, proxy.namespace, labels])
    const kept = this.#views.get(key) ?? this.#add(key, node)
    if (kept === undefined) return `nodes of more than ${this.#most} different kinds are connected`
    kept.users++
    kept.idle?.cancel()
    let isReleased = false
    return {
      view: kept.view,
      release: () => {
        if (isReleased) return
        isReleased = true
        if (--kept.users === 0) kept.idle = systemClock.setTimer(idleMs, () => void this.#views.delete(key))
      },
    }
  }

  /** Ends early when `isOutdated`: there is a newer model, for which those views come first that were not made now. */
  *making(model: Model, isOutdated: () => boolean): Steps<void> {
    if (model !== this.#model) {
      this.#model = model
      this.#origins = undefined
    }
    // Who is new has nothing yet, and comes first.
    for (const [key, kept] of Array.from(this.#views).toSorted(
      ([, a], [, b]) => Number(a.model !== undefined) - Number(b.model !== undefined),
    )) {
      if (kept.model === model) continue
      yield* this.#made(kept, model)
      if (this.#views.delete(key)) this.#views.set(key, kept)
      if (isOutdated()) return
      yield
    }
  }

  close(): void {
    for (const { idle } of this.#views.values()) idle?.cancel()
    this.#views.clear()
  }

  /** What goes wrong for one kind of node does not keep the others waiting. */
  *#made(kept: Kept, model: Model): Steps<void> {
    try {
      yield* this.#make(kept, model)
    } catch (error) {
      warnOfListener(error)
    }
    kept.model = model
  }

  *#make(kept: Kept, model: Model): Steps<void> {
    const { snapshot, issues } = yield* translating(model, kept.proxy)
    this.#origins ??= yield* this.#settled.following(snapshot.origins)
    kept.issues = issues
    const wanted = { ...snapshot, origins: this.#origins }
    if (kept.stock !== undefined) yield
    yield* kept.view.publishing(kept.stock === undefined ? wanted : withSecretPaths(kept.stock.of(wanted)))
  }

  #add(key: string, node: NodeIdentity): Kept | undefined {
    if (this.#views.size >= this.#most) this.#dropIdle()
    if (this.#views.size >= this.#most) return undefined
    const proxy = proxyOf(node)
    const stock = isStranger(node) ? new StockSnapshots({ role: proxy.role, neverReached: neverReached() }) : undefined
    const kept: Kept = { proxy, stock, view: new ResourceView(), users: 0, idle: undefined, model: undefined, issues: [] }
    this.#views.set(key, kept)
    this.#wanted()
    return kept
  }

  #dropIdle(): void {
    for (const [key, { users, idle }] of this.#views) {
      if (users > 0) continue
      idle?.cancel()
      this.#views.delete(key)
    }
  }
}

/** Who only looks is shown what our own proxies have, unless it looks at a node that is connected. */
export function isStranger(node: NodeIdentity): boolean {
  return node.agent !== ownAgent && !isObserver(node)
}

function proxyOf({ role, namespace, name, labels }: NodeIdentity): Proxy {
  return { role: role === 'router' ? 'gateway' : 'sidecar', namespace, name, labels }
}
