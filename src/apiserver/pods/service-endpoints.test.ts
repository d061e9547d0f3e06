// Holds what is behind a Service: which Pods, at which addresses and ports, and in what state.
import { expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../../kube/index.ts'
import { selectorOf, whatIsBehind } from './service-endpoints.ts'

function service(spec: JsonObject = {}, labels?: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'web', uid: 'u-1', ...(labels === undefined ? {} : { labels }) },
    spec: {
      selector: { app: 'web' },
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...spec,
    },
  }
}

interface Given {
  readonly name?: string
  readonly ips?: readonly string[]
  readonly ready?: 'True' | 'False'
  readonly phase?: string
  readonly spec?: JsonObject
  readonly metadata?: JsonObject
}

function pod({ name = 'a', ips = ['198.18.1.20'], ready = 'True', phase = 'Running', spec = {}, metadata = {} }: Given = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels: { app: 'web' }, ...metadata },
    spec: { nodeName: 'here', ...spec },
    status: { phase, podIP: ips[0], podIPs: ips.map((ip) => ({ ip })), conditions: [{ type: 'Ready', status: ready }] },
  }
}

test('a Pod that is ready is an endpoint, by node and name', () => {
  const { slices, endpoints } = whatIsBehind(service({}, { team: 'till' }), [pod()])
  const targetRef = { kind: 'Pod', namespace: 'shop', name: 'a', uid: 'uid-a' }
  expect(slices).toEqual([
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace: 'shop',
        name: expect.stringMatching(/^web-[a-z0-9]{5}$/),
        labels: {
          team: 'till',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'u-1', controller: true, blockOwnerDeletion: true }],
      },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['198.18.1.20'], conditions: { ready: true, serving: true, terminating: false }, nodeName: 'here', targetRef },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ])
  expect(endpoints).toEqual({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { namespace: 'shop', name: 'web', labels: { team: 'till', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } },
    subsets: [
      {
        addresses: [{ ip: '198.18.1.20', nodeName: 'here', targetRef }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ],
  })
})

const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' }
const states: Record<
  string,
  { readonly given: Given; readonly service?: JsonObject; readonly is: JsonObject; readonly endpoints: string }
> = {
  'one that is ready': { given: {}, is: { ready: true, serving: true, terminating: false }, endpoints: 'addresses' },
  'one that is not ready': {
    given: { ready: 'False' },
    is: { ready: false, serving: false, terminating: false },
    endpoints: 'notReadyAddresses',
  },
  'one that is on its way out, and serves on': {
    given: { metadata: { ...leaving, labels: { app: 'web' } } },
    is: { ready: false, serving: true, terminating: true },
    endpoints: 'none',
  },
  'one that is not ready, where that does not count': {
    given: { ready: 'False' },
    service: { publishNotReadyAddresses: true },
    is: { ready: true, serving: false, terminating: false },
    endpoints: 'addresses',
  },
}

test.each(Object.entries(states))('%s is told as that', (_name, { given, service: spec, is, endpoints }) => {
  const behind = whatIsBehind(service(spec), [pod(given)])
  expect(behind.slices).toMatchObject([{ endpoints: [{ conditions: is }] }])
  const [subset] = Array.isArray(behind.endpoints['subsets']) ? behind.endpoints['subsets'] : []
  expect(subset === undefined ? ['none'] : Object.keys(subset)).toContain(endpoints)
})

const nowhere: Record<string, KubeObject> = {
  'has no address yet': pod({ ips: [] }),
  'has ended': pod({ phase: 'Succeeded' }),
  'has failed': pod({ phase: 'Failed' }),
  'is sealed': pod({ metadata: { annotations: { 'sallyport.dev/process': 'boot pid' } } }),
  'is sealed, and run by the server': pod({ metadata: { annotations: { 'sallyport.dev/run-by': 'here' } } }),
}

test.each(Object.entries(nowhere))('a Pod that %s is behind nothing, and its Service has an empty slice', (_name, one) => {
  const { slices, endpoints } = whatIsBehind(service(), [one])
  expect(slices).toMatchObject([{ addressType: 'IPv4', endpoints: [], ports: [] }])
  expect(endpoints['subsets']).toBeUndefined()
})

test('a gateway that has joined shares its node’s network, and is reached', () => {
  const gateway = pod({ spec: { hostNetwork: true }, metadata: { annotations: { 'sallyport.dev/process': 'boot pid' } } })
  expect(whatIsBehind(service(), [gateway]).slices).toMatchObject([{ endpoints: [{ addresses: ['198.18.1.20'] }] }])
})

test('a slice for each family that the Service asks for, and for the only one that a Pod has', () => {
  const both = service({ ipFamilies: ['IPv4', 'IPv6'] })
  const dual = pod({ ips: ['198.18.1.20', '2001:db8::20'] })
  const addresses = (of: KubeObject, pods: readonly KubeObject[]): unknown =>
    whatIsBehind(of, pods).slices.map(({ addressType, endpoints }) => [
      addressType,
      Array.isArray(endpoints) ? endpoints.map((one) => one.addresses[0]) : [],
    ])
  expect(addresses(both, [dual])).toEqual([
    ['IPv4', ['198.18.1.20']],
    ['IPv6', ['2001:db8::20']],
  ])
  expect(addresses(service(), [dual])).toEqual([['IPv4', ['198.18.1.20']]])
  expect(addresses(service(), [pod({ ips: ['2001:db8::20'] })])).toEqual([
    ['IPv4', []],
    ['IPv6', ['2001:db8::20']],
  ])
})

test('a port by name is the container’s, and Pods that have another there stand in a slice of their own', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] })
  const listening = (name: string, containerPort: number, ip: string): KubeObject =>
    pod({ name, ips: [ip], spec: { containers: [{ ports: [{ name: 'web', containerPort }] }] } })
  const { slices, endpoints } = whatIsBehind(named, [
    listening('a', 8080, '198.18.1.20'),
    listening('b', 9090, '198.18.1.21'),
    pod({ name: 'c', ips: ['198.18.1.22'] }),
  ])
  const ports = slices.map((slice) => slice['ports'])
  expect(ports).toEqual([[], [{ name: 'http', port: 8080, protocol: 'TCP' }], [{ name: 'http', port: 9090, protocol: 'TCP' }]])
  expect(new Set(slices.map(({ metadata }) => metadata.name)).size).toBe(3)
  expect(endpoints['subsets']).toHaveLength(3)
})

test('what is behind a Service has the same names at each start, whatever is there', () => {
  const [none] = whatIsBehind(service(), []).slices
  const [one] = whatIsBehind(service(), [pod()]).slices
  expect(one?.metadata.name).toBe(none?.metadata.name)
})

test.each([{ selector: undefined }, { selector: {} }, { type: 'ExternalName', externalName: 'a.example' }])(
  'a Service of %j leaves it to others',
  (spec) => {
    expect(selectorOf(service(spec))).toBeUndefined()
  },
)
