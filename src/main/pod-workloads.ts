// Shows Pods to the control side as what they are to selectors: a workload with labels and an address, as a WorkloadEntry would be.
import type { DeclaredObject } from '../config/index.ts'
import { fieldAtPath, isJsonList, isJsonObject, type KubeObject } from '../kube/index.ts'
import type { Change, Stored } from '../store/index.ts'

export class PodWorkloads {
  readonly #known = new WeakMap<Stored, { readonly workload: DeclaredObject | undefined }>()

  /** Undefined for what nobody reaches: it is not ready, or sealed. */
  of(stored: Stored): DeclaredObject | undefined {
    const known = this.#known.get(stored) ?? { workload: workloadOf(stored) }
    this.#known.set(stored, known)
    return known.workload
  }

  /** A Pod is told of often, and seldom what matters here. */
  concerns({ before, after }: Pick<Change, 'before' | 'after'>): boolean {
    const [was, is] = [before, after].map((stored) => stored && JSON.stringify(this.of(stored)?.value()))
    return was !== is
  }
}

/** Of one that shares its node's network, and so is reached at its address: selectors of Services and ServiceEntries find both alike, as with Istio. */
function workloadOf({ key, value }: Stored): DeclaredObject | undefined {
  const pod: KubeObject = JSON.parse(value.toString())
  const address = fieldAtPath(pod, ['status', 'podIP'])
  const { labels = {}, deletionTimestamp } = pod.metadata
  if (typeof address !== 'string' || fieldAtPath(pod, ['spec', 'hostNetwork']) !== true || deletionTimestamp !== undefined) return undefined
  if (!isReady(pod)) return undefined
  const serviceAccount = fieldAtPath(pod, ['spec', 'serviceAccountName'])
  const workload = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { namespace: key.namespace, name: `pod-${key.name}`, labels },
    spec: { address, labels, ...(serviceAccount === undefined ? {} : { serviceAccount }) },
  }
  return { source: `pods ${key.namespace}/${key.name}`, value: () => workload }
}

function isReady(pod: KubeObject): boolean {
  const conditions = fieldAtPath(pod, ['status', 'conditions'])
  return isJsonList(conditions) && conditions.some((one) => isJsonObject(one) && one['type'] === 'Ready' && one['status'] === 'True')
}
