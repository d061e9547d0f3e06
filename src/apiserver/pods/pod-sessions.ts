// Opens sessions with the processes behind Pods: asks for one by the Pod's link, and hands over the WebSocket that the process opens for it.
import { randomBytes } from 'node:crypto'
import type { WebSocket } from 'ws'
import { type Deferred, deferred } from '../../base/index.ts'
import { serviceUnavailable, StatusError } from '../../kube/index.ts'
import type { PodLinks, SessionRequest } from './pod-links.ts'

const PICKUP_MS = 10_000
const mostSessions = 1000
const mostOfPod = 64

interface Waiting {
  readonly pod: string
  readonly socket: Deferred<WebSocket>
}

export class PodSessions {
  readonly #links: PodLinks
  readonly #waiting = new Map<string, Waiting>()
  readonly #open = new Map<WebSocket, string>()

  constructor(links: PodLinks) {
    this.#links = links
  }

  /** Rejects with a StatusError when the process is not in touch, or does not answer in time. */
  async open(namespace: string, name: string, request: Omit<SessionRequest, 'session'> & Pick<SessionRequest, 'kind'>): Promise<WebSocket> {
    const pod = `${namespace}/${name}`
    if (this.#open.size + this.#waiting.size >= mostSessions || this.#countOf(pod) >= mostOfPod)
      throw new StatusError(serviceUnavailable(`as many sessions as there may be are open already`))
    const session = randomBytes(16).toString('hex')
    if (!this.#links.ask(namespace, name, { ...request, session }))
      throw new StatusError(serviceUnavailable(`the process of pod ${name} is not in touch with this server`))
    const waiting = { pod, socket: deferred<WebSocket>() }
    this.#waiting.set(session, waiting)
    const timer = setTimeout(
      () =>
        waiting.socket.reject(
          new StatusError(serviceUnavailable(`the process of pod ${name} did not answer in ${PICKUP_MS / 1000} seconds`)),
        ),
      PICKUP_MS,
    )
    try {
      return await waiting.socket.promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(session)
    }
  }

  /** Whether somebody waits for this session with that Pod. */
  isWanted(namespace: string, name: string, session: string): boolean {
    return this.#waiting.get(session)?.pod === `${namespace}/${name}`
  }

  pickUp(session: string, socket: WebSocket): void {
    const waiting = this.#waiting.get(session)
    if (waiting === undefined) return socket.close(1011, 'nobody waits for this session any more')
    // What comes before somebody listens would be lost.
    socket.pause()
    this.#open.set(socket, waiting.pod)
    socket.once('close', () => this.#open.delete(socket))
    socket.on('error', () => undefined)
    this.#waiting.delete(session)
    waiting.socket.resolve(socket)
  }

  close(): void {
    for (const socket of this.#open.keys()) socket.terminate()
    for (const { socket } of this.#waiting.values()) socket.reject(new StatusError(serviceUnavailable('the server is going away')))
  }

  #countOf(pod: string): number {
    const open = Array.from(this.#open.values()).filter((one) => one === pod).length
    return open + Array.from(this.#waiting.values()).filter((one) => one.pod === pod).length
  }
}
