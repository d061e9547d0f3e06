// Finds the Pod in a manifest of any kind that has one, and says whether it is to have a sidecar.
import { type Fields, fieldsOf } from '../../base/index.ts'

export interface PodTemplate {
  /** Of what has `metadata` and `spec` of the Pod; empty for a Pod itself. */
  readonly path: readonly string[]
  readonly metadata: Fields
  readonly spec: Fields
  readonly workload: string
  readonly owner: string
}

const inTemplate = ['spec', 'template'] as const
const paths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: inTemplate,
  DaemonSet: inTemplate,
  ReplicaSet: inTemplate,
  StatefulSet: inTemplate,
  ReplicationController: inTemplate,
  DeploymentConfig: inTemplate,
  Job: inTemplate,
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

/** Namespaces of Kubernetes' own. */
const systems: ReadonlySet<unknown> = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'])

/** Undefined for what has no Pod, or one without containers. */
export function podTemplateOf(object: Fields): PodTemplate | undefined {
  const { apiVersion = 'v1', kind } = object
  const path = typeof kind === 'string' && Object.hasOwn(paths, kind) ? paths[kind] : undefined
  if (path === undefined || typeof apiVersion !== 'string') return undefined
  const pod = path.reduce<Fields>((inner, name) => fieldsOf(inner[name]), object)
  const spec = fieldsOf(pod['spec'])
  if (!Array.isArray(spec['containers'])) return undefined
  const { name = '', namespace = 'default' } = fieldsOf(object['metadata'])
  const group = apiVersion === 'v1' ? 'api/v1' : `apis/${apiVersion}`
  const owner = `kubernetes://${group}/namespaces/${String(namespace)}/${String(kind).toLowerCase()}s/${String(name)}`
  return { path, metadata: fieldsOf(pod['metadata']), spec, workload: String(name), owner }
}

/** Why it stays as it is; undefined when it is to have a sidecar. */
export function reasonAgainst({ metadata, spec }: PodTemplate, object: Fields): string | undefined {
  const [labels, annotations] = [fieldsOf(metadata['labels']), fieldsOf(metadata['annotations'])]
  const said = labels[injectKey] ?? annotations[injectKey]
  if (said === 'false' || said === false) return `${injectKey} is "false"`
  if (spec['hostNetwork'] === true) return 'hostNetwork is true: the capture would be that of the whole node'
  if (systems.has(fieldsOf(object['metadata'])['namespace'])) return 'its namespace belongs to Kubernetes'
  return undefined
}

export function isInjected({ metadata, spec }: PodTemplate): boolean {
  return (
    Object.hasOwn(fieldsOf(metadata['annotations']), 'sidecar.istio.io/status') &&
    Array.isArray(spec['containers']) &&
    spec['containers'].some((one: unknown) => fieldsOf(one)['name'] === 'istio-proxy')
  )
}

const injectKey = 'sidecar.istio.io/inject'
