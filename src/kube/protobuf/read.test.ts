// Holds reading of protobuf to bodies that kubectl 1.32 sent.
import { readFileSync } from 'node:fs'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findResource, parseBody, readObject, StatusError, type Json, type JsonObject } from '../index.ts'
import { ProtobufProblem, readProtobuf } from './read.ts'

const recorded: Readonly<Record<string, { readonly path: string; readonly body: string }>> = JSON.parse(
  readFileSync(new URL('../testdata/protobuf.json', import.meta.url), 'utf8'),
)

const bytesOf = (name: string): Uint8Array => Buffer.from(recorded[name]?.body ?? '', 'base64')

const named = (name: string, more: JsonObject = {}): JsonObject => ({ name, ...more })
const service = (name: string, spec: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: named(name, { labels: { app: name } }),
  spec,
})
const review = (spec: JsonObject): JsonObject => ({ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec })
const tcp = (name: string, port: number, targetPort: number, more: JsonObject = {}): Json => ({
  name,
  protocol: 'TCP',
  port,
  targetPort,
  ...more,
})
const apiGroup = 'rbac.authorization.k8s.io'

const expected: Readonly<Record<string, JsonObject>> = {
  namespace: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  configmap: { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('settings'), data: { a: 'b', c: 'd' } },
  'configmap binary': { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('settings'), binaryData: { 'bin.dat': '//4AAQ==' } },
  'secret generic': { apiVersion: 'v1', kind: 'Secret', metadata: named('login'), data: { user: 'amFuZQ==' }, type: 'example.com/login' },
  serviceaccount: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named('web') },
  'service clusterip': service('web', {
    type: 'ClusterIP',
    selector: { app: 'web' },
    ports: [tcp('80-8080', 80, 8080), tcp('443', 443, 443)],
  }),
  'service nodeport': service('web', {
    type: 'NodePort',
    selector: { app: 'web' },
    ports: [tcp('80-8080', 80, 8080, { nodePort: 30_080 })],
  }),
  'service externalname': service('out', { type: 'ExternalName', externalName: 'a.example', selector: { app: 'out' } }),
  'service headless': service('web', { type: 'ClusterIP', clusterIP: 'None', selector: { app: 'web' } }),
  token: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a', 'b'], expirationSeconds: 3600 } },
  'token bound': {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'x', uid: '1234' } },
  },
  'can-i': review({ resourceAttributes: { namespace: 'shop', verb: 'get', resource: 'pods', name: 'log' } }),
  'can-i name': review({
    resourceAttributes: { namespace: 'shop', verb: 'delete', group: 'networking.istio.io', resource: 'serviceentries', name: 'x' },
  }),
  'can-i path': review({ nonResourceAttributes: { path: '/metrics', verb: 'get' } }),
  whoami: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  rolebinding: {
    apiVersion: `${apiGroup}/v1`,
    kind: 'RoleBinding',
    metadata: named('b'),
    subjects: [
      { kind: 'User', apiGroup, name: 'jane' },
      { kind: 'ServiceAccount', name: 'web', namespace: 'shop' },
    ],
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'edit' },
  },
  clusterrolebinding: {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'b' },
    subjects: [{ kind: 'Group', apiGroup, name: 'g' }],
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'view' },
  },
}

describe('what kubectl sends as protobuf', () => {
  test.each(Object.entries(expected))('%s', (name, object) => {
    expect(parsedOf(bytesOf(name))).toEqual(object)
  })

  test('is read as any other body', () => {
    const resource = findResource('', 'v1', 'services')
    if (resource === undefined) throw new Error('not served')
    const { object } = readObject(bytesOf('service clusterip'), 'protobuf', { resource, version: 'v1', fieldValidation: 'Strict' })
    expect(object).toEqual(expected['service clusterip'])
    expect(() => readObject(bytesOf('configmap'), 'protobuf', { resource, version: 'v1', fieldValidation: 'Strict' })).toThrow(
      'cannot be handled as a Service',
    )
    expect(() => readObject(Buffer.from('{}'), 'protobuf', { resource, version: 'v1', fieldValidation: 'Strict' })).toThrow(
      'expected prefix [107 56 115 0]',
    )
  })
})

function parsedOf(bytes: Uint8Array): Json {
  return parseBody(bytes, 'protobuf').value
}

test('kinds whose numbers are not known are refused as a media type', () => {
  const name = Buffer.from('Deployment')
  const type = Buffer.concat([Buffer.from([0x0a, 7]), Buffer.from('apps/v1'), Buffer.from([0x12, name.length]), name])
  const body = Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), Buffer.from([0x0a, type.length]), type])
  expect(() => parsedOf(body)).toThrow('the body of the request was in an unknown format')
})

test('what many entries cost grows with their number, however often a map or a list goes on', () => {
  const many = 30_000
  const field = (number: number, bytes: Uint8Array): Uint8Array => {
    const writer = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes)
    return writer.finish()
  }
  const text = (value: string): Uint8Array => Buffer.from(value)
  const owners = Array.from({ length: many }, () => field(14, text('a.example/b')))
  const entries = Array.from({ length: many }, (_, i) => field(2, field(1, text(`k${i}`))))
  const type = field(1, Buffer.concat([field(1, text('v1')), field(2, text('ConfigMap'))]))
  const raw = field(2, Buffer.concat([field(1, Buffer.concat(owners)), ...entries]))
  const read = readProtobuf(Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), type, raw]))
  expect(Object.keys(Object(read?.['data']))).toHaveLength(many)
  expect(Object(read?.['metadata']).finalizers).toHaveLength(many)
})

test('an entry of a map that is no message is refused', () => {
  const body = Buffer.from([
    0x6b,
    0x38,
    0x73,
    0,
    0x0a,
    15,
    0x0a,
    2,
    ...Buffer.from('v1'),
    0x12,
    9,
    ...Buffer.from('ConfigMap'),
    0x12,
    2,
    0x10,
    0,
  ])
  expect(() => readProtobuf(body)).toThrow('proto: wrong wireType = 0')
})

test('damaged bodies are refused, and never more than that', () => {
  const names = Object.keys(expected)
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
      fc.nat(),
      (name, changes, cut) => {
        const bytes = Uint8Array.from(bytesOf(name))
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        try {
          parsedOf(bytes.subarray(0, bytes.length - (cut % 3)))
        } catch (error) {
          expect(error instanceof ProtobufProblem || error instanceof StatusError).toBe(true)
        }
      },
    ),
  )
})
