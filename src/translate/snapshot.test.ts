// Holds the parts of a snapshot that no verdict shows: names, waits, metadata, sockets, places.
import { describe, expect, test } from 'vitest'
import type { MeshSettings, Resource, ServiceEntrySpec } from '../api/index.ts'
import { readMetadata, type Snapshot } from '../xds/index.ts'
import type { Proxy, TranslateOptions } from './context.ts'
import { gateway, messagesOf, modelOf, registryOnly, resource, sidecar } from './resources.test-kit.ts'
import { translate } from './snapshot.ts'

const likeIstio: MeshSettings = { ...registryOnly, sallyport: { strictness: 'istio' } }
const http = { number: 80, name: 'http', protocol: 'HTTP' }
const tls = { number: 443, name: 'tls', protocol: 'TLS' }
const tcp = { number: 7000, name: 'tcp', protocol: 'TCP' }

const entry = (name: string, spec: Partial<ServiceEntrySpec>): Resource =>
  resource('ServiceEntry', name, { hosts: [`${name}.test`], ports: [http], resolution: 'DNS', ...spec })

interface Plan {
  readonly proxy?: Proxy
  readonly settings?: MeshSettings
  readonly options?: TranslateOptions
}

function snapshotOf(resources: readonly Resource[], { proxy = sidecar, settings = registryOnly, options = {} }: Plan = {}): Snapshot {
  const { snapshot } = translate(modelOf(resources, settings), { ...proxy }, options)
  messagesOf(snapshot)
  return snapshot
}

describe('names', () => {
  const addresses = (snapshot: Snapshot, host: string): readonly string[] | undefined => {
    const config = snapshot.names.get(host)?.endpoint?.endpointConfig
    return config?.case === 'addressList' ? config.value.address : undefined
  }

  const cases: Record<string, readonly [spec: Partial<ServiceEntrySpec>, strict: readonly string[], istio: readonly string[]]> = {
    'a host without addresses gets virtual ones, but not from Istio': [{}, ['240.240.85.131', '2001:2::f0f0:5583'], []],
    'a host with addresses has these': [
      { addresses: ['203.0.113.1', '203.0.113.2'] },
      ['203.0.113.1', '203.0.113.2'],
      ['203.0.113.1', '203.0.113.2'],
    ],
    'a range is no address, and whoever has one gets no other': [{ addresses: ['198.19.0.0/28'], resolution: 'STATIC' }, [], []],
    'a wildcard has no address of its own': [{ hosts: ['*.api.test'], resolution: 'NONE' }, [], []],
  }

  test.each(Object.entries(cases))('%s', (_, [spec, strict, istio]) => {
    const host = spec.hosts?.[0] ?? 'api.test'
    expect(addresses(snapshotOf([entry('api', spec)]), host)).toEqual(strict)
    expect(addresses(snapshotOf([entry('api', spec)], { settings: likeIstio }), host)).toEqual(istio)
  })

  test('virtual addresses can be turned off', () => {
    const settings: MeshSettings = { ...registryOnly, sallyport: { dns: { autoAllocate: false } } }
    expect(addresses(snapshotOf([entry('api', {})], { settings }), 'api.test')).toEqual([])
  })

  test('Istio’s virtual addresses can be turned on', () => {
    const settings: MeshSettings = { ...registryOnly, sallyport: { strictness: 'istio', dns: { autoAllocate: true } } }
    expect(addresses(snapshotOf([entry('api', {})], { settings }), 'api.test')).toEqual(['240.240.85.131', '2001:2::f0f0:5583'])
  })

  test('a gateway answers no questions', () => {
    expect(snapshotOf([entry('api', {})], { proxy: gateway }).names.size).toBe(0)
  })
})

describe('the wait for a client’s first words', () => {
  const wait = (resources: readonly Resource[], name: string, settings = registryOnly): number | undefined => {
    const timeout = snapshotOf(resources, { settings }).listeners.get(name)?.listenerFiltersTimeout
    return timeout && Number(timeout.seconds) * 1000 + timeout.nanos / 1e6
  }
  const allowAny: MeshSettings = { mesh: {}, sallyport: {} }
  const detecting: MeshSettings = { ...likeIstio, mesh: { ...likeIstio.mesh, protocolDetectionTimeout: '0.3s' } }

  const cases: Record<string, readonly [resources: Resource[], listener: string, settings: MeshSettings, wait: number]> = {
    'is without limit where silence leads nowhere': [[entry('api', {})], '0.0.0.0_80', registryOnly, 0],
    'is short where the dialled address would take a silent client': [[entry('api', {})], '0.0.0.0_80', allowAny, 250],
    'is short where a TCP service shares the port': [
      [entry('api', { ports: [tls] }), entry('db', { ports: [{ ...tcp, number: 443 }] })],
      '0.0.0.0_443',
      registryOnly,
      250,
    ],
    'is not needed where nothing is looked at': [
      [entry('db', { ports: [tcp], addresses: ['203.0.113.1'] })],
      '203.0.113.1_7000',
      registryOnly,
      0,
    ],
    'is the mesh’s for HTTP, as in Istio': [[entry('api', {})], '0.0.0.0_80', detecting, 300],
    'is without limit for TLS, as in Istio': [[entry('api', { ports: [tls] })], '0.0.0.0_443', detecting, 0],
  }

  test.each(Object.entries(cases))('%s', (_, [resources, listener, settings, expected]) => {
    expect(wait(resources, listener, settings)).toBe(expected)
  })
})

describe('metadata', () => {
  test('names what declared a chain, a virtual host and a cluster', () => {
    const snapshot = snapshotOf([entry('api', { ports: [http, tls] })])
    const ref = { kind: 'ServiceEntry', namespace: 'default', name: 'api', field: 'spec.hosts[0]' }
    expect(readMetadata(snapshot.listeners.get('0.0.0.0_443')?.filterChains[0]?.metadata)).toEqual(ref)
    expect(readMetadata(snapshot.routes.get('80')?.virtualHosts.find((host) => host.name === 'api.test:80')?.metadata)).toEqual(ref)
    expect(readMetadata(snapshot.clusters.get('outbound|80||api.test')?.metadata)).toEqual(ref)
  })

  test('says strictness and policy, with who set the policy', () => {
    const policyRef = { kind: 'ConfigMap', namespace: 'istio-system', name: 'istio', field: 'data.mesh' }
    const listener = snapshotOf([], { settings: { ...registryOnly, policyRef } }).listeners.get('virtualOutbound')
    expect(readMetadata(listener?.metadata)).toEqual({ ...policyRef, strictness: 'strict', outboundPolicy: 'REGISTRY_ONLY' })
    expect(readMetadata(listener?.filterChains[1]?.metadata)).toMatchObject({ ...policyRef, refuse: 'not-declared' })
  })

  test('marks the cluster of an egress gateway', () => {
    const labels = { istio: 'egressgateway' }
    const resources = [
      entry('gw', { resolution: 'STATIC', endpoints: [{ address: '198.18.0.20', labels: { ...labels, app: 'gw' } }] }),
      entry('api', {}),
      resource('Gateway', 'out', { selector: labels, servers: [{ port: http, hosts: ['*'] }] }),
    ]
    const { clusters } = snapshotOf(resources)
    expect(readMetadata(clusters.get('outbound|80||gw.test')?.metadata).gateway).toBe(true)
    expect(readMetadata(clusters.get('outbound|80||api.test')?.metadata).gateway).toBeUndefined()
  })
})

describe('a moved document', () => {
  test('changes nothing but its place', () => {
    const before = entry('api', { ports: [http, tls] })
    const moved = { ...before, origin: { ...before.origin, line: 7 } }
    const proxy = { ...sidecar }
    const first = modelOf([before])
    const one = translate(first, proxy).snapshot
    const two = translate(modelOf([moved], registryOnly, first), proxy).snapshot
    for (const kind of ['listeners', 'routes', 'clusters', 'endpoints', 'names'] as const) {
      for (const [name, message] of one[kind]) expect(two[kind].get(name)).toBe(message)
    }
    expect([one.origins.get('ServiceEntry/default/api')?.line, two.origins.get('ServiceEntry/default/api')?.line]).toEqual([1, 7])
    expect([...two.origins.keys()]).toEqual(['ServiceEntry/default/api'])
  })
})

describe('a gateway in the same process', () => {
  const host = 'istio-egressgateway.istio-system.svc.cluster.local'
  const resources = [
    entry('api', {}),
    resource('Gateway', 'out', { selector: { istio: 'egressgateway' }, servers: [{ port: http, hosts: ['api.test'] }] }),
    resource('VirtualService', 'api', {
      hosts: ['api.test'],
      gateways: ['mesh', 'out'],
      http: [
        { match: [{ gateways: ['mesh'] }], route: [{ destination: { host, port: { number: 80 } } }] },
        { match: [{ gateways: ['out'] }], route: [{ destination: { host: 'api.test', port: { number: 80 } } }] },
      ],
    }),
  ]
  const options = { embeddedGateway: { socketDirectory: '/run/sally' } }

  test('is reached by its socket, behind a header that says where the client wanted to go', () => {
    const snapshot = snapshotOf(resources, { options })
    const name = `outbound|80||${host}`
    const cluster = snapshot.clusters.get(name)
    expect(cluster?.transportSocket?.name).toBe('envoy.transport_sockets.upstream_proxy_protocol')
    expect(readMetadata(cluster?.metadata).gateway).toBe(true)
    const address = snapshot.endpoints.get(name)?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier
    expect(address?.case === 'endpoint' && address.value.address?.address.value).toMatchObject({ path: '/run/sally/80.sock' })
  })

  test('listens there, and reads that header', () => {
    const listener = snapshotOf(resources, { proxy: gateway, options }).listeners.get('0.0.0.0_80')
    expect(listener?.address?.address.value).toMatchObject({ path: '/run/sally/80.sock' })
    expect(listener?.listenerFilters.map((filter) => filter.name)).toEqual(['envoy.filters.listener.proxy_protocol'])
  })

  test('is not offered to the workload by name, port or address', () => {
    const snapshot = snapshotOf(resources, { options })
    expect(snapshot.names.has(host)).toBe(false)
    expect(snapshot.routes.get('80')?.virtualHosts.map((one) => one.name)).toEqual(['api.test:80', 'block_all'])
  })
})

describe('a gateway', () => {
  const server = (number: number, protocol: string, hosts = ['*']) => ({ port: { number, name: `p${number}`, protocol }, hosts })
  const servers = (...list: ReturnType<typeof server>[]): Resource =>
    resource('Gateway', 'out', { selector: gateway.labels, servers: list })

  test('leaves a port to the older server when a later one speaks another protocol, and says so', () => {
    const resources = [servers(server(80, 'HTTP'), server(80, 'TCP'))]
    const { snapshot, issues } = translate(modelOf(resources), { ...gateway })
    expect([...snapshot.listeners.keys()]).toEqual(['0.0.0.0_80'])
    expect(issues.map((issue) => [issue.code, issue.path])).toEqual([['SLP1501', 'spec.servers[1]']])
  })

  test('answers every request with 404 where no VirtualService is bound', () => {
    const snapshot = snapshotOf([servers(server(80, 'HTTP'))], { proxy: gateway })
    expect(snapshot.routes.get('http.80')?.virtualHosts).toMatchObject([{ name: 'blackhole:80', domains: ['*'], routes: [] }])
  })

  test('does not listen for TCP that no rule leads on', () => {
    expect(snapshotOf([servers(server(7000, 'TCP'))], { proxy: gateway }).listeners.size).toBe(0)
  })

  test('has neither a way through nor a passthrough cluster', () => {
    const snapshot = snapshotOf([servers(server(80, 'HTTP')), entry('api', {})], { proxy: gateway })
    expect(snapshot.clusters.has('PassthroughCluster')).toBe(false)
    expect(snapshot.listeners.get('0.0.0.0_80')?.defaultFilterChain).toBeUndefined()
  })

  test('joins the rules of several VirtualServices of one host, catch-alls last', () => {
    const rules = (name: string, created: number, path: string): Resource =>
      resource(
        'VirtualService',
        name,
        {
          hosts: ['api.test'],
          gateways: ['out'],
          http: [{ name, match: [{ uri: { prefix: path } }], route: [{ destination: { host: 'api.test', port: { number: 80 } } }] }],
        },
        { created },
      )
    const resources = [entry('api', {}), servers(server(80, 'HTTP')), rules('all', 1, '/'), rules('some', 2, '/some')]
    const host = snapshotOf(resources, { proxy: gateway }).routes.get('http.80')?.virtualHosts[0]
    expect(host?.routes.map((route) => route.name)).toEqual(['some', 'all'])
  })
})
