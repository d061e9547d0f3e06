// Reads from the command line for which node configuration is to be shown: a node id, or the name of a workload.
import { parseHostname } from '../../base/index.ts'
import type { Proxy } from '../../translate/index.ts'
import { create, type NodeIdentityInit, observerKey, readNode, writeNode } from '../../xds/index.ts'
import { type Node, NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { labelsOf, textOf, UsageError, type Values } from '../values.ts'

export interface WantedNode {
  /** As it says itself to a server, which need not count it. */
  readonly node: Node
  readonly proxy: Proxy
}

/** `--node ID`, or `--node NAME.NAMESPACE` (`router~NAME.NAMESPACE` for a gateway); labels come from `-l`. */
export function wantedNode(values: Values): WantedNode {
  const text = textOf(values, 'node') ?? 'workload.default'
  const labels = labelsOf(values)
  const identity = text.split('~').length === 4 ? ofId(text, labels) : ofName(text, labels)
  // A server that knows the node knows its labels, too.
  const metadata = Object.keys(labels).length === 0 ? {} : { LABELS: { ...labels } }
  const { role, name, namespace } = identity
  return {
    node: create(NodeSchema, { ...writeNode(identity), metadata: { ...metadata, [observerKey]: 'true' } }),
    proxy: { role: role === 'router' ? 'gateway' : 'sidecar', namespace, name, labels },
  }
}

function ofId(id: string, labels: Readonly<Record<string, string>>): NodeIdentityInit {
  const read = readNode(create(NodeSchema, { id }))
  if (typeof read === 'string') throw new UsageError('SLP0002', read)
  return { role: read.role, name: read.name, namespace: read.namespace, address: read.address, labels }
}

function ofName(text: string, labels: Readonly<Record<string, string>>): NodeIdentityInit {
  const [, role = 'sidecar', name = '', namespace = ''] = /^(?:(sidecar|router)~)?([^~]+)\.([^.~]+)$/.exec(text) ?? []
  if (parseHostname(name) === undefined || parseHostname(namespace) === undefined)
    throw new UsageError('SLP0002', `--node "${text}" is neither a node id nor NAME.NAMESPACE`, {
      fix: 'write --node web.shop, --node router~istio-egressgateway.istio-system, or sidecar~IP~NAME.NAMESPACE~DOMAIN',
    })
  return { role: role === 'router' ? 'router' : 'sidecar', name, namespace, labels }
}
