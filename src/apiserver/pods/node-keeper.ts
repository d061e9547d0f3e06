// Looks after the Nodes of joined processes: says when nobody has been in touch from one for a while, and takes it away long after, when no Pod is on it.
import { timeText } from '../../base/index.ts'
import { fieldAtPath, findKind, isJsonList, isJsonObject, type JsonObject, type KubeObject } from '../../kube/index.ts'
import type { Stored } from '../../store/index.ts'
import { objectOf } from '../stored-objects.ts'
import { nodeOf } from './pod-grace.ts'
import { type PodKeeperParts, quietly } from './pod-keeper.ts'
import type { PodLinks } from './pod-links.ts'

export type NodeKeeperParts = Omit<PodKeeperParts, 'links'> & { readonly links: Pick<PodLinks, 'has'> }

const LOOK_MS = 1000
/** As joined processes and this keeper say it; Nodes that somebody has made in another way are none of its own. */
const joined = 'SallyportJoined'
const unknown = 'NodeStatusUnknown'

export class NodeKeeper {
  readonly #parts: NodeKeeperParts
  readonly #timer: NodeJS.Timeout
  /** Since when nobody has been in touch from a Node: from the start of this server on at the earliest. */
  readonly #away = new Map<string, number>()
  readonly #nodes = new WeakMap<Stored, string>()
  #isLooking = false

  constructor(parts: NodeKeeperParts) {
    this.#parts = parts
    this.#timer = setInterval(() => void this.#look().catch(parts.report), LOOK_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { items } = this.#parts.store.list('nodes')
    if (this.#isLooking || items.length === 0) return
    this.#isLooking = true
    try {
      const { hasPods, inTouch } = this.#busy()
      const there = new Set(items.map(({ key }) => key.name))
      for (const name of this.#away.keys()) if (!there.has(name) || inTouch.has(name)) this.#away.delete(name)
      for (const stored of items)
        await this.#judge(stored, { hasPods: hasPods.has(stored.key.name), isInTouch: inTouch.has(stored.key.name) })
    } finally {
      this.#isLooking = false
    }
  }

  #busy(): { readonly hasPods: ReadonlySet<string>; readonly inTouch: ReadonlySet<string> } {
    const { store, links, node } = this.#parts
    const hasPods = new Set<string>()
    // This server itself looks after its own.
    const inTouch = new Set(node === undefined ? [] : [node])
    for (const stored of store.list('pods').items) {
      const name = this.#nodeOf(stored)
      hasPods.add(name)
      if (links.has(stored.key.namespace, stored.key.name)) inTouch.add(name)
    }
    return { hasPods, inTouch }
  }

  #nodeOf(stored: Stored): string {
    const known = this.#nodes.get(stored)
    if (known !== undefined) return known
    const pod: KubeObject = JSON.parse(stored.value.toString())
    const name = nodeOf(pod)
    this.#nodes.set(stored, name)
    return name
  }

  async #judge(stored: Stored, { hasPods, isInTouch }: { readonly hasPods: boolean; readonly isInTouch: boolean }): Promise<void> {
    const resource = findKind('', 'Node')
    if (resource === undefined) return
    const node = objectOf(stored, resource, 'v1')
    const reason = readyOf(node)?.['reason']
    if (reason !== joined && reason !== unknown) return
    const { writer, limits } = this.#parts
    const { name } = stored.key
    const target = { resource, version: 'v1', namespace: '', name }
    const options = { isDryRun: false, isStatus: true, manager: 'sallyport' }
    const say = (isReady: boolean): Promise<void> =>
      quietly(writer.change(target, (before) => ({ object: withReady(before, isReady), warnings: [] }), options))
    if (isInTouch) return reason === unknown ? say(true) : undefined
    const now = performance.now()
    const since = this.#away.get(name) ?? now
    this.#away.set(name, since)
    if (now - since > limits.nodeRemovedMs && !hasPods)
      await quietly(writer.delete(target, { uid: node.metadata.uid ?? '' }, { isDryRun: false, graceSeconds: 0 }))
    else if (now - since > limits.lostMs && reason === joined) await say(false)
  }
}

function readyOf(node: KubeObject): JsonObject | undefined {
  return conditionsOf(node).find(({ type }) => type === 'Ready')
}

function conditionsOf(node: KubeObject): readonly JsonObject[] {
  const conditions = fieldAtPath(node, ['status', 'conditions'])
  return isJsonList(conditions) ? conditions.filter(isJsonObject) : []
}

/** In the words of Kubernetes' own controller where it knows nothing. */
function withReady(node: KubeObject, isReady: boolean): KubeObject {
  const status = isJsonObject(node['status']) ? node['status'] : {}
  const told = isReady
    ? { status: 'True', reason: joined, message: 'a process of this node is in touch', lastHeartbeatTime: timeText() }
    : { status: 'Unknown', reason: unknown, message: 'no process of this node is in touch' }
  const ready = { ...readyOf(node), type: 'Ready', ...told, lastTransitionTime: timeText() }
  return { ...node, status: { ...status, conditions: [...conditionsOf(node).filter(({ type }) => type !== 'Ready'), ready] } }
}
