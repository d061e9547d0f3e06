// Creates, changes and deletes objects by the rules that Kubernetes has for them: what the server fills in, what nobody may change, what has to be there.
import { randomBytes, randomUUID } from 'node:crypto'
import { timeText } from '../base/index.ts'
import {
  alreadyExists,
  type ApiResource,
  badRequest,
  checkObject,
  conflict,
  forbiddenBecause,
  invalid,
  isSameJson,
  type Json,
  type KubeObject,
  notFound,
  type ObjectMeta,
  recordUpdate,
  serverSideApply,
  type StatusCause,
  StatusError,
  apiVersionOf,
  type Writer,
} from '../kube/index.ts'
import { type ObjectStore, RevisionConflict, type Stored } from '../store/index.ts'
import { withDefaults } from './defaults.ts'
import { judgeMeshSettings } from './mesh-settings.ts'
import { graceOf, nodeOf } from './pods/pod-grace.ts'
import { type Admitted, type NodeAdmission, runnerOf, withRunner } from './node-admission.ts'
import { Reaper } from './reaper.ts'
import { encodeObject, keyOf, objectOf } from './stored-objects.ts'

export interface Target {
  readonly resource: ApiResource
  readonly version: string
  readonly namespace: string
  readonly name: string
}

export interface WriteOptions {
  readonly isDryRun: boolean
  /** Who it is that sets these fields. */
  readonly manager: string
  /** Throws where the writer may not make this of that; absent: everything may be. */
  readonly admit?: (before: KubeObject | undefined, after: KubeObject | undefined) => void
  /** Whether a Pod of this writer may be run by the server itself. */
  readonly mayRun?: boolean
}

type Account = (before: KubeObject | undefined, after: KubeObject) => KubeObject

export interface Written {
  readonly object: KubeObject
  /** For `Warning:` headers. */
  readonly warnings: readonly string[]
}

/** Changes what there is; called again when somebody else was first. */
export type ChangeObject = (before: KubeObject) => { readonly object: KubeObject; readonly warnings: readonly string[] }

export interface Preconditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

const mostTries = 8

export class ObjectWriter {
  readonly #store: ObjectStore
  readonly #now: () => number
  readonly #reaper: Reaper
  readonly #nodePods: NodeAdmission | undefined

  constructor(store: ObjectStore, now: () => number, nodePods?: NodeAdmission) {
    this.#store = store
    this.#now = now
    this.#nodePods = nodePods
    this.#reaper = new Reaper(store)
  }

  get(target: Target): Stored {
    const stored = this.#store.get(keyOf(target.resource, target.namespace, target.name))
    if (stored === undefined) throw new StatusError(notFound(target.resource, target.name))
    return stored
  }

  create(target: Target, sent: KubeObject, options: WriteOptions): Promise<Written> {
    const writer = this.#writerOf(target, options)
    return this.#create(target, sent, { ...options, account: (before, after) => recordUpdate(target.resource, before, after, writer) })
  }

  change(target: Target, change: ChangeObject, options: WriteOptions & { readonly isStatus: boolean }): Promise<Written> {
    const writer = { ...this.#writerOf(target, options), ...(options.isStatus ? { subresource: 'status' } : {}) }
    return this.#change(target, change, { ...options, account: (before, after) => recordUpdate(target.resource, before, after, writer) })
  }

  /** Makes the object if it is not there, and merges into it otherwise. */
  async apply(
    target: Target,
    read: Written,
    options: WriteOptions & { readonly force: boolean },
  ): Promise<Written & { readonly isNew: boolean }> {
    const { resource, namespace, name } = target
    const writer = this.#writerOf(target, options)
    const request = { applied: read.object, writer, force: options.force }
    const account: Account = (_before, after) => after
    if (this.#store.get(keyOf(resource, namespace, name)) === undefined) {
      const object = serverSideApply(resource, request)
      checkIdentity(target, object, object)
      const { resourceVersion: _, ...metadata } = object.metadata
      return { ...(await this.#create(target, { ...object, metadata }, { ...options, account })), isNew: true }
    }
    const change: ChangeObject = (before) => ({ object: serverSideApply(resource, { ...request, before }), warnings: read.warnings })
    return { ...(await this.#change(target, change, { ...options, isStatus: false, account })), isNew: false }
  }

  async #create(target: Target, sent: KubeObject, options: WriteOptions & { readonly account: Account }): Promise<Written> {
    const { resource, namespace } = target
    const { generateName = '', resourceVersion = '' } = sent.metadata
    if (resourceVersion !== '') throw new StatusError(badRequest('resourceVersion should not be set on objects to be created'))
    const isGenerated = sent.metadata.name === undefined && generateName !== ''
    const name = isGenerated ? generateName + randomSuffix() : (sent.metadata.name ?? '')
    this.#checkNamespace(target, sent)
    const metadata = this.#newMetadata(resource, { ...sent.metadata, name }, namespace)
    const placed = this.#placed(target, { ...sent, metadata }, options)
    const unaccounted = withDefaults(resource, withoutStatus(resource, placed.object))
    const warnings = [...placed.warnings, ...judge(resource, unaccounted, { more: placed.causes })]
    const object = options.account(undefined, unaccounted)
    options.admit?.(undefined, object)
    if (options.isDryRun) {
      if (this.#store.get(keyOf(resource, namespace, name))) throw new StatusError(alreadyExists(resource, name))
      return { object, warnings }
    }
    try {
      const [stored] = await this.#store.commit([{ key: keyOf(resource, namespace, name), value: encodeObject(object), expected: 0 }])
      return { object: stored ? objectOf(stored, resource, target.version) : object, warnings }
    } catch (error) {
      if (error instanceof RevisionConflict) throw new StatusError(alreadyExists(resource, name))
      throw error
    }
  }

  async #change(
    target: Target,
    change: ChangeObject,
    options: WriteOptions & { readonly isStatus: boolean; readonly account: Account },
  ): Promise<Written> {
    for (let tries = 1; ; tries++) {
      const stored = this.get(target)
      const before = objectOf(stored, target.resource, target.version)
      const { object: sent, warnings } = change(before)
      checkIdentity(target, before, sent)
      const unaccounted = this.#changed(target.resource, before, sent, options.isStatus)
      const told = isSameJson(unaccounted, before) ? warnings : [...warnings, ...judge(target.resource, unaccounted, { before })]
      const object = options.account(before, unaccounted)
      options.admit?.(before, object)
      if (isSameJson(object, before)) return { object: before, warnings }
      if (options.isDryRun) return { object, warnings: told }
      try {
        return { object: await this.#put(target, stored, object), warnings: told }
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error
        if (tries >= mostTries) throw new StatusError(conflict(target.resource, target.name))
      }
    }
  }

  /** The object as it is now if something keeps it from being gone; undefined if it is. */
  async delete(
    target: Target,
    preconditions: Preconditions,
    options: Pick<WriteOptions, 'isDryRun' | 'admit'> & { readonly graceSeconds?: number | undefined; readonly orphans?: boolean },
  ): Promise<{ readonly gone: KubeObject; readonly left?: KubeObject }> {
    for (let tries = 1; ; tries++) {
      const stored = this.get(target)
      const before = objectOf(stored, target.resource, target.version)
      options.admit?.(before, undefined)
      checkPreconditions(target, before, preconditions)
      if (isProtected(target)) throw new StatusError(forbiddenBecause(target.resource, target.name, 'this namespace may not be deleted'))
      if (options.isDryRun) return { gone: before }
      if (options.orphans && !(await this.#reaper.release(before))) throw new StatusError(conflict(target.resource, target.name))
      try {
        return await this.#remove(target, stored, before, graceOf(target.resource, before, options.graceSeconds))
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error
        if (tries >= mostTries) throw new StatusError(conflict(target.resource, target.name))
      }
    }
  }

  async #put(target: Target, stored: Stored, object: KubeObject): Promise<KubeObject> {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata
    const isOver = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0
    if (isOver && finalizers.length === 0 && target.resource.kind !== 'Namespace') {
      await this.#store.commit([{ key: stored.key, expected: stored.revision }])
      await this.#reaper.gone(object)
      return object
    }
    const [written] = await this.#store.commit([{ key: stored.key, value: encodeObject(object), expected: stored.revision }])
    return written ? objectOf(written, target.resource, target.version) : object
  }

  async #remove(
    target: Target,
    stored: Stored,
    before: KubeObject,
    grace: number,
  ): Promise<{ readonly gone: KubeObject; readonly left?: KubeObject }> {
    const isNamespace = target.resource.kind === 'Namespace' && target.resource.group === ''
    if (!isNamespace && grace === 0 && (before.metadata.finalizers ?? []).length === 0) {
      await this.#store.commit([{ key: stored.key, expected: stored.revision }])
      await this.#reaper.gone(before)
      return { gone: before }
    }
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = before.metadata
    if (deletionTimestamp !== undefined && deletionGracePeriodSeconds <= grace) {
      // Whoever began may have been ended before it was empty.
      if (isNamespace) await this.#reaper.empty(target.name)
      return { gone: before, left: before }
    }
    const metadata = { ...before.metadata, deletionTimestamp: this.#time(grace), deletionGracePeriodSeconds: grace }
    const status = isNamespace ? { status: { phase: 'Terminating' } } : {}
    const left = await this.#put(target, stored, { ...before, metadata, ...status })
    if (isNamespace) await this.#reaper.empty(target.name)
    return { gone: before, left }
  }

  /** A Pod comes from the process that it is, or is given to this machine. */
  #placed({ resource }: Target, object: KubeObject, { mayRun }: WriteOptions): Admitted {
    if (resource.group !== '' || resource.kind !== 'Pod') return { object, causes: [], warnings: [] }
    const admitted = this.#nodePods?.admit(object)
    const why =
      admitted === undefined
        ? nodeOf(object) === '' && 'this server runs no Pods (serve --node does); those of `sallyport run --join` have a node'
        : mayRun !== true && 'it is a command on the server’s own machine: only an administrator (system:masters) may have it run'
    if (why !== false) throw new StatusError(forbiddenBecause(resource, object.metadata.name ?? '', why))
    if (admitted === undefined) return { object: withRunner(object, undefined), causes: [], warnings: [] }
    return { ...admitted, object: withRunner(admitted.object, this.#nodePods?.node) }
  }

  #checkNamespace({ resource, namespace }: Target, { metadata }: KubeObject): void {
    const sent = metadata.namespace ?? ''
    if (sent !== '' && sent !== namespace) throw new StatusError(badRequest(otherNamespace(sent, namespace)))
    if (!resource.namespaced) return
    const stored = this.#store.get({ resource: 'namespaces', namespace: '', name: namespace })
    if (stored === undefined) throw new StatusError(notFound({ group: '', plural: 'namespaces' }, namespace))
    const text: { readonly metadata?: ObjectMeta } = JSON.parse(stored.value.toString())
    if (text.metadata?.deletionTimestamp === undefined) return
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`
    throw new StatusError(forbiddenBecause(resource, metadata.name ?? '', why))
  }

  #newMetadata(resource: ApiResource, sent: ObjectMeta, namespace: string): ObjectMeta {
    const { uid: _, generation: __, creationTimestamp: ___, deletionTimestamp: ____, selfLink: _____, ...rest } = sent
    const place = resource.namespaced ? { namespace } : {}
    const generation = resource.custom ? { generation: 1 } : {}
    return { ...rest, ...place, uid: randomUUID(), creationTimestamp: this.#time(), ...generation }
  }

  #changed(resource: ApiResource, before: KubeObject, sent: KubeObject, isStatus: boolean): KubeObject {
    const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, resourceVersion } = before.metadata
    const owned = { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, resourceVersion }
    const hasStatus = resource.subresources.some(({ name }) => name === 'status')
    if (isStatus) return { ...before, status: sent['status'] }
    const metadata = withoutAbsent({ ...sent.metadata, namespace: before.metadata.namespace, ...owned })
    const kept = resource.kind === 'Pod' ? withRunner({ ...sent, metadata }, runnerOf(before)) : { ...sent, metadata }
    const object = withDefaults(resource, { ...kept, ...(hasStatus ? { status: before['status'] } : {}) })
    if (generation === undefined || isSameJson(bodyOf(object), bodyOf(before))) return object
    return { ...object, metadata: { ...metadata, generation: generation + 1 } }
  }

  #writerOf({ resource: { group }, version }: Target, { manager }: WriteOptions): Writer {
    return { manager, apiVersion: apiVersionOf({ group, version }), time: this.#time() }
  }

  #time(inSeconds = 0): string {
    return timeText(this.#now() + inSeconds * 1000)
  }
}

interface JudgeFacts {
  readonly before?: KubeObject
  readonly more?: readonly StatusCause[]
}

function judge(resource: ApiResource, object: KubeObject, { before, more = [] }: JudgeFacts): readonly string[] {
  const { causes, warnings } = checkObject(resource, object, before)
  const settings = judgeMeshSettings(object)
  const all = [...causes, ...settings.causes, ...more]
  if (all.length > 0) throw refusal(resource, object.metadata.name ?? '', all)
  return [...warnings, ...settings.warnings]
}

function refusal(resource: ApiResource, name: string, causes: readonly StatusCause[]): StatusError {
  return new StatusError(invalid(resource.group, resource.kind, name, causes))
}

function checkIdentity({ resource, namespace, name }: Target, before: KubeObject, sent: KubeObject): void {
  const { metadata } = sent
  if ((metadata.name ?? '') !== name)
    throw new StatusError(badRequest(`the name of the object (${metadata.name ?? ''}) does not match the name on the URL (${name})`))
  const place = metadata.namespace ?? ''
  if (place !== '' && place !== namespace) throw new StatusError(badRequest(otherNamespace(place, namespace)))
  const { resourceVersion = '', uid = '' } = metadata
  if (resourceVersion !== '' && resourceVersion !== before.metadata.resourceVersion) throw new StatusError(conflict(resource, name))
  if (uid === '' || uid === before.metadata.uid) return
  const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid ?? ''}`
  throw new StatusError(conflict(resource, name, why))
}

function checkPreconditions({ resource, name }: Target, { metadata }: KubeObject, { uid, resourceVersion }: Preconditions): void {
  const stale = (what: string, wanted: string, found: string): StatusError =>
    new StatusError(conflict(resource, name, `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`))
  if (uid !== undefined && uid !== metadata.uid) throw stale('UID', uid, metadata.uid ?? '')
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw stale('ResourceVersion', resourceVersion, metadata.resourceVersion ?? '')
}

/** What the mesh cannot be without. */
function isProtected({ resource, name }: Target): boolean {
  return resource.group === '' && resource.kind === 'Namespace' && ['default', 'istio-system', 'kube-system'].includes(name)
}

function otherNamespace(sent: string, asked: string): string {
  return `the namespace of the provided object does not match the namespace sent on the request (${sent} and ${asked})`
}

/** What has a subresource of its own for it does not come with the object. */
function withoutStatus(resource: ApiResource, object: KubeObject): KubeObject {
  if (!resource.subresources.some(({ name }) => name === 'status')) return object
  const { status: _, ...rest } = object
  return { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata }
}

function bodyOf({ metadata: _, status: __, apiVersion: ___, ...body }: KubeObject): typeof body {
  return body
}

function withoutAbsent(metadata: { readonly [field: string]: Json | undefined }): ObjectMeta {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined))
}

/** Kubernetes' letters: none that could spell a word. */
function randomSuffix(): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789'
  return Array.from(randomBytes(5), (byte) => letters[byte % letters.length]).join('')
}
