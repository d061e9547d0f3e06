// Holds which Pods are something that selectors find, and as what.
import { expect, test } from 'vitest'
import type { Stored } from '../store/index.ts'
import { PodWorkloads } from './pod-workloads.ts'

const ready = [{ type: 'Ready', status: 'True' }]
const spec = { hostNetwork: true, serviceAccountName: 'out', nodeName: 'here' }
const status = { podIP: '198.18.1.20', conditions: ready }

function stored(pod: object, metadata: object = {}): Stored {
  const key = { resource: 'pods', namespace: 'istio-system', name: 'gw' }
  const value = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'gw', labels: { istio: 'egressgateway' }, ...metadata }, ...pod }
  return { key, revision: 1, value: Buffer.from(JSON.stringify(value)) }
}

test('a gateway that is ready is what a WorkloadEntry of its labels and address would be', () => {
  const found = new PodWorkloads().of(stored({ spec, status }))
  expect(found?.source).toBe('pods istio-system/gw')
  expect(found?.value()).toEqual({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { namespace: 'istio-system', name: 'pod-gw', labels: { istio: 'egressgateway' } },
    spec: { address: '198.18.1.20', labels: { istio: 'egressgateway' }, serviceAccount: 'out' },
  })
})

const nothing: Record<string, Stored> = {
  'a sealed workload': stored({ spec: { nodeName: 'here' }, status }),
  'a gateway that is not ready': stored({ spec, status: { ...status, conditions: [{ type: 'Ready', status: 'Unknown' }] } }),
  'a gateway without an address': stored({ spec, status: { conditions: ready } }),
  'a gateway on its way out': stored({ spec, status }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
}

test.each(Object.entries(nothing))('selectors do not find %s', (_name, pod) => {
  expect(new PodWorkloads().of(pod)).toBeUndefined()
})

test('what is told of a Pod concerns selectors only where that changes', () => {
  const workloads = new PodWorkloads()
  const [before, same] = [stored({ spec, status }), stored({ spec, status: { ...status, startTime: 'x' } })]
  expect(workloads.concerns({ before, after: same })).toBe(false)
  expect(workloads.concerns({ before, after: stored({ spec, status: { ...status, podIP: '198.18.1.21' } }) })).toBe(true)
  expect(workloads.concerns({ before })).toBe(true)
})
