// Says what a Pod is to a Service that chooses it: its addresses, its ports by the Service's names, and its state.
import { fieldAtPath, isJsonList, isJsonObject, type Json, type JsonObject, type KubeObject } from '../../kube/index.ts'
import { runnerOf } from '../node-admission.ts'
import { nodeOf } from './pod-grace.ts'

export interface PodBehind {
  readonly pod: KubeObject
  /** At least one. */
  readonly addresses: readonly string[]
  readonly ports: readonly JsonObject[]
  readonly node: string
  readonly isServing: boolean
  readonly isTerminating: boolean
}

/** Undefined for one that nobody reaches: it has ended, has no address yet, or is sealed. */
export function podBehind(service: KubeObject, pod: KubeObject): PodBehind | undefined {
  const addresses = addressesOf(pod)
  const phase = fieldAtPath(pod, ['status', 'phase'])
  if (addresses.length === 0 || phase === 'Succeeded' || phase === 'Failed' || isSealed(pod)) return undefined
  const isTerminating = pod.metadata.deletionTimestamp !== undefined
  return { pod, addresses, ports: portsOf(service, pod), node: nodeOf(pod), isServing: isReady(pod), isTerminating }
}

/** What of a Pod has to do with Services, for comparing. */
export function behindText(pod: KubeObject): string {
  const { labels, deletionTimestamp } = pod.metadata
  const spec = ['nodeName', 'hostNetwork', 'containers', 'initContainers'].map((field) => fieldAtPath(pod, ['spec', field]))
  const status = [addressesOf(pod), fieldAtPath(pod, ['status', 'phase']), isReady(pod)]
  return JSON.stringify([labels, deletionTimestamp === undefined, spec, status, isSealed(pod)])
}

/** The address of a sealed workload is that of its machine: nothing is reached there. */
function isSealed(pod: KubeObject): boolean {
  const isOurs = runnerOf(pod) !== undefined || pod.metadata.annotations?.[processAnnotation] !== undefined
  return isOurs && fieldAtPath(pod, ['spec', 'hostNetwork']) !== true
}

/** On the Pods of processes that have joined. */
const processAnnotation = 'sallyport.dev/process'

function addressesOf(pod: KubeObject): readonly string[] {
  const [one, all] = [fieldAtPath(pod, ['status', 'podIP']), fieldAtPath(pod, ['status', 'podIPs'])]
  const listed = isJsonList(all) ? all.map((entry) => fieldAtPath(entry, ['ip'])) : []
  return (listed.length === 0 ? [one] : listed).filter((ip): ip is string => typeof ip === 'string' && ip !== '')
}

function isReady(pod: KubeObject): boolean {
  return objectsAt(pod, ['status', 'conditions']).some(({ type, status }) => type === 'Ready' && status === 'True')
}

/** A port that the Pod does not name is left out, as in Kubernetes. */
function portsOf(service: KubeObject, pod: KubeObject): readonly JsonObject[] {
  return objectsAt(service, ['spec', 'ports']).flatMap(({ name = '', protocol = 'TCP', port, targetPort = port, appProtocol }) => {
    const number = typeof targetPort === 'number' ? targetPort : portNamed(pod, targetPort, protocol)
    return number === undefined ? [] : [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function portNamed(pod: KubeObject, name: Json | undefined, protocol: Json): number | undefined {
  const containers = [...objectsAt(pod, ['spec', 'containers']), ...objectsAt(pod, ['spec', 'initContainers']).filter(isSidecar)]
  for (const container of containers) {
    const found = objectsAt(container, ['ports']).find((port) => port['name'] === name && (port['protocol'] ?? 'TCP') === protocol)
    if (typeof found?.['containerPort'] === 'number') return found['containerPort']
  }
  return undefined
}

function isSidecar({ restartPolicy }: JsonObject): boolean {
  return restartPolicy === 'Always'
}

function objectsAt(value: Json, path: readonly string[]): readonly JsonObject[] {
  const list = fieldAtPath(value, path)
  return isJsonList(list) ? list.filter(isJsonObject) : []
}
