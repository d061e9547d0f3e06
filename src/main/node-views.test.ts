// Holds that nodes which should have the same share one view, that every view follows the model, and that none is kept for ever or without number.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { finish } from '../base/index.ts'
import { readText } from '../config/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { type NodeIdentity, typeUrls } from '../xds/index.ts'
import { NodeViews } from './node-views.ts'

function modelOf(...hosts: readonly string[]): Model {
  const documents = hosts.map(
    (host) =>
      `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ${host.replaceAll('.', '-')}}\nspec:\n  hosts: [${host}]\n  resolution: DNS\n  ports: [{number: 443, name: tls, protocol: TLS}]\n`,
  )
  const { resources, settings } = readText(documents.join('---\n'), 'x.yaml')
  return buildModel(resources, settings)
}

function node(namespace: string, labels: Readonly<Record<string, string>> = {}, name = 'web'): NodeIdentity {
  return { role: 'sidecar', address: '127.0.0.1', name, namespace, domain: 'x', labels, metadata: {}, agent: 'sallyport' }
}

function viewOf(views: NodeViews, identity: NodeIdentity) {
  const got = views.viewOf(identity)
  if (typeof got === 'string') throw new Error(got)
  return got
}

const clustersOf = ({ view }: ReturnType<typeof viewOf>): readonly string[] =>
  Array.from(view.type(typeUrls.cluster)?.resources.names() ?? []).filter((name) => name.startsWith('outbound'))
const [a, b] = ['outbound|443||a.test', 'outbound|443||b.test']

afterEach(() => vi.useRealTimers())

test('nodes of one namespace and the same labels share a view, whatever they are called', () => {
  const views = new NodeViews({ wanted: () => undefined })
  const first = viewOf(views, node('shop', { app: 'x', tier: 'y' }))
  expect(viewOf(views, node('shop', { tier: 'y', app: 'x' }, 'other')).view).toBe(first.view)
  expect(viewOf(views, node('shop', { app: 'x' })).view).not.toBe(first.view)
  expect(viewOf(views, node('front', { app: 'x', tier: 'y' })).view).not.toBe(first.view)
  expect(viewOf(views, { ...node('shop', { app: 'x', tier: 'y' }), role: 'router' }).view).not.toBe(first.view)
  expect(views.size).toBe(4)
  views.close()
})

test('a view is asked for when it is new, and follows the model', () => {
  let wanted = 0
  const views = new NodeViews({ wanted: () => void wanted++ })
  const model = modelOf('a.test')
  const first = viewOf(views, node('one'))
  viewOf(views, node('one'))
  expect([wanted, first.view.snapshot]).toEqual([1, undefined])
  finish(views.making(model, () => false))
  const second = viewOf(views, node('two'))
  finish(views.making(model, () => false))
  expect([clustersOf(first), clustersOf(second)]).toEqual([[a], [a]])
  finish(views.making(modelOf('a.test', 'b.test'), () => false))
  expect([clustersOf(first), clustersOf(second)]).toEqual([
    [a, b],
    [a, b],
  ])
  views.close()
})

test('when a newer model is there already, the views that were left go first under it', () => {
  const views = new NodeViews({ wanted: () => undefined })
  const [one, two] = [viewOf(views, node('one')), viewOf(views, node('two'))]
  finish(views.making(modelOf('a.test'), () => false))
  finish(views.making(modelOf('a.test', 'b.test'), () => true))
  expect([clustersOf(one), clustersOf(two)]).toEqual([[a, b], [a]])
  finish(views.making(modelOf('b.test'), () => true))
  expect([clustersOf(one), clustersOf(two)]).toEqual([[a, b], [b]])
  views.close()
})

test('what is made before any node comes is what the first is given, and it is not kept for others', () => {
  const views = new NodeViews({ wanted: () => undefined })
  const model = modelOf('a.test')
  finish(views.preparing(model, () => false))
  const first = viewOf(views, node('default', { app: 'x' }))
  finish(views.making(model, () => false))
  expect(clustersOf(first)).toEqual([a])
  const next = modelOf('a.test', 'b.test')
  finish(views.preparing(next, () => false))
  finish(views.making(next, () => false))
  expect(clustersOf(first)).toEqual([a, b])
  views.close()
})

describe('nodes of one namespace', () => {
  const documents = {
    entry: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: {hosts: [a.test, b.test], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}
`,
    sidecar: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: narrow, namespace: default}
spec: {workloadSelector: {labels: {app: x}}, egress: [{hosts: [./b.test]}]}
`,
    rule: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: tcp, namespace: default}
spec: {host: a.test, exportTo: [.], workloadSelector: {matchLabels: {app: x}}, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 7s}}}}
`,
    routes: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: http, namespace: default}
spec: {hosts: [a.test], http: [{match: [{sourceLabels: {app: x}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: a.test}}]}, {route: [{destination: {host: a.test}}]}]}
`,
    tls: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tls, namespace: default}
spec: {hosts: [a.test], tls: [{match: [{port: 443, sniHosts: [a.test], sourceLabels: {app: x}}], route: [{destination: {host: b.test}}]}]}
`,
    governed: `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: more, namespace: default}
spec: {workloadSelector: {labels: {app: x}}, configPatches: []}
`,
  } as const
  const modelWith = (...kinds: readonly (keyof typeof documents)[]): Model => {
    const { resources, settings } = readText(kinds.map((kind) => documents[kind]).join('---\n'), 'x.yaml')
    return buildModel(resources, settings)
  }
  const selected = { app: 'x', version: '1' }

  test('share what is translated while no declaration tells them apart, and no longer', () => {
    const views = new NodeViews({ wanted: () => undefined })
    const [one, two, other] = [{ app: 'y' }, { app: 'z' }, selected].map((labels) => viewOf(views, node('default', labels)))
    finish(views.making(modelWith('entry'), () => false))
    expect(one?.view.snapshot?.clusters).toBe(two?.view.snapshot?.clusters)
    expect(one?.view.snapshot?.clusters).toBe(other?.view.snapshot?.clusters)
    const before = one?.view.snapshot?.clusters.get('outbound|443||b.test')
    finish(views.making(modelWith('entry', 'rule'), () => false))
    expect(one?.view.snapshot?.clusters).toBe(two?.view.snapshot?.clusters)
    expect(one?.view.snapshot?.clusters).not.toBe(other?.view.snapshot?.clusters)
    expect(one?.view.snapshot?.clusters.get('outbound|443||b.test')).toBeDefined()
    finish(views.making(modelWith('entry'), () => false))
    expect(one?.view.snapshot?.clusters).toBe(other?.view.snapshot?.clusters)
    expect(before).toBeDefined()
    views.close()
  })

  test.each(['sidecar', 'rule', 'routes', 'tls', 'governed'] as const)(
    'have what each would have by itself, under a %s that selects some',
    (kind) => {
      const views = new NodeViews({ wanted: () => undefined })
      const model = modelWith('entry', kind)
      const bytesOf = (labels: Readonly<Record<string, string>>, from: NodeViews): readonly string[] => {
        const { view } = viewOf(from, node('default', labels))
        finish(from.making(model, () => false))
        return [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route].flatMap((typeUrl) => {
          const type = view.type(typeUrl)
          return Array.from(type?.resources.names() ?? [], (name) => `${name} ${type?.get(name)?.version}`)
        })
      }
      const alone = [{ app: 'y' }, selected].map((labels) => bytesOf(labels, new NodeViews({ wanted: () => undefined })))
      expect([bytesOf({ app: 'y' }, views), bytesOf(selected, views)]).toEqual(alone)
      expect(alone[0]).not.toEqual(alone[1])
      views.close()
    },
  )
})

describe('a view that nobody has', () => {
  test('is kept for a minute, because proxies come back', () => {
    vi.useFakeTimers()
    const views = new NodeViews({ wanted: () => undefined })
    const first = viewOf(views, node('shop'))
    first.release()
    first.release()
    vi.advanceTimersByTime(59_000)
    const again = viewOf(views, node('shop'))
    expect(again.view).toBe(first.view)
    vi.advanceTimersByTime(120_000)
    expect(views.size).toBe(1)
    again.release()
    vi.advanceTimersByTime(61_000)
    expect(views.size).toBe(0)
  })

  test('makes room when there are as many as there may be; those in use do not', () => {
    const views = new NodeViews({ wanted: () => undefined, most: 2 })
    const first = viewOf(views, node('one'))
    viewOf(views, node('two'))
    expect(views.viewOf(node('three'))).toBe('nodes of more than 2 different kinds are connected')
    first.release()
    expect(typeof views.viewOf(node('three'))).toBe('object')
    views.close()
  })
})
