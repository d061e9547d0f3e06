// Serves the Kubernetes API over HTTPS: who may, what is asked, and an answer within limits of size, time and number.
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, pipeline, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { messageOf, SallyportError } from '../base/index.ts'
import { internal, type KubeObject, noSuchPath, StatusError, unauthorized } from '../kube/index.ts'
import { backupLines, type ObjectStore } from '../store/index.ts'
import { plainAddress } from './access/workload-rules.ts'
import { Authorizer } from './access/authorizer.ts'
import type { User } from './access/user.ts'
import { type Answer, failureAnswer, send, statusAnswer, statusOf } from './answer.ts'
import type { KeyPair } from '../identity/index.ts'
import { type Authenticate, proofOf } from './access/authentication.ts'
import { CredentialRequests, readNodePath } from './access/credential-requests.ts'
import type { ServiceAccountTokens } from './access/service-account-tokens.ts'
import { ClientGone } from './body.ts'
import { describe } from './description-routes.ts'
import type { NodeAdmission } from './node-admission.ts'
import type { PodLimits } from './pods/pod-keeper.ts'
import { PodService } from './pods/pod-service.ts'
import { refuseUpgrade } from './pods/upgrades.ts'
import { RequestCounts } from './request-counts.ts'
import { readResourcePath } from './request-path.ts'
import { attributesOf } from './request-verb.ts'
import { ResourceRequests } from './resource-requests.ts'
import { isReview, reviewAnswer } from './reviews.ts'

export interface ApiServerOptions {
  readonly store: ObjectStore
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly authenticate: Authenticate
  readonly tokens: ServiceAccountTokens
  /** Signs the certificates of clients. */
  readonly clientAuthority: KeyPair
  /** How long a certificate of a workload is good. */
  readonly certificateMs?: number | undefined
  /** Takes connections that are not for the API. */
  readonly xds?: XdsDoor
  /** Whether all that the process serves is there; the API is from the start. */
  readonly isReady?: () => boolean
  readonly pods?: Partial<PodLimits>
  /** The server runs Pods on its own machine. */
  readonly nodePods?: NodeAdmission
  readonly now?: () => number
  /** What an object that was written leads to: told to its writer as warnings. */
  readonly consequences?: (object: KubeObject) => readonly string[]
  /** Told what nobody foresaw. */
  readonly report?: (error: unknown) => void
}

/** Clients of xDS come by the same port: they say so when they begin TLS. */
export interface XdsDoor {
  readonly serverName: string
  /** HTTP/2 is agreed on. */
  take(connection: TLSSocket): void
}

export interface ApiServer {
  /** `HOST:PORT` */
  readonly address: string
  close(): Promise<void>
}

/** Open at the same time; further ones are refused by closing. */
const mostConnections = 4000
/** How often the two limits below are looked at. */
const CHECK_MS = 2_000
const HEAD_MS = 10_000
const REQUEST_MS = 60_000
/** In `/metrics`, as proxies have it; nobody is answered so. */
const CLIENT_GONE = 499

/** Rejects when the address cannot be bound. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const handler = new Handler(options)
  const server = createServer(
    {
      cert: options.certificate,
      key: options.key,
      // Whoever has a certificate may show it; whose it is not, is asked for a token.
      requestCert: true,
      rejectUnauthorized: false,
      ca: options.clientAuthority.certificate,
      minVersion: 'TLSv1.2',
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      ALPNCallback: ({ servername, protocols }) => {
        const wanted = servername === options.xds?.serverName ? 'h2' : 'http/1.1'
        return protocols.includes(wanted) ? wanted : undefined
      },
    },
    (request, response) => void handler.handle(request, response),
  )
  if (options.xds !== undefined) openDoor(server, options.xds)
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => void handler.upgrade(message, socket, head))
  server.maxConnections = mostConnections
  const { port } = await listen(server, options)
  const address = `${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
  handler.address = address
  return {
    address,
    close() {
      handler.close()
      return closed(server)
    },
  }
}

class Handler {
  address = ''
  readonly #options: ApiServerOptions
  readonly #requests: ResourceRequests
  readonly #authorizer: Authorizer
  readonly #credentials: CredentialRequests
  readonly #pods: PodService
  readonly #counts = new RequestCounts()

  constructor(options: ApiServerOptions) {
    this.#options = options
    const {
      store,
      now = Date.now,
      tokens,
      clientAuthority,
      certificateMs,
      consequences = () => [],
      pods: limits,
      nodePods,
      report = () => undefined,
    } = options
    this.#authorizer = new Authorizer(store)
    this.#credentials = new CredentialRequests({ store, now, authorizer: this.#authorizer, tokens, clientAuthority, certificateMs })
    this.#requests = new ResourceRequests({ store, now, consequences, nodePods })
    this.#pods = new PodService({ store, now, limits, report, authorizer: this.#authorizer, nodePods })
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const report = this.#options.report ?? (() => undefined)
    response.on('error', () => undefined)
    try {
      const answer = await this.#answer(message, response)
      if (answer !== undefined) send(response, answer)
    } catch (error) {
      if (error instanceof ClientGone) {
        this.#counts.add(message.method ?? '', CLIENT_GONE)
        response.destroy()
        return
      }
      send(response, failureAnswer(error, report))
    }
    this.#counts.add(message.method ?? '', response.statusCode)
    // What was not read of a body must not be taken for the next request.
    if (!message.complete && response.writableEnded) response.once('finish', () => message.destroy())
  }

  /** Of a connection that is to become something else. */
  async upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined)
    try {
      const proof = proofOf(message)
      await this.#pods.upgrade(() => this.#options.authenticate(proof), message, socket, head)
      this.#counts.add(message.method ?? '', 101)
    } catch (error) {
      const status = statusOf(error, this.#options.report ?? (() => undefined))
      this.#counts.add(message.method ?? '', status.code)
      refuseUpgrade(socket, status)
    }
  }

  close(): void {
    this.#pods.close()
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    const target = message.url ?? ''
    const at = target.indexOf('?')
    const path = at < 0 ? target : target.slice(0, at)
    if (healthPaths.has(path)) return this.#health(path)
    const user = this.#options.authenticate(proofOf(message))
    const node = readNodePath(path)
    if (node !== undefined) return this.#credentials.answer(message, node, user)
    if (user === undefined) return isOpen(path) ? this.#described(path, message) : statusAnswer(unauthorized())
    const place = readResourcePath(path)
    if (place === undefined) return this.#answerPath(path, user, message, response)
    const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1))
    const from = plainAddress(message.socket.remoteAddress)
    const rights = this.#authorizer.rightsTo(user, attributesOf(message.method ?? '', place, query), from)
    const wanted = { resource: place.resource, version: place.version, fieldValidation: 'Ignore' } as const
    if (isReview(place) && message.method === 'POST') return reviewAnswer(message, wanted, user, this.#authorizer)
    if (place.resource.kind === 'ServiceAccount' && place.subresource === 'token') return this.#credentials.token(message, place)
    const request = { message, response, path: place, query, rights }
    return this.#pods.isAbout(request) ? this.#pods.answer(request) : this.#requests.answer(request)
  }

  #health(path: string): Answer {
    const { isReady = () => true } = this.#options
    if (path !== '/readyz' || isReady()) return { code: 200, body: 'ok', type: 'text/plain' }
    return { code: 500, body: '[-]configuration failed: not read yet\nreadyz check failed\n', type: 'text/plain' }
  }

  #answerPath(path: string, user: User, message: IncomingMessage, response: ServerResponse): Answer | undefined {
    this.#authorizer.checkPath(user, { verb: (message.method ?? '').toLowerCase(), path })
    if (path === '/metrics') return { code: 200, body: this.#counts.text(this.#options.store), type: 'text/plain; version=0.0.4' }
    if (path === backupPath && message.method === 'GET') return sendBackup(this.#options.store, response)
    return this.#described(path, message)
  }

  #described(path: string, message: IncomingMessage): Answer {
    const answer = message.method === 'GET' || message.method === 'HEAD' ? describe(path, message, this.address) : undefined
    if (answer === undefined) throw new StatusError(noSuchPath())
    return answer
  }
}

/** The server takes a connection for one of HTTP/1.1 as soon as it is secured; it is told of the others only. */
function openDoor(server: Server, door: XdsDoor): void {
  const others = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') door.take(socket)
    else for (const listener of others) Reflect.apply(listener, server, [socket])
  })
}

/** Of the objects alone: keys of the server do not travel. */
const backupPath = '/apis/node.sallyport.dev/v1/backup'

function sendBackup(store: ObjectStore, response: ServerResponse): undefined {
  response.writeHead(200, { 'Content-Type': 'application/jsonl', 'Cache-Control': 'no-cache, private' })
  // Whoever goes away, or does not read, is gone: what is missing is noticed by its sum.
  pipeline(Readable.from(backupLines(store)), response, () => undefined)
}

const healthPaths: ReadonlySet<string> = new Set(['/readyz', '/livez', '/healthz'])

/** What a cluster tells everybody. */
function isOpen(path: string): boolean {
  return path === '/version'
}

function listen(server: Server, { host, port }: ApiServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new SallyportError('SLP6101', `the API cannot be served at ${host}:${port}: ${messageOf(error)}`, { cause: error }))
    })
    server.listen({ host, port }, () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address)
      else reject(new SallyportError('SLP6101', internal('no address').message ?? ''))
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
