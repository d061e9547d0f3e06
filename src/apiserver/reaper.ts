// Deletes what must not outlast something else: what belongs to an object that is gone, and what is in a namespace that is being deleted.
import { timeText } from '../base/index.ts'
import { findKind, findResource, type KubeObject, type OwnerReference, resources } from '../kube/index.ts'
import { type ObjectStore, RevisionConflict, type Stored } from '../store/index.ts'
import { graceOf } from './pods/pod-grace.ts'
import { encodeObject, keyOf, objectOf, storeNameOf } from './stored-objects.ts'

/** Only writes that were under way make another round necessary. */
const MOST_ROUNDS = 100

export class Reaper {
  readonly #store: ObjectStore

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** An object is gone: what it alone owned goes too, and its namespace, if it only waited for this. */
  async gone({ metadata }: KubeObject): Promise<void> {
    const { uid, namespace } = metadata
    if (uid !== undefined) await this.#deleteOwned(uid, namespace)
    if (namespace !== undefined && this.#isTerminating(namespace)) await this.empty(namespace)
  }

  /** Deletes all that is in a namespace, and the namespace when nothing is left. */
  async empty(namespace: string): Promise<void> {
    await this.#clear(namespace)
    if (this.#content(namespace).length > 0) return
    const key = { resource: 'namespaces', namespace: '', name: namespace }
    const stored = this.#store.get(key)
    if (stored !== undefined) await this.#quietly(this.#store.commit([{ key, expected: stored.revision }]))
    // One of the same name that comes now is another namespace.
    await this.#clear(namespace, this.#store.revision)
  }

  /** What was on its way to the disk when somebody looked is there at the next look; nothing new is let into a namespace that goes. */
  async #clear(namespace: string, latest = Number.POSITIVE_INFINITY): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const left = this.#content(namespace).filter((stored) => stored.revision <= latest && !this.#isHeld(stored))
      if (left.length === 0) return
      for (const stored of left) await this.#delete(stored)
    }
  }

  /** Goes on with namespaces whose deletion was broken off. */
  async resume(): Promise<void> {
    for (const { key } of this.#store.list('namespaces').items) if (this.#isTerminating(key.name)) await this.empty(key.name)
  }

  #content(namespace: string): readonly Stored[] {
    return namespacedNames.flatMap((resource) => this.#store.list(resource, { namespace }).items)
  }

  #isTerminating(name: string): boolean {
    const stored = this.#store.get({ resource: 'namespaces', namespace: '', name })
    const resource = findResource('', 'v1', 'namespaces')
    if (stored === undefined || resource === undefined) return false
    return objectOf(stored, resource, 'v1').metadata.deletionTimestamp !== undefined
  }

  /** What it owns is no longer its own, before it goes; false when others kept changing that. */
  async release({ metadata: { uid = '', namespace } }: KubeObject): Promise<boolean> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const owned = [...this.#owned(uid, namespace)]
      if (owned.length === 0) return true
      for (const { stored, object } of owned) await this.#leaveTo(otherOwners(object, uid), stored, object)
    }
    return false
  }

  /** What has another owner that is there is left to it. */
  async #deleteOwned(uid: string, namespace: string | undefined): Promise<void> {
    for (const { stored, object } of this.#owned(uid, namespace)) {
      const others = otherOwners(object, uid).filter((owner) => this.#isThere(owner, stored.key.namespace))
      if (others.length === 0) await this.#delete(stored)
      else await this.#leaveTo(others, stored, object)
    }
  }

  async #leaveTo(owners: readonly OwnerReference[], stored: Stored, object: KubeObject): Promise<void> {
    const { ownerReferences: _, ...metadata } = object.metadata
    const left = { ...object, metadata: { ...metadata, ...(owners.length > 0 ? { ownerReferences: owners } : {}) } }
    await this.#quietly(this.#store.commit([{ key: stored.key, value: encodeObject(left), expected: stored.revision }]))
  }

  #isThere({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): boolean {
    const resource = findKind(apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', kind)
    const stored = resource && this.#store.get(keyOf(resource, resource.namespaced ? namespace : '', name))
    return stored !== undefined && this.#objectOf(stored)?.metadata.uid === uid
  }

  *#owned(uid: string, namespace: string | undefined): Generator<{ readonly stored: Stored; readonly object: KubeObject }> {
    const mark = Buffer.from(`"uid":${JSON.stringify(uid)}`)
    for (const resource of resources) {
      const list = this.#store.list(storeNameOf(resource), namespace === undefined ? {} : { namespace }).items
      for (const stored of list) {
        // Nearly no object names it; only those that may are read.
        if (!stored.value.includes(mark)) continue
        const object = objectOf(stored, resource, resource.versions[0] ?? '')
        if (object.metadata.ownerReferences?.some((owner) => owner.uid === uid)) yield { stored, object }
      }
    }
  }

  /** It is being deleted already, and waits for its finalizers, or for what runs to end. */
  #isHeld(stored: Stored): boolean {
    const { finalizers = [], deletionTimestamp, deletionGracePeriodSeconds = 0 } = this.#objectOf(stored)?.metadata ?? {}
    return deletionTimestamp !== undefined && (finalizers.length > 0 || deletionGracePeriodSeconds > 0)
  }

  #objectOf(stored: Stored): KubeObject | undefined {
    const resource = resources.find((one) => storeNameOf(one) === stored.key.resource)
    return resource && objectOf(stored, resource, resource.versions[0] ?? '')
  }

  async #delete(stored: Stored): Promise<void> {
    const object = this.#objectOf(stored)
    if (object === undefined || this.#isHeld(stored)) return
    const { finalizers = [] } = object.metadata
    const grace = stored.key.resource === 'pods' ? graceOf({ group: '', kind: 'Pod' }, object, undefined) : 0
    if (finalizers.length > 0 || grace > 0) {
      const deletionTimestamp = timeText(Date.now() + grace * 1000)
      const metadata = { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace }
      await this.#quietly(
        this.#store.commit([{ key: stored.key, value: encodeObject({ ...object, metadata }), expected: stored.revision }]),
      )
      return
    }
    if (await this.#quietly(this.#store.commit([{ key: stored.key, expected: stored.revision }])))
      await this.#deleteOwned(object.metadata.uid ?? '', object.metadata.namespace)
  }

  /** Whoever was first has decided, and is asked again by the next that goes. */
  async #quietly(writing: Promise<unknown>): Promise<boolean> {
    try {
      await writing
      return true
    } catch (error) {
      if (error instanceof RevisionConflict) return false
      throw error
    }
  }
}

function otherOwners({ metadata: { ownerReferences = [] } }: KubeObject, uid: string): readonly OwnerReference[] {
  return ownerReferences.filter((owner) => owner.uid !== uid)
}

const namespacedNames = Array.from(new Set(resources.filter(({ namespaced }) => namespaced).map(storeNameOf)))
