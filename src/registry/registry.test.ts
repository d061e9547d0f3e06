// Holds what becomes of ServiceEntries, WorkloadEntries and Services, and that edits are followed exactly.
import { createResourceSet, type Kind, type Meta, type Resource, type Spec } from '../api/index.ts'
import { describe, expect, test } from 'vitest'
import { buildRegistry, type Registry } from './registry.ts'
import { endpointPort, portOf, type Service } from './service.ts'

function resource<K extends Kind>(
  kind: K,
  name: string,
  spec: Spec<K>,
  more: Partial<Meta> & { unsupported?: string[] } = {},
): Resource<K> {
  const { unsupported = [], ...meta } = more
  const full = { namespace: 'default', name, labels: {}, annotations: {}, created: 0, ...meta }
  const origin = { source: 'test.yaml', line: 1, placeOf: () => ({ line: 1, column: 1 }) }
  return { kind, meta: full, spec, origin, hash: JSON.stringify([kind, full, spec]), unsupported }
}

function registryOf(resources: readonly Resource[], previous?: Registry): Registry {
  return buildRegistry(createResourceSet(resources), 'canonical', previous)
}

function only(registry: Registry, host: string): Service {
  const [service, ...more] = registry.of(host)
  if (service === undefined || more.length > 0) throw new Error(`${host}: ${more.length + (service ? 1 : 0)} services`)
  return service
}

describe('a ServiceEntry', () => {
  const entry = resource('ServiceEntry', 'e', {
    hosts: ['A.Test.', '*.b.test'],
    addresses: ['203.0.113.1', '203.0.113.2/32', '198.19.0.0/28', '2001:db8::1/128'],
    ports: [{ number: 80, name: 'web', protocol: 'Http', targetPort: 8080 }, { number: 25 }],
    resolution: 'STATIC',
    endpoints: [{ address: '203.0.113.9', ports: { web: 81 }, weight: 0 }, { address: '203.0.113.10' }],
  })
  const registry = registryOf([entry])

  test('becomes a service for every host, in canonical spelling', () => {
    expect(registry.services.map((service) => service.host)).toEqual(['*.b.test', 'a.test'])
  })

  test('keeps the spelling where Istio compares what is written', () => {
    const written = buildRegistry(createResourceSet([entry]), 'as-written')
    expect(written.services.map((service) => service.host)).toEqual(['*.b.test', 'A.Test.'])
  })

  test('has ranges of one address as that address', () => {
    expect(only(registry, 'a.test').addresses).toEqual(['203.0.113.1', '203.0.113.2', '198.19.0.0/28', '2001:db8::1'])
  })

  test('takes an empty protocol for sniffed, and any spelling of a known one', () => {
    const service = only(registry, 'a.test')
    expect(service.ports.map((port) => [port.number, port.protocol, port.family])).toEqual([
      [80, 'http', 'http'],
      [25, 'unset', 'unset'],
    ])
  })

  test('looks for an endpoint’s port in its own map, then in the target port, then in the number', () => {
    const service = only(registry, 'a.test')
    const ports = service.endpoints.flatMap((endpoint) => service.ports.map((port) => endpointPort(endpoint, port)))
    expect(ports).toEqual([81, 25, 8080, 25])
  })

  test('reads weight 0 as 1', () => {
    expect(only(registry, 'a.test').endpoints[0]?.weight).toBe(1)
  })

  test('is refused port by port and host by host', () => {
    const unsupported = ['spec.ports[1].protocol', 'spec.hosts[1]', 'spec.resolution']
    const made = registryOf([{ ...entry, hash: 'other', unsupported }])
    const service = only(made, 'a.test')
    expect(service.unsupported).toEqual(['spec.resolution'])
    expect(only(made, '*.b.test').unsupported).toEqual(['spec.hosts[1]', 'spec.resolution'])
    expect(portOf(service, 80)?.unsupported).toEqual([])
    expect(portOf(service, 25)?.unsupported).toEqual(['spec.ports[1].protocol'])
  })
})

describe('services', () => {
  test('stand oldest first, then by host, then by namespace', () => {
    const make = (name: string, host: string, namespace: string, created: number) =>
      resource('ServiceEntry', name, { hosts: [host], ports: [{ number: 80 }] }, { namespace, created })
    const registry = registryOf([
      make('z', 'a.test', 'b', 0),
      make('y', 'a.test', 'a', 0),
      make('x', 'c.test', 'a', 0),
      make('w', 'b.test', 'a', -1),
    ])
    expect(registry.services.map((service) => service.ref.name)).toEqual(['w', 'y', 'z', 'x'])
  })

  test('choose WorkloadEntries of their own namespace by label', () => {
    const registry = registryOf([
      resource('ServiceEntry', 'e', { hosts: ['a.test'], ports: [{ number: 80 }], workloadSelector: { labels: { app: 'a' } } }),
      resource('WorkloadEntry', 'one', { address: '203.0.113.1', labels: { app: 'a' } }),
      resource('WorkloadEntry', 'two', { address: '203.0.113.2', labels: { app: 'b' } }),
      resource('WorkloadEntry', 'three', { address: '203.0.113.3', labels: { app: 'a' } }, { namespace: 'other' }),
      resource('WorkloadEntry', 'four', { address: '203.0.113.4' }, { labels: { app: 'a' } }),
    ])
    expect(only(registry, 'a.test').endpoints.map((endpoint) => endpoint.address)).toEqual(['203.0.113.4', '203.0.113.1'])
  })

  test('of an unchanged resource are the same objects, wherever its document has moved', () => {
    const one = resource('ServiceEntry', 'one', { hosts: ['a.test'], ports: [{ number: 80 }] })
    const moved = { ...one, origin: { ...one.origin, line: 99 } }
    const before = registryOf([one])
    const after = registryOf([moved, resource('ServiceEntry', 'two', { hosts: ['b.test'] })], before)
    expect(only(after, 'a.test')).toBe(only(before, 'a.test'))
  })

  test('follow edits as if they had been read anew', () => {
    const make = (i: number, host: string) => resource('ServiceEntry', `e${i}`, { hosts: [host], ports: [{ number: 80 }] })
    let list = [1, 2, 3, 4, 5].map((i) => make(i, `h${i}.test`))
    let registry = registryOf(list)
    for (const edit of [make(3, 'new.test'), make(9, 'a.test'), make(1, 'z.test')]) {
      list = [...list.filter((one) => one.meta.name !== edit.meta.name), edit]
      registry = registryOf(list, registry)
      expect(registry.services).toEqual(registryOf(list).services)
    }
    registry = registryOf(list.slice(2), registry)
    expect(registry.services).toEqual(registryOf(list.slice(2)).services)
  })
})

describe('a Kubernetes Service', () => {
  const kube = (spec: Spec<'Service'>) =>
    only(registryOf([resource('Service', 'web', spec, { namespace: 'shop' })]), 'web.shop.svc.cluster.local')

  const protocols: Record<string, readonly [port: NonNullable<Spec<'Service'>['ports']>[number], protocol: string]> = {
    'by its application protocol': [{ port: 1, appProtocol: 'https', name: 'http' }, 'https'],
    'by the first word of its name': [{ port: 1, name: 'http-admin' }, 'http'],
    'by a name of two words': [{ port: 1, name: 'grpc-web-x' }, 'grpc-web'],
    'as TCP on ports whose servers speak first': [{ port: 3306, name: 'db' }, 'tcp'],
    'as sniffed otherwise': [{ port: 8080, name: 'x' }, 'unset'],
    'as UDP': [{ port: 53, name: 'tcp', protocol: 'UDP' }, 'udp'],
  }

  test.each(Object.entries(protocols))('has its protocol %s', (_, [port, protocol]) => {
    expect(kube({ ports: [port] }).ports[0]?.protocol).toBe(protocol)
  })

  test('has its cluster addresses, and none when it is headless', () => {
    expect(kube({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'] }).addresses).toEqual(['10.0.0.1', 'fd00::1'])
    expect(kube({ clusterIP: 'None' })).toMatchObject({ addresses: [], resolution: 'none' })
  })

  test('maps its ports by number or by name', () => {
    const service = kube({
      ports: [
        { port: 80, targetPort: 8080 },
        { port: 81, targetPort: 'admin' },
      ],
    })
    const endpoint = { address: '10.1.0.1', ports: { admin: 9000 }, labels: {}, weight: 1, locality: '' }
    expect(service.ports.map((port) => endpointPort(endpoint, port))).toEqual([8080, 9000])
  })
})
