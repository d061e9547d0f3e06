// Fills in what Kubernetes fills in of an object that is stored.
import {
  type ApiResource,
  findResource,
  forbiddenBecause,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  type KubeObject,
  StatusError,
} from '../kube/index.ts'
import { withServiceDefaults } from './service-defaults.ts'

export function withDefaults(resource: ApiResource, object: KubeObject): KubeObject {
  if (resource.group === 'apiextensions.k8s.io') return withServedNatively(resource, object)
  if (resource.group !== '') return object
  switch (resource.kind) {
    case 'Namespace':
      return withNamespaceDefaults(object)
    case 'Secret':
      return withSecretDefaults(object)
    case 'Service':
      return withServiceDefaults(object)
    case 'Endpoints':
      return withEndpointsDefaults(object)
    case 'Pod':
      return { ...object, status: object['status'] ?? { phase: 'Pending' } }
    default:
      return object
  }
}

function withNamespaceDefaults(object: KubeObject): KubeObject {
  const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' }
  const status = object['status'] ?? { phase: 'Active' }
  return { ...object, metadata: { ...object.metadata, labels }, spec: { finalizers: ['kubernetes'] }, status }
}

function withSecretDefaults(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object
  const data: Record<string, Json | undefined> = isJsonObject(object['data']) ? { ...object['data'] } : {}
  for (const [name, text] of Object.entries(isJsonObject(stringData) ? stringData : {}))
    data[name] = typeof text === 'string' ? Buffer.from(text).toString('base64') : text
  const { apiVersion, kind, metadata } = object
  return { ...rest, apiVersion, kind, metadata, type: object['type'] ?? 'Opaque', ...(Object.keys(data).length === 0 ? {} : { data }) }
}

function withEndpointsDefaults(object: KubeObject): KubeObject {
  const { subsets } = object
  if (!isJsonList(subsets)) return object
  const withProtocol = (port: Json): Json => (isJsonObject(port) ? { ...port, protocol: port['protocol'] ?? 'TCP' } : port)
  const filled = subsets.map((subset) => {
    if (!isJsonObject(subset)) return subset
    const { ports } = subset
    return isJsonList(ports) ? { ...subset, ports: ports.map(withProtocol) } : subset
  })
  return { ...object, subsets: filled }
}

/** Kinds that are served need no definition, and no definition makes a kind served: one of another kind would wait for ever to be established. */
function withServedNatively(resource: ApiResource, object: KubeObject): KubeObject {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  const names = isJsonObject(spec['names']) ? spec['names'] : {}
  const isServed = versionsOf(spec).some((version) => findResource(textOf(spec['group']), version, textOf(names['plural'])) !== undefined)
  if (!isServed) {
    const why = 'this server serves the kinds of Istio that are built in, and none that are defined'
    throw new StatusError(forbiddenBecause(resource, object.metadata.name ?? '', why))
  }
  const met = (type: string, reason: string, message: string): JsonObject => {
    const lastTransitionTime = object.metadata.creationTimestamp ?? null
    return { type, status: 'True', lastTransitionTime, reason, message }
  }
  const conditions = [
    met('NamesAccepted', 'NoConflicts', 'no conflicts found'),
    met('Established', 'InitialNamesAccepted', 'the initial names have been accepted: served natively'),
  ]
  return { ...object, status: { conditions, acceptedNames: names, storedVersions: versionsOf(spec).slice(0, 1) } }
}

function versionsOf(spec: JsonObject): readonly string[] {
  const { versions } = spec
  if (!Array.isArray(versions)) return []
  return versions.flatMap((version: Json) => (isJsonObject(version) && typeof version['name'] === 'string' ? [version['name']] : []))
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
