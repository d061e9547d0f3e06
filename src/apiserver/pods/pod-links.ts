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
/** How often it is looked whether a process still may be in touch: what it has proven itself with may expire. */
const JUDGE_MS = 5000
const mostMessageBytes = 64 * 1024

export const linkProtocol = 'v1.link.sallyport.dev'

/** RFC 6455, 7.4.1. */
const POLICY_VIOLATION = 1008

interface PodName {
  readonly namespace: string
  readonly name: string
}

interface Link {
  readonly socket: WebSocket
  readonly mayStay: () => boolean
}

export class PodLinks {
  readonly #links = new Map<string, Link>()
  readonly #away = new Map<string, number>()
  readonly #began = performance.now()
  readonly #judging: NodeJS.Timeout

  constructor(judgeMs = JUDGE_MS) {
    this.#judging = setInterval(() => this.#judge(), judgeMs).unref()
  }

  /** The newest counts: whoever comes anew has noticed what happened to the link before. */
  attach({ namespace, name }: PodName, { socket, mayStay }: Link): void {
    const key = keyOf(namespace, name)
    this.#links.get(key)?.socket.terminate()
    this.#links.set(key, { socket, mayStay })
    this.#away.delete(key)
    keepAlive(socket, LINK_MS)
    socket.on('error', () => undefined)
    socket.once('close', () => this.#lose(key, socket))
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
    const { socket, mayStay } = this.#links.get(keyOf(namespace, name)) ?? {}
    if (socket === undefined || socket.bufferedAmount > mostMessageBytes || mayStay?.() !== true) return false
    socket.send(JSON.stringify(request))
    return true
  }

  /** Of a Pod that is gone. */
  forget(namespace: string, name: string): void {
    const key = keyOf(namespace, name)
    const link = this.#links.get(key)
    this.#links.delete(key)
    this.#away.delete(key)
    link?.socket.close(1000, 'the Pod is gone')
  }

  /** Of all Pods but these, which are there (`NAMESPACE/NAME`), nothing has to be known. */
  keepOnly(pods: ReadonlySet<string>): void {
    for (const key of this.#away.keys()) if (!pods.has(key)) this.#away.delete(key)
  }

  close(): void {
    clearInterval(this.#judging)
    for (const { socket } of this.#links.values()) socket.terminate()
  }

  #judge(): void {
    for (const [key, { socket, mayStay }] of this.#links) {
      if (mayStay()) continue
      this.#lose(key, socket)
      socket.close(POLICY_VIOLATION, 'what this was opened with is not good any more')
    }
  }

  #lose(key: string, socket: WebSocket): void {
    if (this.#links.get(key)?.socket !== socket) return
    this.#links.delete(key)
    this.#away.set(key, performance.now())
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}
