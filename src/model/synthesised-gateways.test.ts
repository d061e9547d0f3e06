// Holds when a gateway that the files only speak of is stood in for, and what leads to it.
import { describe, expect, test } from 'vitest'
import type { Resource } from '../api/index.ts'
import { modelOf, resource } from './model.test-kit.ts'

const host = 'istio-egressgateway.istio-system.svc.cluster.local'
const selector = { istio: 'egressgateway' }
const server = (number: number) => ({ port: { number, name: `p${number}`, protocol: 'TCP' }, hosts: ['*'] })
const gateway = (name: string, port: number, labels = selector): Resource =>
  resource('Gateway', name, { selector: labels, servers: [server(port)] })

const rules = (gateways: string[], destination = host): Resource =>
  resource('VirtualService', 'rules', {
    hosts: ['api.test'],
    gateways,
    tcp: [
      { match: [{ gateways: ['mesh'] }], route: [{ destination: { host: destination, port: { number: 443 } } }] },
      { match: [{ gateways: ['out'] }], route: [{ destination: { host: 'api.test', port: { number: 7000 } } }] },
    ],
  })

describe('a gateway is made up', () => {
  test('for a selector that nothing in the files satisfies, with what leads to it', () => {
    expect(modelOf([gateway('out', 80), rules(['mesh', 'out'])]).synthesised).toMatchObject([
      {
        name: 'istio-egressgateway',
        namespace: 'istio-system',
        labels: selector,
        serviceHosts: [host],
        ports: [80],
        servicePorts: [80, 443],
      },
    ])
  })

  test('once for all Gateways of one selector', () => {
    const found = modelOf([gateway('out', 80), gateway('more', 443), rules(['mesh', 'out'])]).synthesised
    expect(found.map((one) => one.ports)).toEqual([[80, 443]])
  })

  test('for a Kubernetes Service that selects it, when no workload is behind that', () => {
    const service = resource('Service', 'istio-egressgateway', { selector, ports: [{ port: 80 }] }, { namespace: 'istio-system' })
    expect(modelOf([gateway('out', 80), service]).synthesised.map((one) => one.serviceHosts)).toEqual([[host]])
  })
})

describe('no gateway is made up', () => {
  const cases: Record<string, Resource> = {
    'when a ServiceEntry has endpoints with its labels': resource('ServiceEntry', 'e', {
      hosts: [host],
      resolution: 'STATIC',
      endpoints: [{ address: '198.18.0.20', labels: { ...selector, app: 'x' } }],
    }),
    'when a WorkloadEntry has its labels': resource('WorkloadEntry', 'w', { address: '198.18.0.20', labels: selector }),
  }
  test.each(Object.entries(cases))('%s', (_, provided) => {
    expect(modelOf([gateway('out', 80), rules(['mesh', 'out']), provided]).synthesised).toEqual([])
  })
})
