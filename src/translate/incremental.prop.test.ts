// Holds that a translation which remembers the one before says the same as one from scratch, and keeps the identity of what is unchanged.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Resource } from '../api/index.ts'
import type { Model } from '../model/index.ts'
import type { Proxy } from './context.ts'
import { gateway, messagesOf, modelOf, registryOnly, resource, sidecar } from './resources.test-kit.ts'
import { translate } from './snapshot.ts'

const host = fc.constantFrom('a.test', 'b.test', 'c.test', '*.test', '*.b.test', 'x.b.test', 'gw.istio-system.svc.cluster.local')
const port = fc.constantFrom(
  { number: 80, name: 'http', protocol: 'HTTP' },
  { number: 443, name: 'tls', protocol: 'TLS' },
  { number: 7000, name: 'tcp', protocol: 'TCP' },
  { number: 7001, name: 'any' },
)
const name = fc.constantFrom('one', 'two', 'three', 'four', 'five')
const namespace = fc.constantFrom('default', 'other')
const created = fc.constantFrom(0, 1000, 2000)

const serviceEntry = fc
  .record({
    host,
    ports: fc.uniqueArray(port, { selector: (one) => one.number, minLength: 1 }),
    addresses: fc.constantFrom([], [], ['203.0.113.1'], ['203.0.113.2'], ['198.19.0.0/28']),
    resolution: fc.constantFrom('NONE' as const, 'STATIC' as const, 'DNS' as const),
    exportTo: fc.constantFrom<string[]>([], [], ['.'], ['other']),
    labels: fc.constantFrom<Record<string, string>>({}, { istio: 'egressgateway' }),
  })
  .map(({ labels, host: one, ...spec }) => ({
    ...spec,
    hosts: [one],
    endpoints: spec.resolution === 'STATIC' ? [{ address: '203.0.113.9', labels }] : [],
  }))

const destination = fc.record({ host, port: fc.constantFrom({ number: 80 }, { number: 443 }, { number: 7000 }) })
const routes = destination.map((one) => [{ destination: one }])
const gateways = fc.constantFrom(['mesh'], ['mesh', 'out'], ['out'])

const virtualService = fc
  .record({ host, gateways, http: routes, tcp: routes, tls: routes, path: fc.constantFrom('/', '/a') })
  .map(({ host: one, path, http, tcp, tls, gateways: at }) => ({
    hosts: [one],
    gateways: at,
    http: [{ match: [{ uri: { prefix: path } }], route: http }],
    tcp: [{ match: [{ port: 7000 }], route: tcp }],
    tls: [{ match: [{ sniHosts: [one], port: 443 }], route: tls }],
  }))

const destinationRule = fc.record({ host, timeout: fc.constantFrom('1s', '2s') }).map(({ host: one, timeout }) => ({
  host: one,
  trafficPolicy: { connectionPool: { tcp: { connectTimeout: timeout } } },
  subsets: [{ name: 'v1' }],
}))

const server = fc.constantFrom(
  { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] },
  { port: { number: 443, name: 'tls', protocol: 'TLS' }, hosts: ['*'], tls: { mode: 'PASSTHROUGH' as const } },
  { port: { number: 7000, name: 'tcp', protocol: 'TCP' }, hosts: ['a.test', 'b.test'] },
)

const hosts = fc.uniqueArray(fc.constantFrom('./*', 'other/*', '*/a.test', '*/*.test', '*/*', '~/*', '~other/a.test'), { minLength: 1 })
const listener = fc.constantFrom(
  { port: { number: 80, protocol: 'HTTP' } },
  { port: { number: 7000, protocol: 'TCP' }, bind: '203.0.113.5' },
  { port: { number: 80, protocol: 'HTTP' }, bind: '203.0.113.5' },
)
const sidecars = fc
  .tuple(
    fc.array(fc.tuple(listener, hosts), { maxLength: 1 }),
    fc.array(hosts, { maxLength: 1 }),
    fc.constantFrom({}, { mode: 'ALLOW_ANY' as const }, undefined),
  )
  .map(([ports, rest, policy]) => ({
    egress: [...ports.map(([one, seen]) => ({ ...one, hosts: seen })), ...rest.map((seen) => ({ hosts: seen }))],
    ...(policy !== undefined && { outboundTrafficPolicy: policy }),
  }))

const anyEntry: fc.Arbitrary<Resource> = fc
  .tuple(name, serviceEntry, namespace, created)
  .map(([n, spec, ns, at]) => resource('ServiceEntry', n, spec, { namespace: ns, created: at }))

const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  { weight: 5, arbitrary: anyEntry },
  { weight: 2, arbitrary: fc.tuple(name, virtualService).map(([n, spec]) => resource('VirtualService', n, spec)) },
  { weight: 1, arbitrary: fc.tuple(name, destinationRule).map(([n, spec]) => resource('DestinationRule', n, spec)) },
  { weight: 1, arbitrary: sidecars.map((spec) => resource('Sidecar', 'narrow', spec)) },
  {
    weight: 1,
    arbitrary: fc
      .array(server, { minLength: 1, maxLength: 2 })
      .map((servers) => resource('Gateway', 'out', { selector: { istio: 'egressgateway' }, servers })),
  },
)

type Edit = { readonly put: Resource } | { readonly drop: number }
const editOf = (one: fc.Arbitrary<Resource>): fc.Arbitrary<Edit> =>
  fc.oneof({ weight: 4, arbitrary: one.map((put) => ({ put })) }, { weight: 1, arbitrary: fc.nat().map((drop) => ({ drop })) })

function edited(resources: readonly Resource[], change: Edit): readonly Resource[] {
  if ('drop' in change) return resources.filter((_, i) => resources.length === 0 || i !== change.drop % resources.length)
  const { put } = change
  const isOther = (one: Resource): boolean =>
    one.kind !== put.kind || one.meta.name !== put.meta.name || one.meta.namespace !== put.meta.namespace
  return [...resources.filter(isOther), put]
}

const embedded = { embeddedGateway: { socketDirectory: '/run/sally' } }

const cases: Record<
  string,
  { readonly proxy: Proxy; readonly options?: object; readonly strictness?: 'strict' | 'istio'; readonly only?: typeof anyEntry }
> = {
  'a sidecar': { proxy: sidecar },
  'a sidecar of entries alone': { proxy: sidecar, only: anyEntry },
  'a sidecar as Istio': { proxy: sidecar, strictness: 'istio' },
  'a sidecar with a gateway beside it': { proxy: sidecar, options: embedded },
  'a gateway': { proxy: gateway },
  'a gateway beside a sidecar': { proxy: gateway, options: embedded },
}

test.each(Object.entries(cases))(
  'remembering changes nothing but identity: %s',
  (_, { proxy, options = {}, strictness = 'strict', only = anyResource }) => {
    const settings = { ...registryOnly, sallyport: { strictness } } as const
    fc.assert(
      fc.property(fc.array(editOf(only), { minLength: 2, maxLength: 12 }), (edits) => {
        const kept: Proxy = { ...proxy }
        let resources: readonly Resource[] = []
        let model: Model | undefined
        let before = new Map<string, { message: object; bytes: string }>()
        for (const change of edits) {
          resources = edited(resources, change)
          model = modelOf(resources, settings, model)
          const now = messagesOf(translate(model, kept, options).snapshot)
          const fresh = messagesOf(translate(modelOf(resources, settings), { ...proxy }, options).snapshot)
          expect(bytesOf(now)).toEqual(bytesOf(fresh))
          for (const [key, { message, bytes }] of now) {
            const old = before.get(key)
            if (old !== undefined && old.bytes === bytes && old.message !== message)
              throw new Error(`${key} is the same, but another object`)
          }
          before = now
        }
      }),
      { numRuns: 30 },
    )
  },
  30_000,
)

function bytesOf(messages: ReadonlyMap<string, { readonly bytes: string }>): Record<string, string> {
  return Object.fromEntries([...messages].map(([key, { bytes }]) => [key, bytes] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
}
