// Looks after the Pods whose processes are out of touch: says so after a while, and takes them away when nobody has come back for them.
import { timeText } from '../../base/index.ts'
import { fieldAtPath, findKind, isJsonList, isJsonObject, type JsonObject, type KubeObject, StatusError } from '../../kube/index.ts'
import { type ObjectStore, RevisionConflict, StorageFailure, type Stored } from '../../store/index.ts'
import type { ObjectWriter } from '../object-writer.ts'
import { objectOf } from '../stored-objects.ts'
import { runnerOf } from '../node-admission.ts'
import { nodeOf } from './pod-grace.ts'
import type { PodLinks } from './pod-links.ts'

export interface PodLimits {
  /** Milliseconds out of touch after which a Pod is not ready, */
  readonly lostMs: number
  /** and after which it is taken away. */
  readonly removedMs: number
  /** The same for a Node, when no Pod is on it. */
  readonly nodeRemovedMs: number
  /** How long an Event is kept after it was told last. */
  readonly eventMs: number
}

export const usualPodLimits: PodLimits = { lostMs: 40_000, removedMs: 300_000, nodeRemovedMs: 3_600_000, eventMs: 3_600_000 }

export interface PodKeeperParts {
  readonly store: ObjectStore
  readonly writer: ObjectWriter
  readonly links: PodLinks
  readonly limits: PodLimits
  /** Told what nobody foresaw. */
  readonly report: (error: unknown) => void
  /** Pods that are run by the server itself on this node are in good hands. */
  readonly node?: string | undefined
}

const LOOK_MS = 1000
const EVENTS_MS = 60_000

export class PodKeeper {
  readonly #store: ObjectStore
  readonly #writer: ObjectWriter
  readonly #links: PodLinks
  readonly #limits: PodLimits
  readonly #node: string | undefined
  readonly #timers: readonly NodeJS.Timeout[]
  #isLooking = false

  constructor({ store, writer, links, limits, report, node }: PodKeeperParts) {
    this.#node = node
    this.#store = store
    this.#writer = writer
    this.#links = links
    this.#limits = limits
    this.#timers = [
      setInterval(() => void this.#look().catch(report), LOOK_MS).unref(),
      setInterval(() => void this.#dropEvents().catch(report), EVENTS_MS).unref(),
    ]
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const { items } = this.#store.list('pods')
      this.#links.keepOnly(new Set(items.map(({ key }) => `${key.namespace}/${key.name}`)))
      for (const stored of items) await this.#judge(stored)
    } finally {
      this.#isLooking = false
    }
  }

  async #judge(stored: Stored): Promise<void> {
    const { namespace, name } = stored.key
    const resource = findKind('', 'Pod')
    if (resource === undefined || this.#links.has(namespace, name)) return
    const pod = objectOf(stored, resource, 'v1')
    const runner = runnerOf(pod)
    if (nodeOf(pod) === '' || (runner !== undefined && runner === this.#node)) return
    const created = Date.parse(pod.metadata.creationTimestamp ?? '')
    const awayMs = this.#links.awayMs(namespace, name, Date.now() - created)
    const target = { resource, version: 'v1', namespace, name }
    if (awayMs > this.#limits.removedMs || (awayMs > this.#limits.lostMs && isOverdue(pod))) {
      await quietly(this.#writer.delete(target, { uid: pod.metadata.uid ?? '' }, { isDryRun: false, graceSeconds: 0 }))
      this.#links.forget(namespace, name)
    } else if (awayMs > this.#limits.lostMs && !isLost(pod)) {
      const options = { isDryRun: false, isStatus: true, manager: 'sallyport' }
      await quietly(this.#writer.change(target, (before) => ({ object: lost(before), warnings: [] }), options))
    }
  }

  async #dropEvents(): Promise<void> {
    const resource = findKind('', 'Event')
    if (resource === undefined) return
    for (const stored of this.#store.list('events').items) {
      const { lastTimestamp, eventTime, metadata } = objectOf(stored, resource, 'v1')
      const told = [lastTimestamp, eventTime, metadata.creationTimestamp].find((time) => typeof time === 'string')
      if (Date.now() - Date.parse(String(told)) < this.#limits.eventMs) continue
      await quietly(this.#store.commit([{ key: stored.key, expected: stored.revision }]))
    }
  }
}

/** It was to be gone by now. */
function isOverdue({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) < Date.now()
}

function isLost(pod: KubeObject): boolean {
  return fieldAtPath(pod, ['status', 'reason']) === 'NodeLost'
}

function lost(pod: KubeObject): KubeObject {
  const status = isJsonObject(pod['status']) ? pod['status'] : {}
  const conditions = isJsonList(status['conditions']) ? status['conditions'].filter(isJsonObject) : []
  const message = 'the process of this pod is out of touch'
  const ready: JsonObject = { type: 'Ready', status: 'Unknown', reason: 'NodeLost', message, lastTransitionTime: timeText() }
  const others = conditions.filter(({ type }) => type !== 'Ready')
  return { ...pod, status: { ...status, reason: 'NodeLost', message, conditions: [...others, ready] } }
}

/** Whoever was first has decided; what cannot be written now is looked at again. */
export async function quietly(writing: Promise<unknown>): Promise<void> {
  await writing.catch((error: unknown) => {
    if (!(error instanceof StatusError || error instanceof RevisionConflict || error instanceof StorageFailure)) throw error
  })
}
