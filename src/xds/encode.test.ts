// Holds that messages are written as the library writes them, byte by byte.
import { create as createWhole, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DurationSchema, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { messageOf } from './any-message.test-kit.ts'
import { create } from './create.ts'
import { decode } from './decode.ts'
import { decodeLazily } from './decode-lazily.ts'
import { encode } from './encode.ts'
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { FilterSchema } from './gen/envoy/config/listener/v3/listener_components_pb.js'
import { RBACSchema } from './gen/envoy/config/rbac/v3/rbac_pb.js'
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import { NameTableSchema } from './gen/istio/networking/nds/v1/nds_pb.js'
import { packAny } from './packed-any.ts'

const schemas: readonly DescMessage[] = [ClusterSchema, ListenerSchema, RouteConfigurationSchema, RBACSchema, NameTableSchema]

describe.each(schemas.map((schema) => [schema.typeName, schema] as const))('%s', (_name, schema) => {
  test('is written as the library writes it, whoever made it', () => {
    fc.assert(
      fc.property(messageOf(schema, 4), (message) => {
        const bytes = toBinary(schema, message)
        expect(Buffer.compare(encode(schema, message), bytes)).toBe(0)
        expect(Buffer.compare(encode(schema, decode(schema, bytes)), bytes)).toBe(0)
        expect(Buffer.compare(encode(schema, decodeLazily(schema, bytes)), bytes)).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})

test('the order in which fields were set does not matter', () => {
  const cluster = create(ClusterSchema, { respectDnsTtl: true, lbPolicy: 1, name: 'c', metadata: { filterMetadata: { a: { b: null } } } })
  expect(Buffer.compare(encode(ClusterSchema, cluster), toBinary(ClusterSchema, cluster))).toBe(0)
})

test('fields that nobody here knows are written again', () => {
  const bytes = Buffer.concat([encode(ClusterSchema, create(ClusterSchema, { name: 'c' })), Buffer.from([0xfa, 0x7f, 1, 65])])
  expect(Buffer.compare(encode(ClusterSchema, fromBinary(ClusterSchema, bytes)), bytes)).toBe(0)
})

test('what has another syntax is written by the library', () => {
  const file = createWhole(FileDescriptorProtoSchema, { name: 'a', messageType: [{ name: 'M', field: [{ name: 'f', number: 0 }] }] })
  expect(Buffer.compare(encode(FileDescriptorProtoSchema, file), toBinary(FileDescriptorProtoSchema, file))).toBe(0)
})

test('what is packed is written where it stands', () => {
  const { configType } = create(FilterSchema, {
    configType: { case: 'typedConfig', value: packAny(ClusterSchema, create(ClusterSchema, { name: 'c' })) },
  })
  const packed = [
    create(FilterSchema, { name: 'lean', configType }),
    create(FilterSchema, { name: 'empty', configType: { case: 'typedConfig', value: packAny(ClusterSchema, create(ClusterSchema)) } }),
    create(FilterSchema, { name: 'whole', configType: { case: 'typedConfig', value: packAny(ClusterSchema, createWhole(ClusterSchema)) } }),
  ]
  for (const filter of packed) expect(Buffer.compare(encode(FilterSchema, filter), toBinary(FilterSchema, filter))).toBe(0)
})

test('after a value that cannot be written, others are written whole', () => {
  const broken = create(DurationSchema, { seconds: 1n, nanos: 2 ** 40 })
  expect(() => encode(DurationSchema, broken)).toThrow()
  const whole = create(DurationSchema, { seconds: 1n })
  expect(Buffer.compare(encode(DurationSchema, whole), toBinary(DurationSchema, whole))).toBe(0)
})
