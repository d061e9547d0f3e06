// Holds that a resource is printed even when it holds what nobody here has a descriptor for.
import { expect, test } from 'vitest'
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import { create, resourceToJson } from './index.ts'

test('what is not known inside of a resource says so in its place', () => {
  const typedConfig = { typeUrl: 'type.googleapis.com/example.Unknown', value: new Uint8Array([8, 1]) }
  const cluster = create(ClusterSchema, { name: 'a', filters: [{ name: 'x', typedConfig }] })
  expect(resourceToJson(cluster)).toEqual({
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name: 'a',
    filters: [
      { name: 'x', typed_config: { '@type': 'type.googleapis.com/example.Unknown', not_printable: 'its descriptor is not known' } },
    ],
  })
})
