// Holds that what was made beforehand is what nodes are given, and that nobody is kept waiting by what is of no use to him.
import { describe, expect, test } from 'vitest'
import { finish } from '../base/index.ts'
import { readText } from '../config/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { type Proxy, translate } from '../translate/index.ts'
import { Preparation } from './preparation.ts'
import { SharedTranslations } from './shared-translations.ts'

const proxy = (namespace: string, labels: Readonly<Record<string, string>> = {}): Proxy => ({
  role: 'sidecar',
  namespace,
  name: 'web',
  labels,
})
const idle = { count: () => 0, waiting: () => [], isOutdated: () => false }

function modelOf(count: number, namespace = 'shop'): Model {
  const documents = Array.from(
    { length: count },
    (_, i) =>
      `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e${i}, namespace: ${i === 0 ? 'aside' : namespace}}\nspec:\n  hosts: [h${i}.test]\n  resolution: DNS\n  ports: [{number: 443, name: tls, protocol: TLS}]\n`,
  )
  const { resources, settings } = readText(documents.join('---\n'), 'x.yaml')
  return buildModel(resources, settings)
}

/** Without a single step. */
const isThere = (translations: SharedTranslations, model: Model, node: Proxy): boolean =>
  translations.translating(model, node).next().done === true

test('is made for sidecars of the namespace in which most is declared, whatever their labels', () => {
  const translations = new SharedTranslations()
  const model = modelOf(40)
  finish(new Preparation(translations).making(model, idle))
  expect(isThere(translations, model, proxy('shop', { app: 'x' }))).toBe(true)
  expect(isThere(translations, model, { ...proxy('shop'), role: 'gateway' })).toBe(false)
  expect(isThere(translations, model, proxy('aside'))).toBe(false)
})

test('follows the model as long as nobody has come', () => {
  const translations = new SharedTranslations()
  const preparation = new Preparation(translations)
  for (const count of [10, 30, 20]) {
    const model = modelOf(count)
    finish(preparation.making(model, idle))
    translations.keep(preparation.proxies)
    const { snapshot } = finish(translations.translating(model, proxy('shop')))
    expect(Array.from(snapshot.clusters.keys()).toSorted()).toEqual(
      Array.from(translate(model, proxy('shop')).snapshot.clusters.keys()).toSorted(),
    )
  }
})

describe('when somebody comes while it is made', () => {
  test.each([
    { who: 'one who is given the same waits for its end', waiting: [proxy('shop', { app: 'x' })], isMade: true },
    { who: 'one who sees other declarations does not wait', waiting: [proxy('aside')], isMade: false },
  ])('$who', ({ waiting, isMade }) => {
    const translations = new SharedTranslations()
    const preparation = new Preparation(translations)
    const model = modelOf(400)
    let come: readonly Proxy[] = []
    const steps = preparation.making(model, { ...idle, count: () => come.length, waiting: () => come })
    for (let i = 0; i < 10; i++) expect(steps.next().done).toBe(false)
    come = waiting
    finish(steps)
    expect(preparation.proxies.length).toBe(isMade ? 1 : 0)
    expect(isThere(translations, model, proxy('shop'))).toBe(isMade)
  })

  test('what was left half made is never built on', () => {
    const translations = new SharedTranslations()
    const preparation = new Preparation(translations)
    let isOutdated = false
    const steps = preparation.making(modelOf(400), { ...idle, isOutdated: () => isOutdated })
    for (let i = 0; i < 10; i++) steps.next()
    isOutdated = true
    expect(steps.next().done).toBe(true)
    const model = modelOf(30)
    finish(preparation.making(model, idle))
    const { snapshot } = finish(translations.translating(model, proxy('shop')))
    expect(snapshot.clusters).toEqual(translate(model, proxy('shop')).snapshot.clusters)
    expect(snapshot.listeners).toEqual(translate(model, proxy('shop')).snapshot.listeners)
  })
})
