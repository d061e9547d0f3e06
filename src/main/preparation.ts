// Translates and encodes beforehand what the first sidecar will probably ask for, while no node has come yet: nobody waits for that then.
import type { Steps } from '../base/index.ts'
import type { Model } from '../model/index.ts'
import type { Proxy } from '../translate/index.ts'
import { ResourceView, typeUrls } from '../xds/index.ts'
import { areAlike, type SharedTranslations } from './shared-translations.ts'

const typesOfTraffic = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route]

export interface Interruption {
  /** How many have come meanwhile, and who. */
  readonly count: () => number
  readonly waiting: () => Iterable<Proxy>
  /** There is a newer model. */
  readonly isOutdated: () => boolean
}

export class Preparation {
  readonly #translations: SharedTranslations
  /** Whose translation was brought to its end: what was left half made is never built on. */
  #proxy: Proxy | undefined
  readonly #view = new ResourceView()

  constructor(translations: SharedTranslations) {
    this.#translations = translations
  }

  /** What must not be forgotten. */
  get proxies(): readonly Proxy[] {
    return this.#proxy === undefined ? [] : [this.#proxy]
  }

  /** Whoever has come meanwhile and has other declarations in view is not kept waiting. */
  *making(model: Model, { count, waiting, isOutdated }: Interruption): Steps<void> {
    const proxy = this.#proxy ?? { role: 'sidecar', namespace: usualNamespace(model), name: '', labels: {} }
    const translation = this.#translations.translating(model, proxy)
    let known = 0
    let isOfUse = true
    let step = translation.next()
    for (; step.done !== true; step = translation.next()) {
      if (count() !== known) isOfUse = Array.from(waiting()).every((other) => areAlike(model, proxy, other))
      known = count()
      if (this.#proxy === undefined && (isOutdated() || !isOfUse)) return
      yield
    }
    this.#proxy = proxy
    yield* this.#view.publishing(step.value.snapshot)
    for (const typeUrl of typesOfTraffic) {
      const type = this.#view.type(typeUrl)
      while (!isOutdated() && count() === 0 && type?.encode(() => true) === false) yield
    }
  }
}

/** In which most is declared. */
function usualNamespace({ resources }: Model): string {
  const counts = new Map<string, number>()
  for (const kind of ['ServiceEntry', 'Service'] as const)
    for (const { meta } of resources.of(kind)) counts.set(meta.namespace, (counts.get(meta.namespace) ?? 0) + 1)
  const [most] = Array.from(counts).toSorted(([, a], [, b]) => b - a)
  return most?.[0] ?? 'default'
}
