// Joins what the server has to do with Pods that run somewhere: their links, sessions with them, the endpoints of Services, and what becomes of those that are out of touch.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { findKind, type KubeObject, methodNotAllowed, notFound, StatusError } from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import type { Authorizer } from '../access/authorizer.ts'
import { type NodeAdmission, runnerOf } from '../node-admission.ts'
import { ObjectWriter } from '../object-writer.ts'
import { isTrue } from '../query.ts'
import type { ResourceRequest } from '../resource-requests.ts'
import type { User } from '../access/user.ts'
import { objectOf } from '../stored-objects.ts'
import { EndpointsKeeper } from './endpoints-keeper.ts'
import { answerLog, streamLog } from './log-answer.ts'
import { NodeKeeper } from './node-keeper.ts'
import { PodKeeper, type PodLimits, usualPodLimits } from './pod-keeper.ts'
import { PodLinks } from './pod-links.ts'
import { execRequest, logRequest, previousNotFound, refuseOthers } from './pod-requests.ts'
import { PodSessions } from './pod-sessions.ts'
import { Upgrades } from './upgrades.ts'

export interface PodServiceParts {
  readonly store: ObjectStore
  readonly now: () => number
  readonly limits?: Partial<PodLimits> | undefined
  readonly report: (error: unknown) => void
  readonly authorizer: Authorizer
  /** Of those Pods that the server itself looks after. */
  readonly nodePods?: Pick<NodeAdmission, 'node' | 'keptLog'> | undefined
}

export class PodService {
  readonly #writer: ObjectWriter
  readonly #links = new PodLinks()
  readonly #sessions = new PodSessions(this.#links)
  readonly #upgrades: Upgrades
  readonly #keepers: readonly { close(): void }[]
  readonly #endpoints: EndpointsKeeper
  readonly #nodePods: PodServiceParts['nodePods']

  constructor({ store, now, limits, report, authorizer, nodePods }: PodServiceParts) {
    this.#nodePods = nodePods
    this.#writer = new ObjectWriter(store, now)
    const keeping = {
      store,
      writer: this.#writer,
      links: this.#links,
      limits: { ...usualPodLimits, ...limits },
      report,
      node: nodePods?.node,
    }
    this.#keepers = [new PodKeeper(keeping), new NodeKeeper(keeping)]
    this.#endpoints = new EndpointsKeeper({ store, writer: this.#writer, report })
    this.#upgrades = new Upgrades({
      links: this.#links,
      sessions: this.#sessions,
      authorizer,
      podAt: (namespace, name) => this.#podAt(namespace, name),
    })
  }

  /** Whether what is asked for is below a Pod, and not a field of it. */
  isAbout({ path: { resource, subresource } }: Pick<ResourceRequest, 'path'>): boolean {
    return resource.kind === 'Pod' && resource.group === '' && subresource !== '' && subresource !== 'status'
  }

  /** Resolves when the answer has begun, which is a stream. Rejects with a StatusError. */
  async answer({ path, query, message, response, rights }: ResourceRequest): Promise<undefined> {
    const { namespace, name, subresource } = path
    const pod = this.#podAt(namespace, name)
    if (!rights.sees(pod)) throw new StatusError(notFound(path.resource, name))
    refuseOthers(subresource, 'exec', 'log')
    // Everything else about exec is said to who asks for it in the right way.
    if (subresource === 'exec') execRequest(pod, subresource, query)
    if (subresource === 'exec' || message.method !== 'GET') throw new StatusError(methodNotAllowed(path.resource))
    const wanted = logRequest(pod, query)
    const kept = this.#keptLog(pod, isTrue(query, 'previous'), wanted)
    if (kept !== undefined) answerLog(response, kept)
    else streamLog(response, await this.#sessions.open(namespace, name, wanted))
    return undefined
  }

  /** Of a run that has ended; undefined when there is a process to ask. */
  #keptLog(pod: KubeObject, isPrevious: boolean, wanted: Readonly<Record<string, unknown>>): Buffer | undefined {
    const { namespace = '', name = '' } = pod.metadata
    const isOurs = this.#nodePods !== undefined && runnerOf(pod) === this.#nodePods.node
    const keptOf = (run: 'last' | 'previous'): Buffer | undefined => (isOurs ? this.#nodePods?.keptLog(pod, run, wanted) : undefined)
    if (!isPrevious) return this.#links.has(namespace, name) ? undefined : keptOf('last')
    const kept = keptOf('previous')
    if (kept === undefined) throw previousNotFound(pod)
    return kept
  }

  upgrade(who: () => User | undefined, message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return this.#upgrades.take(who, message, socket, head)
  }

  close(): void {
    this.#endpoints.close()
    for (const keeper of this.#keepers) keeper.close()
    this.#sessions.close()
    this.#links.close()
  }

  #podAt(namespace: string, name: string): KubeObject {
    const resource = findKind('', 'Pod')
    if (resource === undefined) throw new Error('Pods are not served')
    return objectOf(this.#writer.get({ resource, version: 'v1', namespace, name }), resource, 'v1')
  }
}
