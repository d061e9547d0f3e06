// Knows which objects are a workload's own: the Pods that carry its service account, and the Events about them.
import { fieldAtPath, type KubeObject } from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import type { ServiceAccountName } from './user.ts'

export class OwnPods {
  readonly #store: ObjectStore

  constructor(store: ObjectStore) {
    this.#store = store
  }

  isAbout(workload: ServiceAccountName, object: KubeObject): boolean {
    // By its name alone; whoever joins has to look whether it is there.
    if (object.kind === 'Node') return true
    if (object.kind === 'Pod') return isPodOf(workload, object)
    if (object.kind !== 'Event') return false
    const [kind, namespace, name] = ['kind', 'namespace', 'name'].map((field) => fieldAtPath(object, ['involvedObject', field]))
    return kind === 'Pod' && namespace === workload.namespace && typeof name === 'string' && this.#has(workload, name)
  }

  /** A Pod of this name is its own, or is not there. */
  mayBe(workload: ServiceAccountName, name: string): boolean {
    const pod = this.#pod(workload, name)
    return pod === undefined || isPodOf(workload, pod)
  }

  #has(workload: ServiceAccountName, name: string): boolean {
    const pod = this.#pod(workload, name)
    return pod !== undefined && isPodOf(workload, pod)
  }

  #pod({ namespace }: ServiceAccountName, name: string): KubeObject | undefined {
    const stored = this.#store.get({ resource: 'pods', namespace, name })
    return stored && JSON.parse(stored.value.toString())
  }
}

export function isPodOf({ namespace, name }: ServiceAccountName, pod: KubeObject): boolean {
  const account = fieldAtPath(pod, ['spec', 'serviceAccountName'])
  return pod.metadata.namespace === namespace && (account ?? 'default') === name
}
