// Translates a model once for all kinds of nodes that no declaration tells apart.
import type { Steps } from '../base/index.ts'
import { type Model, selectingLabels } from '../model/index.ts'
import { type Proxy, translating, type Translation } from '../translate/index.ts'

export class SharedTranslations {
  #model: Model | undefined
  /** Of the model, by what proxies have in common. */
  #made = new Map<string, Translation>()
  /** Those that were translated for: what was built for one before is built on. */
  readonly #leaders = new Map<string, Proxy>()
  /** Whom a proxy shared with last. */
  readonly #followed = new WeakMap<Proxy, Proxy>()

  /** Forgets what none of these is given any more. */
  keep(proxies: Iterable<Proxy>): void {
    const model = this.#model
    if (model === undefined) return
    const keys = new Set(Array.from(proxies, (proxy) => keyOf(model, proxy)))
    for (const map of [this.#made, this.#leaders]) for (const key of map.keys()) if (!keys.has(key)) map.delete(key)
  }

  /** Only one may be under way, and it has to be brought to its end. */
  *translating(model: Model, proxy: Proxy): Steps<Translation> {
    if (model !== this.#model) {
      this.#model = model
      this.#made = new Map()
    }
    const key = keyOf(model, proxy)
    const leader = this.#leaderOf(model, key, proxy)
    const translation = this.#made.get(key) ?? (yield* translating(model, leader))
    this.#made.set(key, translation)
    this.#leaders.set(key, leader)
    this.#followed.set(proxy, leader)
    return translation
  }

  /** A declaration may have come that tells a proxy from the one that it shared with. */
  #leaderOf(model: Model, key: string, proxy: Proxy): Proxy {
    const leaders = [this.#leaders.get(key), this.#followed.get(proxy)]
    return leaders.find((one) => one !== undefined && keyOf(model, one) === key) ?? proxy
  }
}

export function areAlike(model: Model, a: Proxy, b: Proxy): boolean {
  return keyOf(model, a) === keyOf(model, b)
}

/** Gateways are chosen by all their labels. */
function keyOf({ resources }: Model, { role, namespace, labels }: Proxy): string {
  const selecting = role === 'sidecar' ? selectingLabels(resources) : undefined
  const telling = Object.entries(labels).filter(([name, value]) => selecting === undefined || selecting.has(`${name}=${value}`))
  return JSON.stringify([role, namespace, telling.toSorted(([a], [b]) => (a < b ? -1 : 1))])
}
