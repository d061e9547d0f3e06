// Holds that a message which is read later is the same as one that was read at once, from the first look on.
import { equals, isMessage, toBinary, toJson } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { create, isUnread } from './index.ts'
import { decode } from './decode.ts'
import { decodeLazily } from './decode-lazily.ts'
import { Cluster_DiscoveryType, ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'

const bytes = toBinary(
  ClusterSchema,
  create(ClusterSchema, {
    name: 'a',
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
    loadAssignment: { clusterName: 'a', endpoints: [{ lbEndpoints: [{ loadBalancingWeight: 3 }] }] },
  }),
)

const looks: Record<string, (message: ReturnType<typeof later>) => unknown> = {
  'at a field': ({ name }) => name,
  'at a field that is not set': ({ filters }) => filters.length,
  'at a oneof': ({ clusterDiscoveryType }) => clusterDiscoveryType.case,
  'by writing it': (message) => toBinary(ClusterSchema, message),
  'by comparing it': (message) => equals(ClusterSchema, message, decode(ClusterSchema, bytes)),
}

function later() {
  return decodeLazily(ClusterSchema, bytes)
}

test.each(Object.entries(looks))('it is whole after a first look %s', (_name, look) => {
  const message = later()
  expect(isUnread(message)).toBe(true)
  look(message)
  expect(isUnread(message)).toBe(false)
  const whole = decode(ClusterSchema, bytes)
  expect(message).toEqual(whole)
  expect(Object.keys(message)).toEqual(Object.keys(whole))
  expect(toJson(ClusterSchema, message)).toEqual(toJson(ClusterSchema, whole))
})

test('its type is known without a look', () => {
  const message = later()
  expect([message.$typeName, isMessage(message, ClusterSchema), isUnread(message)]).toEqual(['envoy.config.cluster.v3.Cluster', true, true])
})

test('bytes that are no such message throw at every look', () => {
  const message = decodeLazily(ClusterSchema, Buffer.from([0xff]))
  expect(() => message.name).toThrow()
  expect(() => message.name).toThrow()
})
