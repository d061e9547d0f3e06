// Translates a model once for all kinds of nodes that no declaration tells apart.
import type { Steps } from '../base/index.ts'
import { type Model, selectingLabels } from '../model/index.ts'
import { type Proxy, translating, type Translation } from '../translate/index.ts'

interface Made {
  /** That it was made for: what was built for it before is built on. */
  readonly leader: Proxy
  readonly translation: Translation
}

export class SharedTranslations {
  #model: Model | undefined
  /** Of the model, by what proxies have in common. */
  #made = new Map<string, Made>()
  /** Of the model before. */
  #before: ReadonlyMap<string, Made> = new Map()
  /** Whose translation a proxy was given last. */
  readonly #followed = new WeakMap<Proxy, Proxy>()

  /** Forgets what none of these is given any more. */
  keep(proxies: Iterable<Proxy>): void {
    const model = this.#model
    if (model === undefined) return
    const keys = new Set(Array.from(proxies, (proxy) => keyOf(model, proxy)))
    for (const key of this.#made.keys()) if (!keys.has(key)) this.#made.delete(key)
    this.#before = new Map()
  }

  /** Only one may be under way, and it has to be brought to its end. */
  *translating(model: Model, proxy: Proxy): Steps<Translation> {
    if (model !== this.#model) {
      this.#model = model
      this.#before = this.#made
      this.#made = new Map()
    }
    const key = keyOf(model, proxy)
    const made = this.#made.get(key) ?? (yield* this.#make(model, key, proxy))
    this.#followed.set(proxy, made.leader)
    return made.translation
  }

  *#make(model: Model, key: string, proxy: Proxy): Steps<Made> {
    const leaders = [this.#followed.get(proxy), this.#before.get(key)?.leader]
    // A declaration may have come that tells it from those that it was led by.
    const leader = leaders.find((one) => one !== undefined && keyOf(model, one) === key) ?? proxy
    const made = { leader, translation: yield* translating(model, leader) }
    this.#made.set(key, made)
    return made
  }
}

/** Gateways are chosen by all their labels. */
function keyOf({ resources }: Model, { role, namespace, labels }: Proxy): string {
  const selecting = role === 'sidecar' ? selectingLabels(resources) : undefined
  const telling = Object.entries(labels).filter(([name, value]) => selecting === undefined || selecting.has(`${name}=${value}`))
  return JSON.stringify([role, namespace, telling.toSorted(([a], [b]) => (a < b ? -1 : 1))])
}
