// Makes what nodes should have when the first of its kind comes, and again whenever the model changes; for nodes that are not ours, in Envoy's own terms.
import type { Issue } from '../api/index.ts'
import { type Steps, systemClock, type Timer, warnOfListener } from '../base/index.ts'
import { StockSnapshots, withSecretPaths } from '../envoy/index.ts'
import type { Model } from '../model/index.ts'
import { neverReached } from '../runtime/index.ts'
import type { Proxy } from '../translate/index.ts'
import {
  isObserver,
  ownAgent,
  type NodeIdentity,
  type NodeView,
  ResourceView,
  secretNames,
  secretsNamedBy,
  SettledOrigins,
  type Snapshot,
} from '../xds/index.ts'
import type { IdentitySource } from './identity-source.ts'
import { Preparation } from './preparation.ts'
import { SharedTranslations } from './shared-translations.ts'

/** A view that nobody has is kept for so long: proxies come back. */
const idleMs = 60_000
const mostViews = 5000

interface Kept {
  readonly proxy: Proxy
  readonly view: ResourceView
  /** Says in Envoy's own terms what only our proxies read in metadata; absent for those. */
  readonly stock: StockSnapshots | undefined
  /** Absent where certificates must not be given. */
  readonly identity: IdentitySource | undefined
  readonly account: Account
  users: number
  idle: Timer | undefined
  /** That `view` was made of. */
  model: Model | undefined
  issues: readonly Issue[]
}

/** The service account of a node. */
export interface Account {
  readonly namespace: string
  readonly name: string
}

export interface NodeViewsOptions {
  /** A view is to be made, by `making` the model that is in force. */
  readonly wanted: () => void
  /** Who a node is in the mesh; absent where nobody may be told. */
  readonly identityOf?: (node: NodeIdentity) => IdentitySource | undefined
  /** A node that needs an identity of the mesh is given none. */
  readonly onWithheld?: (proxy: Proxy) => void
  /** Whether a node that has an identity is given the Secrets that are named for it; absent: it is. */
  readonly mayHaveCredentials?: (account: Account) => boolean
  readonly onCredentialsWithheld?: (proxy: Proxy, account: Account) => void
  readonly most?: number
}

export class NodeViews {
  readonly #options: NodeViewsOptions
  /** By what a translation depends on; those that were made longest ago first. */
  readonly #views = new Map<string, Kept>()
  readonly #translations = new SharedTranslations()
  /** Until the first node comes. */
  #preparation: Preparation | undefined = new Preparation(this.#translations)
  readonly #settled = new SettledOrigins()
  /** Those of the model, once they are followed: they are the same for all nodes. */
  #origins: Snapshot['origins'] | undefined
  #model: Model | undefined

  constructor(options: NodeViewsOptions) {
    this.#options = options
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

  /** `isNobody`: it is shown what the node should have, without the identity that is the node's own. */
  viewOf(node: NodeIdentity, isNobody = false): NodeView | string {
    const proxy = proxyOf(node)
    const labels = Object.entries(proxy.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
    const account = this.#options.identityOf === undefined ? undefined : isNobody ? 'nobody’s' : node.serviceAccount
    const key = JSON.stringify([isStranger(node), proxy.role, proxy.namespace, labels, account])
    const kept = this.#views.get(key) ?? this.#add(key, node, isNobody)
    if (kept === undefined) return `nodes of more than ${this.#most} different kinds are connected`
    kept.users++
    kept.idle?.cancel()
    let isReleased = false
    return {
      view: kept.view,
      release: () => {
        if (isReleased) return
        isReleased = true
        if (--kept.users === 0) kept.idle = systemClock.setTimer(idleMs, () => this.#drop(key, kept))
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
    if (this.#views.size > 0) this.#preparation = undefined
    this.#forget()
  }

  /** What is given to whom may have changed. */
  again(): void {
    for (const kept of this.#views.values()) kept.model = undefined
    this.#options.wanted()
  }

  /** Makes beforehand what the first node will probably be given. */
  *preparing(model: Model, isOutdated: () => boolean): Steps<void> {
    const interruption = { count: () => this.#views.size, waiting: () => this.#proxies(), isOutdated }
    if (this.#preparation !== undefined) yield* this.#preparation.making(model, interruption)
  }

  close(): void {
    for (const { idle, identity } of this.#views.values()) {
      idle?.cancel()
      identity?.close()
    }
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
    const { snapshot, issues } = yield* this.#translations.translating(model, kept.proxy)
    this.#origins ??= yield* this.#settled.following(snapshot.origins)
    kept.issues = issues
    const wanted = { ...snapshot, secrets: this.#credentialsFor(kept, snapshot), origins: this.#origins }
    if (kept.identity !== undefined) kept.identity.follow(snapshot)
    else if (needsIdentity(snapshot) || snapshot.secrets.size > 0) this.#options.onWithheld?.(kept.proxy)
    const completed = kept.identity?.completed(wanted) ?? wanted
    yield* kept.view.publishing(kept.stock === undefined ? completed : withSecretPaths(yield* kept.stock.making(completed)))
  }

  #credentialsFor({ proxy, identity, account }: Kept, { secrets }: Snapshot): Snapshot['secrets'] {
    const { mayHaveCredentials, onCredentialsWithheld } = this.#options
    const isGiven = secrets.size === 0 || (identity !== undefined && mayHaveCredentials?.(account) !== false)
    if (isGiven) return secrets
    if (identity !== undefined) onCredentialsWithheld?.(proxy, account)
    return noSecrets
  }

  #drop(key: string, { identity }: Kept): void {
    identity?.close()
    this.#views.delete(key)
    this.#forget()
  }

  #forget(): void {
    this.#translations.keep([...this.#proxies(), ...(this.#preparation?.proxies ?? [])])
  }

  #proxies(): readonly Proxy[] {
    return Array.from(this.#views.values(), ({ proxy }) => proxy)
  }

  /** There is another certificate: only that is sent. */
  #renewed(kept: Kept): void {
    kept.model = undefined
    this.#options.wanted()
  }

  #add(key: string, node: NodeIdentity, isNobody: boolean): Kept | undefined {
    if (this.#views.size >= this.#most) this.#dropIdle()
    if (this.#views.size >= this.#most) return undefined
    const proxy = proxyOf(node)
    const stock = isStranger(node) ? new StockSnapshots({ role: proxy.role, neverReached: neverReached() }) : undefined
    const identity = isNobody ? undefined : this.#options.identityOf?.(node)
    const account = { namespace: node.namespace, name: node.serviceAccount ?? 'default' }
    const kept: Kept = {
      proxy,
      stock,
      identity,
      account,
      view: new ResourceView(),
      users: 0,
      idle: undefined,
      model: undefined,
      issues: [],
    }
    this.#views.set(key, kept)
    identity?.watch(() => this.#renewed(kept))
    this.#options.wanted()
    return kept
  }

  #dropIdle(): void {
    for (const [key, kept] of this.#views) {
      if (kept.users > 0) continue
      kept.idle?.cancel()
      this.#drop(key, kept)
    }
  }

  get #most(): number {
    return this.#options.most ?? mostViews
  }
}

const noSecrets: Snapshot['secrets'] = new Map()

function needsIdentity({ clusters, listeners }: Snapshot): boolean {
  return secretsNamedBy({ clusters: clusters.values(), listeners: listeners.values() }).has(secretNames.certificate)
}

/** Who only looks is shown what our own proxies have, unless it looks at a node that is connected. */
export function isStranger(node: NodeIdentity): boolean {
  return node.agent !== ownAgent && !isObserver(node)
}

function proxyOf({ role, namespace, name, labels }: NodeIdentity): Proxy {
  return { role: role === 'router' ? 'gateway' : 'sidecar', namespace, name, labels }
}
