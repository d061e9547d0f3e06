// Holds what is said of a Pod: who chooses it by its labels, and which way its declared traffic goes.
import { describe, expect, it } from 'vitest'
import { type DeclaredObject, readSources } from '../../config/index.ts'
import { buildModel } from '../../model/index.ts'
import { gatewaysOf, policiesOf, servicesOf, waysOf } from './pod-facts.ts'

function object(apiVersion: string, kind: string, [namespace, name]: readonly [string, string], spec: object): DeclaredObject {
  const source = `${kind.toLowerCase().replace(/y$/, 'ie')}s.${apiVersion} ${namespace}/${name}`
  return { source, value: () => ({ apiVersion, kind, metadata: { namespace, name }, spec }) }
}

const networking = 'networking.istio.io/v1'
const security = 'security.istio.io/v1'
const server = { port: { number: 6379, name: 'tcp', protocol: 'TCP' }, hosts: ['redis.domain'] }
const egress = 'istio-egressgateway.istio-system.svc.cluster.local'

const objects = [
  object(networking, 'ServiceEntry', ['default', 'redis'], {
    hosts: ['redis.domain'],
    addresses: ['198.18.1.5'],
    ports: [{ number: 6379, name: 'tcp', protocol: 'TCP' }],
    resolution: 'STATIC',
    endpoints: [{ address: '198.18.1.5' }],
  }),
  object(networking, 'Gateway', ['default', 'way-out'], { selector: { istio: 'egressgateway' }, servers: [server] }),
  object(networking, 'DestinationRule', ['default', 'redis'], { host: 'redis.domain' }),
  object('v1', 'Service', ['default', 'store'], { selector: { app: 'busybox' }, ports: [{ name: 'tcp', port: 80 }] }),
  object('v1', 'Service', ['default', 'other'], { selector: { app: 'other' }, ports: [{ name: 'tcp', port: 81 }] }),
  object(security, 'AuthorizationPolicy', ['default', 'mine'], { selector: { matchLabels: { app: 'busybox' } } }),
  object(security, 'AuthorizationPolicy', ['default', 'others'], { selector: { matchLabels: { app: 'other' } } }),
  object(security, 'PeerAuthentication', ['istio-system', 'all'], {}),
]
const route = object(networking, 'VirtualService', ['default', 'redis'], {
  hosts: ['redis.domain'],
  gateways: ['mesh', 'way-out'],
  tcp: [
    { match: [{ gateways: ['mesh'], port: 6379 }], route: [{ destination: { host: egress, port: { number: 6379 } } }] },
    { match: [{ gateways: ['way-out'], port: 6379 }], route: [{ destination: { host: 'redis.domain', port: { number: 6379 } } }] },
  ],
})

const modelOf = (...all: readonly DeclaredObject[]) => {
  const { resources, settings } = readSources([], { beside: all })
  return buildModel(resources, settings)
}
const pod = { name: 'busybox', namespace: 'default', labels: { app: 'busybox' } }

describe('of a Pod are found', () => {
  const model = modelOf(...objects)

  it('the Services that select it', () => {
    expect(servicesOf(model, pod)).toEqual(['store (tcp 80)'])
  })

  it('the policies of its namespace and of the root that mean it', () => {
    expect(policiesOf(objects, pod, 'istio-system')).toEqual(['AuthorizationPolicy default/mine', 'PeerAuthentication istio-system/all'])
  })

  it('the Gateways that it carries out', () => {
    expect(gatewaysOf(model, pod)).toEqual([])
    expect(gatewaysOf(model, { ...pod, labels: { istio: 'egressgateway' } })).toEqual(['default/way-out'])
  })
})

describe('the way of what it may reach', () => {
  const wayTo = (host: string, ...all: readonly DeclaredObject[]) => waysOf(modelOf(...all), pod).find((way) => way.host === host)

  it('is direct while nothing sends it to the Gateway', () => {
    const way = wayTo('redis.domain', ...objects)
    expect(way).toMatchObject({ port: 6379, declaredBy: 'ServiceEntry default/redis', destinationRules: ['default/redis'] })
    expect(way?.explanation).toMatchObject({ verdict: 'allow', path: 'direct' })
  })

  it('leads through the gateway once a VirtualService says so', () => {
    const { explanation } = wayTo('redis.domain', ...objects, route) ?? {}
    expect(explanation).toMatchObject({ verdict: 'allow', path: 'gateway' })
    expect(explanation?.hops.map(({ role }) => role)).toEqual(['sidecar', 'gateway'])
    expect(explanation?.hops[0]?.reason.by).toMatchObject({ kind: 'VirtualService', name: 'redis' })
  })
})
