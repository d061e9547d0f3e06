// Writes and reads how a proxy names itself to a control plane: Istio's node id and node metadata.
import type { JsonObject } from '@bufbuild/protobuf'
import { parseIp } from '../base/index.ts'
import { create } from './create.ts'
import { type Node, NodeSchema } from './gen/envoy/config/core/v3/base_pb.js'

/** `sidecar~IP~NAME.NS~NS.svc.cluster.local`, with `router` for gateways, and what metadata says beside it. */
export interface NodeIdentity {
  readonly role: 'sidecar' | 'router'
  readonly address: string
  readonly name: string
  readonly namespace: string
  readonly domain: string
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount?: string
  /** The rest of the metadata, as it was given: DNS_CAPTURE, CLUSTER_ID, ISTIO_VERSION, GENERATOR, … */
  readonly metadata: JsonObject
  /** The program that it says it is: `sallyport`, `envoy`; empty where it says nothing. */
  readonly agent: string
}

export interface NodeIdentityInit {
  readonly role: 'sidecar' | 'router'
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly address?: string
  readonly serviceAccount?: string
  readonly metadata?: JsonObject
  /** Program and version, as `user_agent_name` and `user_agent_version` say them. */
  readonly agent?: { readonly name: string; readonly version: string }
}

/** As our proxies name themselves to a server. */
export const ownAgent = 'sallyport'

const clusterDomain = 'svc.cluster.local'

export function writeNodeId({ role, name, namespace, address = '127.0.0.1' }: NodeIdentityInit): string {
  return `${role}~${address}~${name}.${namespace}~${namespace}.${clusterDomain}`
}

export function writeNode(identity: NodeIdentityInit): Node {
  const { name, namespace, labels, serviceAccount, metadata, agent } = identity
  return create(NodeSchema, {
    id: writeNodeId(identity),
    cluster: `${name}.${namespace}`,
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      LABELS: { ...labels },
      ...(serviceAccount === undefined ? {} : { SERVICE_ACCOUNT: serviceAccount }),
      ...metadata,
    },
    ...(agent && { userAgentName: agent.name, userAgentVersionType: { case: 'userAgentVersion' as const, value: agent.version } }),
    clientFeatures: ['envoy.lb.does_not_support_overprovisioning', 'xds.config.resource-in-sotw'],
  })
}

/** The text says what is wrong. As with Istio, NAMESPACE and NAME of the metadata say more than the id, which people shorten. */
export function readNode(node: Node | undefined): NodeIdentity | string {
  if (node === undefined || node.id === '') return 'the first request has no node'
  const parts = node.id.split('~')
  const [role, address = '', pod = '', domain = ''] = parts
  if (parts.length !== 4 || (role !== 'sidecar' && role !== 'router')) return `the node id "${clip(node.id)}" is not ${shapeOfId}`
  if (parseIp(address) === undefined) return `the node id "${clip(node.id)}" has no IP address where ${shapeOfId} has one`
  const metadata = node.metadata ?? {}
  const dot = pod.lastIndexOf('.')
  const namespace = text(metadata['NAMESPACE']) ?? (dot < 0 ? '' : pod.slice(dot + 1))
  const name = text(metadata['NAME']) ?? (dot < 0 ? pod : pod.slice(0, dot))
  if (namespace === '') return `neither NAMESPACE in the metadata nor the node id "${clip(node.id)}" says a namespace`
  const serviceAccount = text(metadata['SERVICE_ACCOUNT'])
  return {
    role,
    address,
    name,
    namespace,
    domain,
    labels: labelsOf(metadata['LABELS']),
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    metadata,
    agent: node.userAgentName,
  }
}

/** Metadata of who only looks at what a node is given, and is not counted among those that have it. */
export const observerKey = 'SALLYPORT_OBSERVER'

export function isObserver(identity: NodeIdentity | undefined): boolean {
  return identity?.metadata[observerKey] === 'true'
}

const shapeOfId = 'sidecar~IP~NAME.NAMESPACE~DOMAIN or router~IP~NAME.NAMESPACE~DOMAIN'

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (typeof one === 'string' ? [[key, one]] : [])))
}

/** What a stranger sent is not repeated at any length. */
function clip(id: string): string {
  return id.length > 120 ? `${id.slice(0, 120)}…` : id
}
