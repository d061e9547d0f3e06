// Keeps EndpointSlices and Endpoints as Services and Pods have them: what has to do with a change is worked out again, and written where it differs.
import { findResource, isComputed, type KubeObject, type ApiResource, StatusError } from '../../kube/index.ts'
import { type Change, type ObjectStore, RevisionConflict, StorageFailure, type Stored } from '../../store/index.ts'
import type { ObjectWriter, Target } from '../object-writer.ts'
import { objectOf, storeNameOf } from '../stored-objects.ts'
import { behindText } from './pod-behind.ts'
import { selectorOf, serviceNameLabel, whatIsBehind } from './service-endpoints.ts'

export interface EndpointsKeeperParts {
  readonly store: ObjectStore
  readonly writer: ObjectWriter
  /** Told what nobody foresaw. */
  readonly report: (error: unknown) => void
}

/** Changes are awaited for so long, so that those of one moment are written once. */
const GATHER_MS = 100
/** What could not be written is tried again after so long. */
const AGAIN_MS = 2000
/** At a time: so many share what writing costs. */
const MOST_AT_ONCE = 16

export class EndpointsKeeper {
  readonly #store: ObjectStore
  readonly #writer: ObjectWriter
  readonly #report: (error: unknown) => void
  readonly #stop: () => void
  /** `NAMESPACE/NAME` of Services that have to be looked at. */
  readonly #due = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isWorking = false
  #isClosed = false

  constructor({ store, writer, report }: EndpointsKeeperParts) {
    this.#store = store
    this.#writer = writer
    this.#report = report
    for (const resource of [services, endpoints, slices])
      for (const stored of store.list(storeNameOf(resource)).items) this.#look(stored.key.namespace, serviceOf(stored))
    this.#stop = store.watch(store.revision, (change) => this.#notice(change))
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#stop()
  }

  #notice({ key, before, after }: Change): void {
    const versions = [before, after].filter((one) => one !== undefined)
    if (key.resource === 'pods') this.#noticePod(key.namespace, versions)
    else if (names.has(key.resource)) for (const stored of versions) this.#look(key.namespace, serviceOf(stored))
  }

  /** Its status is written often, and seldom what matters here. */
  #noticePod(namespace: string, versions: readonly Stored[]): void {
    const seen = versions.map((stored) => objectOf(stored, pods, 'v1'))
    if (seen.length === 2 && new Set(seen.map(behindText)).size === 1) return
    for (const service of this.#store.list('services', { namespace }).items) {
      const selector = selectorOf(objectOf(service, services, 'v1'))
      if (selector !== undefined && seen.some((pod) => isChosen(pod, selector))) this.#look(namespace, service.key.name)
    }
  }

  #look(namespace: string, service: string | undefined): void {
    if (service === undefined) return
    this.#due.add(`${namespace}/${service}`)
    this.#wait(GATHER_MS)
  }

  #wait(ms: number): void {
    if (this.#isWorking || this.#isClosed) return
    this.#timer ??= setTimeout(() => void this.#work(), ms).unref()
  }

  async #work(): Promise<void> {
    this.#timer = undefined
    this.#isWorking = true
    const failed: string[] = []
    while (this.#due.size > 0 && !this.#isClosed) {
      const some = Array.from(this.#due).slice(0, MOST_AT_ONCE)
      for (const one of some) this.#due.delete(one)
      const done = await Promise.all(some.map((one) => this.#settle(one)))
      failed.push(...some.filter((_, i) => done[i] === false))
    }
    this.#isWorking = false
    for (const one of failed) this.#due.add(one)
    if (failed.length > 0) this.#wait(AGAIN_MS)
  }

  /** False when it has to be tried again. */
  async #settle(place: string): Promise<boolean> {
    const [namespace = '', name = ''] = place.split('/')
    try {
      await this.#write(namespace, name)
      return true
    } catch (error) {
      if (this.#isClosed) return true
      // A namespace that is on its way out takes nothing new.
      if (error instanceof StatusError) return error.status.code === 403
      if (error instanceof RevisionConflict || error instanceof StorageFailure) return false
      this.#report(error)
      return true
    }
  }

  async #write(namespace: string, name: string): Promise<void> {
    const stored = this.#store.get({ resource: 'services', namespace, name })
    const service = stored && objectOf(stored, services, 'v1')
    const selector = service && selectorOf(service)
    const wanted = service && selector && whatIsBehind(service, this.#chosen(namespace, selector))
    const known = this.#store.list(storeNameOf(slices), { namespace }).items.filter((slice) => serviceOf(slice) === name && isOurs(slice))
    for (const slice of wanted?.slices ?? []) await this.#put(slices, slice)
    for (const { key } of known)
      if (wanted?.slices.some(({ metadata }) => metadata.name === key.name) !== true) await this.#drop(targetOf(slices, key))
    const target = targetOf(endpoints, { namespace, name })
    const old = this.#store.get({ resource: 'endpoints', namespace, name })
    if (wanted !== undefined) await this.#put(endpoints, wanted.endpoints)
    else if (old !== undefined && isOurs(old)) await this.#drop(target)
  }

  #chosen(namespace: string, selector: NonNullable<ReturnType<typeof selectorOf>>): readonly KubeObject[] {
    const all = this.#store.list('pods', { namespace }).items.map((stored) => objectOf(stored, pods, 'v1'))
    return all.filter((pod) => isChosen(pod, selector))
  }

  /** Writes nothing where it is right already. */
  async #put(resource: ApiResource, wanted: KubeObject): Promise<void> {
    const { namespace = '', name = '', labels = {}, ownerReferences } = wanted.metadata
    const target = targetOf(resource, { namespace, name })
    const stored = this.#store.get({ resource: storeNameOf(resource), namespace, name })
    if (stored === undefined) {
      await this.#writer.create(target, wanted, { isDryRun: false, manager })
      return
    }
    // A slice that somebody else has called so is theirs.
    if (resource === slices && !isOurs(stored)) return
    const change = ({ metadata }: KubeObject): { object: KubeObject; warnings: readonly string[] } => {
      const owners = ownerReferences === undefined ? {} : { ownerReferences }
      return { object: { ...wanted, metadata: { ...metadata, labels, ...owners } }, warnings: [] }
    }
    await this.#writer.change(target, change, { isDryRun: false, isStatus: false, manager })
  }

  async #drop(target: Target): Promise<void> {
    await this.#writer.delete(target, {}, { isDryRun: false })
  }
}

const manager = 'sallyport'

function served(group: string, plural: string): ApiResource {
  const resource = findResource(group, 'v1', plural)
  if (resource === undefined) throw new Error(`${plural} are not served`)
  return resource
}

const [pods, services, endpoints] = [served('', 'pods'), served('', 'services'), served('', 'endpoints')]
const slices = served('discovery.k8s.io', 'endpointslices')
const names = new Set([services, endpoints, slices].map(storeNameOf))

function targetOf(resource: ApiResource, { namespace, name }: { readonly namespace: string; readonly name: string }): Target {
  return { resource, version: 'v1', namespace, name }
}

/** Services and Endpoints share their names; a slice says whose it is. */
function serviceOf(stored: Stored): string | undefined {
  return stored.key.resource === storeNameOf(slices) ? objectOf(stored, slices, 'v1').metadata.labels?.[serviceNameLabel] : stored.key.name
}

function isOurs(stored: Stored): boolean {
  const resource = stored.key.resource === 'endpoints' ? endpoints : slices
  return isComputed(objectOf(stored, resource, 'v1').metadata.labels)
}

function isChosen({ metadata: { labels = {} } }: KubeObject, selector: NonNullable<ReturnType<typeof selectorOf>>): boolean {
  return Object.entries(selector).every(([label, value]) => Object.hasOwn(labels, label) && labels[label] === value)
}
