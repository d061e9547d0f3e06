// Keeps a Pod in touch with the server: a WebSocket by which sessions are asked for, each of which is opened from here, since nothing dials a node.
import type { WebSocket } from 'ws'
import { Backoff } from '../base/index.ts'
import { type ApiClient, execProtocol } from '../client/index.ts'
import { bytesOf, failure, finish, orderOf, serveExec } from './exec-session.ts'
import { serveLog } from './log-session.ts'
import type { PodHost } from './pod-host.ts'

const linkProtocol = 'v1.link.sallyport.dev'
/** The server asks for a sign of life four times as often. */
const SILENT_MS = 60_000
const mostSessions = 64

export class NodeLink {
  readonly #client: ApiClient
  readonly #path: string
  readonly #host: PodHost
  readonly #backoff = new Backoff({ baseMs: 200, maxMs: 5000 })
  readonly #sessions = new Set<WebSocket>()
  #socket: WebSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(client: ApiClient, pod: { readonly namespace: string; readonly name: string }, host: PodHost) {
    this.#client = client
    this.#path = `/apis/node.sallyport.dev/v1/namespaces/${pod.namespace}/pods/${pod.name}/link`
    this.#host = host
    this.#connect()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#socket?.terminate()
    for (const session of this.#sessions) session.terminate()
  }

  #connect(): void {
    let socket: WebSocket
    try {
      socket = this.#client.socket(this.#path, linkProtocol)
    } catch {
      // What one proves oneself with cannot be read now; the Pod's own requests say so.
      return this.#again()
    }
    this.#socket = socket
    let silence: NodeJS.Timeout | undefined
    const hear = (): void => {
      clearTimeout(silence)
      silence = setTimeout(() => socket.terminate(), SILENT_MS).unref()
    }
    socket.on('open', () => {
      this.#backoff.reset()
      hear()
    })
    socket.on('ping', hear)
    // An error is followed by the end.
    socket.on('error', () => undefined)
    socket.on('message', (data) => this.#begin(bytesOf(data)))
    socket.once('close', () => {
      clearTimeout(silence)
      this.#again()
    })
  }

  #again(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.next()).unref()
  }

  #begin(bytes: Buffer): void {
    const message = requestOf(bytes)
    const { session, kind } = message
    if (typeof session !== 'string' || !/^[\da-f]{32}$/.test(session) || this.#sessions.size >= mostSessions) return
    let socket: WebSocket
    try {
      socket = this.#client.socket(`${this.#path}/${session}`, execProtocol)
    } catch {
      // As above; whoever waits for the session is told that it is not picked up.
      return
    }
    this.#sessions.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => this.#sessions.delete(socket))
    socket.once('open', () => this.#serve(socket, kind, message))
  }

  #serve(socket: WebSocket, kind: unknown, message: Readonly<Record<string, unknown>>): void {
    if (kind === 'log') serveLog(socket, message, this.#host.log)
    else if (kind === 'exec')
      void serveExec(socket, orderOf(message), this.#host.exec).catch((error: unknown) => finish(socket, failure(String(error))))
    else finish(socket, failure(`a session of kind ${JSON.stringify(kind)} is not known here`))
  }
}

function requestOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    // Nothing that could be answered.
    return {}
  }
}
