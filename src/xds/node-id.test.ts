// Holds that a node is read as it was written, as Istio's proxies write themselves, and refused where it says too little.
import { expect, test } from 'vitest'
import { NodeSchema } from './gen/envoy/config/core/v3/base_pb.js'
import { create, readNode, writeNode, writeNodeId } from './index.ts'

test('a node is read as it was written', () => {
  const written = writeNode({
    role: 'sidecar',
    name: 'web',
    namespace: 'shop',
    labels: { app: 'web' },
    serviceAccount: 'buyer',
    metadata: { DNS_CAPTURE: 'true' },
    agent: { name: 'sallyport', version: '1' },
  })
  expect(written.id).toBe('sidecar~127.0.0.1~web.shop~shop.svc.cluster.local')
  expect(readNode(written)).toEqual({
    role: 'sidecar',
    address: '127.0.0.1',
    name: 'web',
    namespace: 'shop',
    domain: 'shop.svc.cluster.local',
    labels: { app: 'web' },
    serviceAccount: 'buyer',
    metadata: { NAME: 'web', NAMESPACE: 'shop', LABELS: { app: 'web' }, SERVICE_ACCOUNT: 'buyer', DNS_CAPTURE: 'true' },
    agent: 'sallyport',
  })
})

test('an id alone says role, name and namespace', () => {
  const id = writeNodeId({ role: 'router', name: 'egress.v2', namespace: 'istio-system', labels: {}, address: '198.18.0.9' })
  expect(readNode(create(NodeSchema, { id }))).toMatchObject({ role: 'router', name: 'egress.v2', namespace: 'istio-system', labels: {} })
})

test('metadata says more than the id', () => {
  const node = create(NodeSchema, {
    id: 'sidecar~10.0.0.1~a.b~b.svc.cluster.local',
    metadata: { NAMESPACE: 'c', LABELS: { n: 1, k: 'v' } },
  })
  expect(readNode(node)).toMatchObject({ name: 'a', namespace: 'c', labels: { k: 'v' } })
})

const refused: Record<string, { readonly id: string; readonly says: string }> = {
  'nothing at all': { id: '', says: 'no node' },
  'a name of one’s own': { id: 'envoy-1', says: 'is not sidecar~IP~' },
  'a role that is not served': { id: 'waypoint~10.0.0.1~a.b~b.svc.cluster.local', says: 'is not sidecar~IP~' },
  'no address': { id: 'sidecar~~a.b~b.svc.cluster.local', says: 'no IP address' },
  'no namespace': { id: 'sidecar~10.0.0.1~a~x', says: 'says a namespace' },
  'a very long one': { id: 'x'.repeat(100_000), says: '…' },
}

test.each(Object.entries(refused))('refused: %s', (_name, { id, says }) => {
  const read = readNode(create(NodeSchema, { id }))
  expect(typeof read === 'string' && read.length < 300 ? read : '').toContain(says)
})
