// Says what a workload may not make of its own Pods, and of the Node that it is on: other addresses than its own, other labels, and Nodes of others.
import { networkInterfaces } from 'node:os'
import { type Ip, parseIp } from '../../base/index.ts'
import { fieldAtPath, isJsonList, isJsonObject, isSameJson, type KubeObject } from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import { isPodOf } from './own-pods.ts'
import type { ServiceAccountName } from './user.ts'

/** Becomes of `before`, asked from an address. */
interface Change {
  readonly workload: ServiceAccountName
  readonly from: string
  readonly before: KubeObject | undefined
  readonly after: KubeObject
}

export class WorkloadRules {
  readonly #store: ObjectStore

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** Undefined when it may. */
  whyNot(change: Change): string | undefined {
    if (change.after.kind === 'Node') return this.#nodeFault(change)
    return change.after.kind === 'Pod' ? podFault(change) : undefined
  }

  #nodeFault({ workload, from, before, after }: Change): string | undefined {
    const pods = this.#podsOn(after.metadata.name ?? '')
    if (!pods.some((pod) => isPodOf(workload, pod))) return 'no Pod of this service account is on this node'
    const wrong = strange(internalAddresses(after), from)
    if (wrong !== undefined) return notItsAddress(wrong, from)
    const isElsewhere = before !== undefined && strange(internalAddresses(before), from) !== undefined
    if (!isElsewhere || pods.every((pod) => isPodOf(workload, pod))) return undefined
    return 'Pods of others are on this node, which has another address: choose another --node-name'
  }

  #podsOn(node: string): readonly KubeObject[] {
    const all = this.#store.list('pods').items.map(({ value }): KubeObject => JSON.parse(value.toString()))
    return all.filter((pod) => fieldAtPath(pod, ['spec', 'nodeName']) === node)
  }
}

function podFault({ from, before, after }: Change): string | undefined {
  if (before === undefined) return undefined
  if (!isSameJson(before.metadata.labels ?? {}, after.metadata.labels ?? {}))
    return 'a workload has the labels that its Pod was made with: whoever selects it relies on them'
  const known = new Set(podAddresses(before))
  const wrong = strange(
    podAddresses(after).filter((address) => !known.has(address)),
    from,
  )
  return wrong === undefined ? undefined : notItsAddress(wrong, from)
}

function notItsAddress(wrong: string, from: string): string {
  return `${wrong} is not the address that it connects from, which is ${from}`
}

function podAddresses(pod: KubeObject): readonly string[] {
  const list = fieldAtPath(pod, ['status', 'podIPs'])
  const more = isJsonList(list) ? list.map((one) => (isJsonObject(one) ? one['ip'] : undefined)) : []
  return [fieldAtPath(pod, ['status', 'podIP']), fieldAtPath(pod, ['status', 'hostIP']), ...more].filter((one) => typeof one === 'string')
}

function internalAddresses(node: KubeObject): readonly string[] {
  const list = fieldAtPath(node, ['status', 'addresses'])
  const all = isJsonList(list) ? list.filter(isJsonObject) : []
  // A host name is for people.
  return all.filter(({ type }) => type !== 'Hostname').flatMap(({ address }) => (typeof address === 'string' ? [address] : []))
}

/** One that is not an address of who connects from there. Whoever is on the server's own machine has all addresses of that. */
function strange(addresses: readonly string[], from: string): string | undefined {
  const own = new Set([from, ...(isLoopback(from) ? machineAddresses() : [])].map(canonical))
  return addresses.find((address) => canonical(address) === undefined || !own.has(canonical(address)))
}

function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}

function isLoopback(address: string): boolean {
  return /^(127\.|::1$)/.test(address)
}

/** Undefined for what is no address, and so nobody's. */
function canonical(text: string): Ip | undefined {
  return parseIp(plainAddress(text))
}

/** As the kernel names whoever connects to a socket of both families, and without the interface. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
}
