// Creates the objects of a joined process, or takes them over from one that is known to have ended.
import { type Fields, fieldsOf, SallyportError } from '../base/index.ts'
import { type ApiClient, ApiRefusal } from '../client/index.ts'
import type { PodDescription } from './pod-host.ts'
import { hasEnded, nodeObject, nodeStatus, podObject, processAnnotation } from './pod-objects.ts'

export interface Registered {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly address: string
  /** Seconds that it is given to end, where somebody has deleted it. */
  readonly graceSeconds: number | undefined
  /** Of a Pod that was there before: what its status says of the container that this process is. */
  readonly container: Fields | undefined
}

export interface Registration {
  readonly pod: PodDescription
  /** Of this process. */
  readonly process: string
  /** From a time before. */
  readonly known: Registered | undefined
}

const mostTries = 5
const merge = { method: 'PATCH', contentType: 'application/merge-patch+json' } as const

/** Of this machine, as the server sees it: behind NAT it is another than its own, and the one by which others may reach it. */
export async function seenAddress(client: ApiClient): Promise<string> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const { body } = await client.ask({ path, method: 'POST', body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } })
  const { extra } = fieldsOf(fieldsOf(fieldsOf(body)['status'])['userInfo'])
  const told = fieldsOf(extra)['node.sallyport.dev/address']
  const [address]: readonly unknown[] = Array.isArray(told) ? told : []
  return typeof address === 'string' && address !== '' ? address : client.localAddress
}

/** After its Pod: a workload may tell of a node only that it is on. Why it may not, where another machine has that name: its Pod is none the worse for it. */
export async function registerNode(client: ApiClient, name: string, address: string, now: string): Promise<string | undefined> {
  const path = `/api/v1/nodes/${name}`
  try {
    if ((await client.find(path)) === undefined)
      await tolerating(409, client.ask({ path: '/api/v1/nodes', method: 'POST', body: nodeObject(name) }))
    await client.ask({ path: `${path}/status`, ...merge, body: { status: nodeStatus(name, address, now) } })
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.status !== 403) throw error
    return error.message
  }
  return undefined
}

/** Rejects with SLP6206 when another process is that Pod. */
export async function registerPod(client: ApiClient, registration: Registration): Promise<Omit<Registered, 'address'>> {
  const { pod, process, known } = registration
  const place = `/api/v1/namespaces/${pod.namespace}/pods`
  const name = known?.name ?? pod.name
  for (let tries = 0; tries < mostTries; tries++) {
    const found = await client.find(`${place}/${name}`)
    if (pod.uid !== undefined && fieldsOf(found?.['metadata'])['uid'] !== pod.uid)
      throw new SallyportError('SLP6206', `pod ${pod.namespace}/${pod.name}, for which this was started, is gone`)
    if (found === undefined) {
      const made = await unlessThere(client.ask({ path: place, method: 'POST', body: podObject(pod, process, { name }) }))
      if (made !== undefined) return registeredOf(made)
      continue
    }
    const { uid } = fieldsOf(found['metadata'])
    if (isOurs(found, registration)) return registeredOf(found)
    if (uid === pod.uid) return registeredOf(await claimed(client, `${place}/${name}`, process))
    if (isOver(found)) {
      const body = { gracePeriodSeconds: 0, preconditions: { uid } }
      await tolerating(404, client.ask({ path: `${place}/${name}`, method: 'DELETE', body }))
      continue
    }
    if (!pod.mayRename || known !== undefined) throw inUse(found, pod)
    const { body } = await client.ask({ path: place, method: 'POST', body: podObject(pod, process, { generateName: `${pod.name}-` }) })
    return registeredOf(fieldsOf(body))
  }
  throw new SallyportError('SLP6206', `pod ${pod.namespace}/${pod.name} comes and goes, and cannot be taken over`)
}

function isOurs(found: Fields, { process, known }: Registration): boolean {
  const metadata = fieldsOf(found['metadata'])
  return metadata['uid'] === known?.uid || fieldsOf(metadata['annotations'])[processAnnotation] === process
}

/** A Pod that somebody has applied, for this process to run. */
async function claimed(client: ApiClient, path: string, process: string): Promise<Fields> {
  const { body } = await client.ask({ path: path, ...merge, body: { metadata: { annotations: { [processAnnotation]: process } } } })
  return fieldsOf(body)
}

/** Its process has ended, or nobody has heard of it for long. */
function isOver(found: Fields): boolean {
  const { phase, reason } = fieldsOf(found['status'])
  if (phase === 'Succeeded' || phase === 'Failed' || reason === 'NodeLost') return true
  return hasEnded(fieldsOf(fieldsOf(found['metadata'])['annotations'])[processAnnotation])
}

function inUse(found: Fields, { namespace, name }: PodDescription): SallyportError {
  const node = fieldsOf(found['spec'])['nodeName']
  return new SallyportError('SLP6206', `pod ${namespace}/${name} runs already, on node ${String(node)}`, {
    fix: `choose another --name, or end that one: sallyport rm -n ${namespace} ${name}`,
  })
}

function registeredOf(body: Fields): Omit<Registered, 'address'> {
  const { name, uid, resourceVersion, deletionTimestamp, deletionGracePeriodSeconds } = fieldsOf(body['metadata'])
  const graceSeconds = deletionTimestamp === undefined ? undefined : Number(deletionGracePeriodSeconds ?? 0)
  const statuses = fieldsOf(body['status'])['containerStatuses']
  const container = Array.isArray(statuses) && statuses[0] !== undefined ? fieldsOf(statuses[0]) : undefined
  return { name: String(name), uid: String(uid), resourceVersion: String(resourceVersion), graceSeconds, container }
}

/** Undefined when somebody else was first. */
async function unlessThere(asking: ReturnType<ApiClient['ask']>): Promise<Fields | undefined> {
  try {
    return fieldsOf((await asking).body)
  } catch (error) {
    if (error instanceof ApiRefusal && error.reason === 'AlreadyExists') return undefined
    throw error
  }
}

async function tolerating(status: number, asking: Promise<unknown>): Promise<void> {
  try {
    await asking
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.status !== status) throw error
  }
}
