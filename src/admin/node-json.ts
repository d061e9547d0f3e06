// Names this proxy on the pages as it names itself to a control plane.
import type { JsonObject } from '@bufbuild/protobuf'
import { writeNodeId } from '../xds/index.ts'
import type { NodeView } from './proxy-view.ts'

export function nodeJson({ role, namespace, name, labels }: NodeView): JsonObject {
  return {
    id: writeNodeId({ role: role === 'gateway' ? 'router' : 'sidecar', namespace, name, labels }),
    cluster: `${name}.${namespace}`,
    metadata: { NAMESPACE: namespace, NAME: name, LABELS: { ...labels } },
    user_agent_name: 'sallyport',
  }
}
