// Writes back into the objects of Istio's kinds what became of them, seldom and only where it differs.
import { timeText } from '../base/index.ts'
import { isJsonList, isJsonObject, isSameJson, type JsonObject, type KubeObject, resources, StatusError } from '../kube/index.ts'
import { type ObjectKey, type ObjectStore, RevisionConflict, StorageFailure, type Stored } from '../store/index.ts'
import { ObjectWriter } from './object-writer.ts'
import { objectOf, storeNameOf } from './stored-objects.ts'

export interface StatusFields {
  readonly condition: { readonly type: string; readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }
  /** Beside the conditions; one that is undefined is taken away. */
  readonly fields: JsonObject
}

export interface StatusKeeperParts {
  readonly store: ObjectStore
  readonly now: () => number
  /** Of every object as it is now; undefined while that is not known. */
  readonly statusNow: () => ((key: ObjectKey) => StatusFields) | undefined
  /** Told what nobody foresaw. */
  readonly report: (error: unknown) => void
}

/** Beyond so many, every change could make every one of them be written; what is found is then told by `analyze` alone. */
const mostObjects = 1000
/** From one look to the next. */
const EVERY_MS = 1000
/** At one look; what is left waits for the next. */
const mostWrites = 100

export class StatusKeeper {
  readonly #parts: StatusKeeperParts
  readonly #writer: ObjectWriter
  readonly #stop: () => void
  #timer: NodeJS.Timeout | undefined
  #isAskedAgain = false
  #isClosed = false

  constructor(parts: StatusKeeperParts) {
    this.#parts = parts
    const { store, now } = parts
    this.#writer = new ObjectWriter(store, now)
    this.#stop = store.watch(store.revision, ({ key, after }) => {
      if (after !== undefined && byName.has(key.resource)) this.notice()
    })
  }

  /** Something may be known now that was not known before. */
  notice(): void {
    this.#isAskedAgain = true
    if (this.#isClosed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.#look(), EVERY_MS).unref()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#stop()
  }

  async #look(): Promise<void> {
    this.#isAskedAgain = false
    try {
      await Promise.all(this.#due().map(({ stored, wanted }) => this.#write(stored, wanted)))
    } catch (error) {
      if (!this.#isClosed) this.#parts.report(error)
    }
    this.#timer = undefined
    if (this.#isAskedAgain) this.notice()
  }

  #due(): readonly { readonly stored: Stored; readonly wanted: StatusFields }[] {
    const { store, statusNow } = this.#parts
    const names = Array.from(byName.keys())
    if (names.reduce((sum, name) => sum + store.count(name), 0) > mostObjects) return []
    const statusOf = statusNow()
    if (statusOf === undefined) return []
    const all = names.flatMap((name) => store.list(name).items).map((stored) => ({ stored, wanted: statusOf(stored.key) }))
    const due = all.filter(({ stored, wanted }) => !isTold(decoded(stored), wanted))
    if (due.length > mostWrites) this.#isAskedAgain = true
    return due.slice(0, mostWrites)
  }

  async #write(stored: Stored, wanted: StatusFields): Promise<void> {
    const { namespace, name, resource: place } = stored.key
    const resource = byName.get(place)
    if (resource === undefined) return
    const { generation, uid } = decoded(stored).metadata
    const target = { resource, version: resource.versions[0] ?? '', namespace, name }
    // What was found is not about the object that somebody has made of it meanwhile.
    const change = (before: KubeObject): { object: KubeObject; warnings: readonly string[] } => {
      const isIt = before.metadata.generation === generation && before.metadata.uid === uid
      return { object: isIt ? { ...before, status: statusOf(before, wanted, this.#parts.now()) } : before, warnings: [] }
    }
    try {
      await this.#writer.change(target, change, { isDryRun: false, isStatus: true, manager: 'sallyport' })
    } catch (error) {
      if (error instanceof StatusError) return
      if (!(error instanceof RevisionConflict || error instanceof StorageFailure)) throw error
      this.#isAskedAgain = true
    }
  }
}

const byName = new Map(resources.filter(({ custom }) => custom).map((resource) => [storeNameOf(resource), resource]))

function decoded(stored: Stored): KubeObject {
  const resource = byName.get(stored.key.resource)
  if (resource === undefined) throw new Error(`${stored.key.resource} have no status`)
  return objectOf(stored, resource, resource.versions[0] ?? '')
}

function isTold(object: KubeObject, { condition, fields }: StatusFields): boolean {
  const status = isJsonObject(object['status']) ? object['status'] : {}
  const wanted = { ...fields, observedGeneration: object.metadata.generation }
  const known = conditionsOf(status).find(({ type }) => type === condition.type)
  if (known === undefined || known['observedGeneration'] !== object.metadata.generation) return false
  const same = (a: JsonObject, b: JsonObject): boolean => Object.keys(b).every((name) => isSameJson(a[name], b[name]))
  return same(status, wanted) && same(known, condition)
}

/** What others have written beside it stays. */
function statusOf({ metadata, ...object }: KubeObject, { condition, fields }: StatusFields, now: number): JsonObject {
  const status = isJsonObject(object['status']) ? object['status'] : {}
  const all = conditionsOf(status)
  const known = all.find(({ type }) => type === condition.type)
  const since = known?.['status'] === condition.status ? known['lastTransitionTime'] : undefined
  const { generation: observedGeneration } = metadata
  const told = { ...condition, observedGeneration, lastTransitionTime: since ?? timeText(now) }
  const conditions = [...all.filter(({ type }) => type !== condition.type), told]
  return { ...status, ...fields, observedGeneration, conditions }
}

function conditionsOf({ conditions }: JsonObject): readonly JsonObject[] {
  return isJsonList(conditions) ? conditions.filter(isJsonObject) : []
}
