// Holds that every kind of resource survives its way over the wire, and that what is no resource is said to be none.
import { toBinary } from '@bufbuild/protobuf'
import { anyPack, EmptySchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { TypedExtensionConfigSchema } from './gen/envoy/config/core/v3/extension_pb.js'
import { ClusterLoadAssignmentSchema } from './gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import { DnsTable_DnsVirtualDomainSchema } from './gen/envoy/data/dns/v3/dns_table_pb.js'
import { SecretSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import {
  create,
  decodeResource,
  isTypeUrl,
  keyOfName,
  type OriginPlace,
  partsOf,
  snapshotParts,
  type ReadResource,
  typeShortNames,
  typeUrls,
  warmingOrder,
} from './index.ts'

const domain = create(DnsTable_DnsVirtualDomainSchema, {
  name: '*.d2iq.com',
  endpoint: { endpointConfig: { case: 'addressList', value: { address: ['240.0.0.1'] } } },
})

function readAgain(typeUrl: string, pieces: readonly Uint8Array[]): ReadResource {
  return decodeResource(typeUrl, Buffer.concat(pieces))
}

const travelled = {
  listeners: readAgain(typeUrls.listener, snapshotParts.listeners.encode('l', create(ListenerSchema, { name: 'l' }))),
  routes: readAgain(typeUrls.route, snapshotParts.routes.encode('80', create(RouteConfigurationSchema, { name: '80' }))),
  clusters: readAgain(typeUrls.cluster, snapshotParts.clusters.encode('c', create(ClusterSchema, { name: 'c' }))),
  endpoints: readAgain(typeUrls.endpoint, snapshotParts.endpoints.encode('c', create(ClusterLoadAssignmentSchema, { clusterName: 'c' }))),
  secrets: readAgain(typeUrls.secret, snapshotParts.secrets.encode('s', create(SecretSchema, { name: 's' }))),
  names: readAgain(typeUrls.extension, snapshotParts.names.encode('*.d2iq.com', domain)),
}

test.each(Object.entries(travelled))('%s come back under their part and name', (key, read) => {
  expect(read.key).toBe(key)
  expect(read.name).not.toBe('')
})

test('the addresses of a name come back', () => {
  const { names } = travelled
  expect(names.key === 'names' && names.resource.endpoint?.endpointConfig).toMatchObject({ value: { address: ['240.0.0.1'] } })
})

describe('the place of a declaration', () => {
  const origin: OriginPlace = {
    source: 'policy.yaml',
    line: 12,
    placeOf: () => ({ line: 12, column: 1 }),
    fields: () => [
      ['spec', { line: 15, column: 1 }],
      ['spec.hosts', { line: 16, column: 3 }],
      ['spec.hosts[0]', { line: 16, column: 11 }],
      ['metadata.annotations["a.b/c"]', { line: 14, column: 5 }],
    ],
  }
  const read = readAgain(typeUrls.extension, snapshotParts.origins.encode('ServiceEntry/shop/api', origin))
  const place = read.key === 'origins' ? read.resource : undefined

  test('comes back with its file and first line', () => {
    expect([read.key, read.name, place?.source, place?.line]).toEqual(['origins', 'ServiceEntry/shop/api', 'policy.yaml', 12])
    expect(Array.from(place?.fields?.() ?? [])).toEqual(Array.from(origin.fields?.() ?? []))
  })

  const fields: Record<string, { readonly path: string; readonly at: { readonly line: number; readonly column: number } }> = {
    'a field has its own': { path: 'spec.hosts[0]', at: { line: 16, column: 11 } },
    'one that has none has that of the field around it': { path: 'spec.hosts[7].inner', at: { line: 16, column: 3 } },
    'a key with dots is one key': { path: 'metadata.annotations["a.b/c"].x', at: { line: 14, column: 5 } },
    'one that nothing is around has the first line': { path: 'metadata.labels["a.b"]', at: { line: 12, column: 1 } },
  }
  test.each(Object.entries(fields))('%s', (_name, { path, at }) => {
    expect(place?.placeOf(path)).toEqual(at)
  })

  test('is one number more when the document moves', () => {
    const moved = {
      ...origin,
      line: 13,
      fields: () => Array.from(origin.fields?.() ?? [], ([path, at]) => [path, { ...at, line: at.line + 1 }] as const),
    }
    const again = readAgain(typeUrls.extension, snapshotParts.origins.encode('ServiceEntry/shop/api', moved))
    expect(again.key === 'origins' && again.resource.placeOf('spec.hosts[0]')).toEqual({ line: 17, column: 11 })
  })

  test('without fields is still the first line', () => {
    const bare = readAgain(
      typeUrls.extension,
      snapshotParts.origins.encode('a', { source: 'a.yaml', line: 3, placeOf: () => ({ line: 9, column: 9 }) }),
    )
    expect(bare.key === 'origins' && bare.resource.placeOf('spec')).toEqual({ line: 3, column: 1 })
  })
})

const empty = anyPack(EmptySchema, create(EmptySchema))
const named = (name: string): Uint8Array =>
  toBinary(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name, typedConfig: empty }))

const refused: Record<string, { readonly typeUrl: string; readonly bytes: Uint8Array; readonly says: string }> = {
  'a type that nobody knows': { typeUrl: 'type.googleapis.com/x.Y', bytes: new Uint8Array(), says: 'nobody here knows' },
  'bytes that are cut off': { typeUrl: typeUrls.cluster, bytes: new Uint8Array([10, 200]), says: 'premature EOF' },
  'an extension of another name': {
    typeUrl: typeUrls.extension,
    bytes: named('router'),
    says: 'begins neither with dns/ nor with origin/',
  },
  'a name that holds something else': { typeUrl: typeUrls.extension, bytes: named('dns/a.test'), says: 'typed_config is not' },
  'a place that holds something else': { typeUrl: typeUrls.extension, bytes: named('origin/a/b/c'), says: 'typed_config is not' },
}

test.each(Object.entries(refused))('refused: %s', (_name, { typeUrl, bytes, says }) => {
  expect(() => decodeResource(typeUrl, bytes)).toThrow(says)
})

test('a name on the wire tells the part of the snapshot', () => {
  expect(keyOfName(typeUrls.extension, 'dns/a.test')).toEqual({ key: 'names', name: 'a.test' })
  expect(keyOfName(typeUrls.cluster, 'dns/a.test')).toEqual({ key: 'clusters', name: 'dns/a.test' })
  expect(keyOfName(typeUrls.extension, 'a.test')).toBeUndefined()
  expect(partsOf(typeUrls.extension).map(({ key }) => key)).toEqual(['names', 'origins'])
})

test('every type has a short name and a turn', () => {
  expect(warmingOrder.map((typeUrl) => typeShortNames[typeUrl])).toEqual(['SDS', 'CDS', 'EDS', 'LDS', 'RDS', 'ECDS', 'NDS'])
  expect(isTypeUrl(typeUrls.secret) && !isTypeUrl('type.googleapis.com/x.Y')).toBe(true)
})
