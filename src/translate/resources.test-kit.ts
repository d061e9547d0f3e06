// Builds resources and translations shortly, for tests that are about what becomes of them.
import { toBinary } from '@bufbuild/protobuf'
import { createResourceSet, type Kind, type MeshSettings, type Meta, type Resource, type Spec } from '../api/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { DnsTable_DnsVirtualDomainSchema } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { Snapshot } from '../xds/index.ts'
import type { Proxy } from './context.ts'

export const sidecar: Proxy = { role: 'sidecar', namespace: 'default', name: 'client', labels: { app: 'client' } }
export const gateway: Proxy = { role: 'gateway', namespace: 'istio-system', name: 'gw', labels: { istio: 'egressgateway' } }
export const registryOnly: MeshSettings = { mesh: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }, sallyport: {} }

export function resource<K extends Kind>(kind: K, name: string, spec: Spec<K>, meta: Partial<Meta> = {}): Resource<K> {
  const full = { namespace: 'default', name, labels: {}, annotations: {}, created: 0, ...meta }
  return {
    kind,
    meta: full,
    spec,
    origin: { source: 'test.yaml', line: 1, placeOf: () => ({ line: 1, column: 1 }) },
    hash: JSON.stringify([kind, full, spec]),
    unsupported: [],
  }
}

export function modelOf(resources: readonly Resource[], settings: MeshSettings = registryOnly, previous?: Model): Model {
  return buildModel(createResourceSet(resources, previous && { previous: previous.resources }), settings, previous)
}

export interface Entry {
  readonly message: object
  readonly bytes: string
}

/** Every message of a snapshot by type and name, with its encoding: encoding them all is a test of its own. */
export function messagesOf(snapshot: Snapshot): Map<string, Entry> {
  const all = new Map<string, Entry>()
  const add = (type: string, name: string, message: object, bytes: Uint8Array): void => {
    all.set(`${type} ${name}`, { message, bytes: Buffer.from(bytes).toString('base64') })
  }
  for (const [name, message] of snapshot.listeners) add('listener', name, message, toBinary(ListenerSchema, message))
  for (const [name, message] of snapshot.routes) add('routes', name, message, toBinary(RouteConfigurationSchema, message))
  for (const [name, message] of snapshot.clusters) add('cluster', name, message, toBinary(ClusterSchema, message))
  for (const [name, message] of snapshot.endpoints) add('endpoints', name, message, toBinary(ClusterLoadAssignmentSchema, message))
  for (const [name, message] of snapshot.names) add('name', name, message, toBinary(DnsTable_DnsVirtualDomainSchema, message))
  return all
}
