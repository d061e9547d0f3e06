// Holds that messages are read as the library reads them, whatever is in them and however they were written.
import { create as createWhole, type DescMessage, equals, fromBinary, type Message, toBinary, toJson } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { messageOf } from './any-message.test-kit.ts'
import { decode } from './decode.ts'
import { allDescriptors } from './gen/descriptors.js'
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import { RBACSchema } from './gen/envoy/config/rbac/v3/rbac_pb.js'

const schemas: readonly DescMessage[] = [ClusterSchema, ListenerSchema, RouteConfigurationSchema, RBACSchema]

describe.each(schemas.map((schema) => [schema.typeName, schema] as const))('%s', (_name, schema) => {
  test('is read as the library reads it, field by field and as a whole', () => {
    fc.assert(
      fc.property(messageOf(schema, 4), (message) => {
        const bytes = toBinary(schema, message)
        const whole = fromBinary(schema, bytes)
        const lean = decode(schema, bytes)
        expect(equals(schema, lean, whole)).toBe(true)
        expect(Buffer.compare(toBinary(schema, lean), toBinary(schema, whole))).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  test('of two that follow each other, one is made, as the library does', () => {
    fc.assert(
      fc.property(messageOf(schema, 3), messageOf(schema, 3), (a, b) => {
        const bytes = Buffer.concat([toBinary(schema, a), toBinary(schema, b)])
        expect(equals(schema, decode(schema, bytes), fromBinary(schema, bytes))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('that is damaged is read as the library reads it, or refused where it refuses', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
    fc.assert(
      fc.property(messageOf(schema, 3), change, (message, { at, to, cut }) => {
        const bytes = Buffer.from(toBinary(schema, message))
        if (bytes.length === 0) return
        bytes[at % bytes.length] = to
        const damaged = cut ? bytes.subarray(0, at % bytes.length) : bytes
        const lean = outcomeOf(() => decode(schema, damaged))
        const whole = outcomeOf(() => fromBinary(schema, damaged))
        // Lengths that reach beyond the message around them are refused here, and followed there.
        if (lean === undefined) return
        expect(whole).toBeDefined()
        if (whole !== undefined) expect(equals(schema, lean, whole)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

function outcomeOf(read: () => Message): Message | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

test('only what is set takes room, and what is not answers as the library has it', () => {
  const bytes = toBinary(ClusterSchema, createWhole(ClusterSchema, { name: 'a', filters: [{ name: 'x' }] }))
  const lean = decode(ClusterSchema, bytes)
  expect(Object.keys(lean)).toEqual(['name', 'filters'])
  expect(lean.clusterDiscoveryType.case).toBeUndefined()
  expect(toJson(ClusterSchema, lean, { registry: allDescriptors, useProtoFieldName: true })).toEqual({
    name: 'a',
    filters: [{ name: 'x' }],
  })
})

test('a message that is too deep is refused', () => {
  // RBAC's permissions can hold each other: not_rule is field 8.
  const deep = (depth: number): Buffer => {
    let inner = Buffer.alloc(0)
    for (let i = 0; i < depth; i++) inner = Buffer.concat([Buffer.from([0x42]), varint(inner.length), inner])
    return inner
  }
  const permission = allDescriptors.getMessage('envoy.config.rbac.v3.Permission')
  if (permission === undefined) throw new Error('no permission')
  expect(decode(permission, deep(90))).toBeDefined()
  expect(() => decode(permission, deep(200))).toThrow(/deep/)
})

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left])
    bytes.push((left & 0x7f) | 0x80)
  }
}
