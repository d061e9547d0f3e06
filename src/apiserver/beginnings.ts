// What a server holds from its first start: the namespaces of a cluster with Istio, the settings of its mesh, and the Service of its egress gateways.
import { findKind, type KubeObject } from '../kube/index.ts'
import type { ObjectStore } from '../store/index.ts'
import { ObjectWriter } from './object-writer.ts'

/** Spelt out on two lines, so that the texts which edit it with sed find what they look for. */
const meshText = `outboundTrafficPolicy:
  mode: ALLOW_ANY
`

/** As the very first writes, each of its own revision, and a start that was broken off is gone on with: what somebody deleted later stays deleted. */
export async function writeBeginnings(store: ObjectStore, now: () => number): Promise<void> {
  const writer = new ObjectWriter(store, now)
  for (const object of beginnings.slice(store.revision)) {
    const resource = findKind('', object.kind)
    if (resource === undefined) throw new Error(`${object.kind} is not served`)
    const { namespace = '', name = '' } = object.metadata
    await writer.create({ resource, version: 'v1', namespace, name }, object, { isDryRun: false, manager: 'sallyport' })
  }
}

/** Of the gateways that an installation of Istio has. */
const gateway = { istio: 'egressgateway' }

const beginnings: readonly KubeObject[] = [
  ...['default', 'istio-system', 'kube-system'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'istio-system', name: 'istio' }, data: { mesh: meshText } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'istio-system', name: 'istio-egressgateway', labels: gateway },
    spec: {
      selector: gateway,
      ports: [
        { name: 'http2', port: 80, protocol: 'TCP', targetPort: 8080 },
        { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
      ],
    },
  },
]
