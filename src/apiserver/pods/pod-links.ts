// Knows which Pods are in touch: each has one link, a WebSocket that its own process keeps open, since nothing dials a node.
import type { WebSocket } from 'ws'
import { keepAlive } from './keep-alive.ts'

/** What a process is asked for: it opens the session by itself. */
export interface SessionRequest {
  readonly session: string
  readonly kind: 'exec' | 'log'
  readonly [parameter: string]: unknown
}

/** A process that has not answered a sign of life for so long is gone, or its network is. */
const LINK_MS = 40_000
const mostMessageBytes = 64 * 1024

export const linkProtocol = 'v1.link.sallyport.dev'

export class PodLinks {
  readonly #links = new Map<string, WebSocket>()
  readonly #away = new Map<string, number>()
  readonly #began = performance.now()

  /** The newest counts: whoever comes anew has noticed what happened to the link before. */
  attach(namespace: string, name: string, socket: WebSocket): void {
    const key = keyOf(namespace, name)
    this.#links.get(key)?.terminate()
    this.#links.set(key, socket)
    this.#away.delete(key)
    keepAlive(socket, LINK_MS)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (this.#links.get(key) !== socket) return
      this.#links.delete(key)
      this.#away.set(key, performance.now())
    })
  }

  has(namespace: string, name: string): boolean {
    return this.#links.has(keyOf(namespace, name))
  }

  /** Milliseconds for which a Pod of this age has had no link; nobody could be in touch before this server was there. */
  awayMs(namespace: string, name: string, ageMs: number): number {
    const key = keyOf(namespace, name)
    if (this.#links.has(key)) return 0
    const since = this.#away.get(key) ?? this.#began
    // Another Pod of the same name may have been out of touch before.
    return Math.min(performance.now() - since, ageMs)
  }

  /** False when there is nobody to ask. */
  ask(namespace: string, name: string, request: SessionRequest): boolean {
    const socket = this.#links.get(keyOf(namespace, name))
    if (socket === undefined || socket.bufferedAmount > mostMessageBytes) return false
    socket.send(JSON.stringify(request))
    return true
  }

  /** Of a Pod that is gone. */
  forget(namespace: string, name: string): void {
    const key = keyOf(namespace, name)
    const socket = this.#links.get(key)
    this.#links.delete(key)
    this.#away.delete(key)
    socket?.close(1000, 'the Pod is gone')
  }

  /** Of all Pods but these, which are there (`NAMESPACE/NAME`), nothing has to be known. */
  keepOnly(pods: ReadonlySet<string>): void {
    for (const key of this.#away.keys()) if (!pods.has(key)) this.#away.delete(key)
  }

  close(): void {
    for (const socket of this.#links.values()) socket.terminate()
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}
