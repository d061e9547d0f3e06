// Holds that messages without their unset fields are read as those of the library are.
import { create as createWhole, equals, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { create } from './create.ts'
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { VirtualHostSchema } from './gen/envoy/config/route/v3/route_components_pb.js'

const init: MessageInitShape<typeof ClusterSchema> = {
  name: 'outbound|443||a.test',
  clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
  connectTimeout: { seconds: 10n },
  perConnectionBufferLimitBytes: 0,
  filters: [{ name: 'x', typedConfig: { typeUrl: 'type.googleapis.com/google.protobuf.Empty', value: new Uint8Array() } }],
  metadata: { filterMetadata: { 'dev.sallyport': { kind: 'ServiceEntry' } } },
  loadAssignment: { clusterName: 'a', endpoints: [{ lbEndpoints: [{ loadBalancingWeight: 3 }] }, {}] },
}

test('a message is the one that the library makes', () => {
  const whole = createWhole(ClusterSchema, init)
  const lean = create(ClusterSchema, init)
  expect(toBinary(ClusterSchema, lean)).toEqual(toBinary(ClusterSchema, whole))
  expect(equals(ClusterSchema, lean, whole)).toBe(true)
  expect(equals(ClusterSchema, fromBinary(ClusterSchema, toBinary(ClusterSchema, lean)), lean)).toBe(true)
})

test('what nobody sets answers as the library has it, and a field that is set to zero where that counts stays set', () => {
  const lean = create(ClusterSchema, { name: 'a', perConnectionBufferLimitBytes: 0 })
  expect(lean.filters).toEqual([])
  expect(lean.clusterDiscoveryType.case).toBeUndefined()
  expect(lean.altStatName).toBe('')
  expect(lean.perConnectionBufferLimitBytes).toBe(0)
  expect(Object.keys(lean)).toEqual(['name', 'perConnectionBufferLimitBytes'])
})

test('no message can change what unset fields of the others answer', () => {
  const lean = create(VirtualHostSchema, { name: 'a', domains: [] })
  expect(() => lean.domains.push('b')).toThrow(TypeError)
  expect(() => Object.assign(lean.typedPerFilterConfig, { x: 1 })).toThrow(TypeError)
  lean.domains = ['b']
  expect(create(VirtualHostSchema).domains).toEqual([])
})

test('a message inside is taken as it is', () => {
  const inner: Cluster = create(ClusterSchema, { name: 'inner' })
  expect(create(ClusterSchema, inner)).toBe(inner)
})
