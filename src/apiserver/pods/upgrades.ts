// Takes WebSockets: the link of a joined process, the sessions that it opens, and those of clients who execute something in its Pod.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  badRequest,
  fieldAtPath,
  forbiddenBecause,
  type KubeObject,
  noSuchPath,
  notFound,
  type ResourceName,
  StatusError,
  type Status,
  unauthorized,
} from '../../kube/index.ts'
import type { Authorizer } from '../access/authorizer.ts'
import { plainAddress } from '../access/workload-rules.ts'
import { administrators, type User, workloadOf } from '../access/user.ts'
import { readResourcePath, type ResourcePath } from '../request-path.ts'
import { attributesOf } from '../request-verb.ts'
import { type PodLinks, linkProtocol } from './pod-links.ts'
import { execRequest } from './pod-requests.ts'
import type { PodSessions } from './pod-sessions.ts'
import { relay } from './relay.ts'

export interface UpgradeParts {
  readonly links: PodLinks
  readonly sessions: PodSessions
  readonly authorizer: Authorizer
  /** Throws a StatusError where there is none. */
  readonly podAt: (namespace: string, name: string) => KubeObject
}

/** In the order of preference; they differ in what ends standard input. */
const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const [sessionProtocol = ''] = execProtocols
/** Frames of clients are a few tens of kilobytes. */
const largestFrame = 4 * 1024 * 1024
const pods: ResourceName = { group: '', plural: 'pods' }
const linkPath = /^\/apis\/node\.sallyport\.dev\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/link(?:\/([\da-f]{32}))?$/

export class Upgrades {
  readonly #parts: UpgradeParts
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: largestFrame,
    perMessageDeflate: false,
    handleProtocols: (offered) => [linkProtocol, ...execProtocols].find((protocol) => offered.has(protocol)) ?? false,
  })

  constructor(parts: UpgradeParts) {
    this.#parts = parts
  }

  /** Rejects with a StatusError when it is refused; then nothing was written. */
  async take(who: () => User | undefined, message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const user = who()
    if (user === undefined) throw new StatusError(unauthorized())
    const [path = '', search = ''] = (message.url ?? '').split('?', 2)
    const accept = (): Promise<WebSocket> => this.#accept(message, socket, head)
    const [, namespace, name, session] = linkPath.exec(path) ?? []
    if (namespace !== undefined && name !== undefined) return this.#link({ who, namespace, name, session }, message, accept)
    const place = readResourcePath(path)
    if (place?.resource.kind !== 'Pod' || place.subresource === '') throw new StatusError(noSuchPath())
    const query = new URLSearchParams(search)
    const rights = this.#parts.authorizer.rightsTo(
      user,
      attributesOf(message.method ?? '', place, query),
      plainAddress(message.socket.remoteAddress),
    )
    const pod = this.#parts.podAt(place.namespace, place.name)
    if (!rights.sees(pod)) throw new StatusError(notFound(pods, place.name))
    await this.#exec(place, execRequest(pod, place.subresource, query), message, accept)
  }

  async #link(
    { who, namespace, name, session }: { who: () => User | undefined; namespace: string; name: string; session: string | undefined },
    message: IncomingMessage,
    accept: () => Promise<WebSocket>,
  ): Promise<void> {
    const { links, sessions, podAt } = this.#parts
    const pod = podAt(namespace, name)
    if (!isProcessOf(who(), pod))
      throw new StatusError(forbiddenBecause(pods, name, `${who()?.name ?? ''} is not the service account of this pod`))
    const mayStay = (): boolean => this.#isThere(pod) && isProcessOf(who(), pod)
    requireProtocol(message, session === undefined ? [linkProtocol] : [sessionProtocol])
    if (session === undefined) return links.attach({ namespace, name }, { socket: await accept(), mayStay })
    if (!sessions.isWanted(namespace, name, session)) throw new StatusError(badRequest('nobody waits for this session'))
    sessions.pickUp(session, await accept())
  }

  /** Another Pod of its name may be another's. */
  #isThere({ metadata: { namespace = '', name = '', uid } }: KubeObject): boolean {
    try {
      return this.#parts.podAt(namespace, name).metadata.uid === uid
    } catch (error) {
      if (error instanceof StatusError) return false
      throw error
    }
  }

  async #exec(
    { namespace, name }: ResourcePath,
    request: ReturnType<typeof execRequest>,
    message: IncomingMessage,
    accept: () => Promise<WebSocket>,
  ): Promise<void> {
    requireProtocol(message, execProtocols)
    const node = await this.#parts.sessions.open(namespace, name, request)
    try {
      relay(await accept(), node)
      node.resume()
    } catch (error) {
      node.terminate()
      throw error
    }
  }

  #accept(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new StatusError(badRequest('the client has gone, or cannot begin a WebSocket')))
      if (socket.destroyed) return gone()
      // The library ends the connection of a request that it does not understand, and says nothing here.
      socket.once('close', gone)
      this.#server.handleUpgrade(message, socket, head, (opened) => {
        socket.off('close', gone)
        opened.on('error', () => undefined)
        resolve(opened)
      })
    })
  }
}

/** In the form of an answer, on a connection that was to become something else. */
export function refuseUpgrade(socket: Duplex, status: Status): void {
  const body = JSON.stringify(status)
  const head = [
    `HTTP/1.1 ${status.code} ${status.reason ?? 'Refused'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Whoever acts as a process has its identity; the administrator may be anybody. */
function isProcessOf(user: User | undefined, pod: KubeObject): boolean {
  if (user === undefined) return false
  if (user.groups.includes(administrators)) return true
  const account = fieldAtPath(pod, ['spec', 'serviceAccountName']) ?? 'default'
  const own = workloadOf(user)
  return own !== undefined && own.namespace === pod.metadata.namespace && own.name === account
}

function requireProtocol({ headers, method }: IncomingMessage, wanted: readonly string[]): void {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((word) => word.trim())
  const isWebSocket = method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
  if (isWebSocket && offered.some((protocol) => wanted.includes(protocol))) return
  throw new StatusError(
    badRequest(`this is offered over a WebSocket with the protocol ${wanted.join(' or ')} only (kubectl 1.30 and newer)`),
  )
}
