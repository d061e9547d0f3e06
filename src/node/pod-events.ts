// Tells the server what happens to a Pod: the same thing is one Event that counts, and not more are sent than a server wants to read.
import { type Fields, timeText } from '../base/index.ts'
import { createHash } from 'node:crypto'
import type { ApiClient } from '../client/index.ts'

export interface PodEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** What is the same; the message of the last one counts. */
  readonly key: string
}

interface Told extends PodEvent {
  readonly first: string
  last: string
  count: number
  message: string
  isKnown: boolean
  isNew: boolean
}

const FLUSH_MS = 3000
const mostKeys = 50
/** Everything beyond those. */
const otherKey = 'others'

export class PodEvents {
  readonly #client: ApiClient
  readonly #source: Fields
  readonly #told = new Map<string, Told>()
  #subject: Fields | undefined
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor(client: ApiClient, nodeName: string) {
    this.#client = client
    this.#source = { component: 'sallyport', host: nodeName }
  }

  /** What the Events are about from now on. */
  about(namespace: string, name: string, uid: string): void {
    if (this.#subject?.['uid'] === uid) return
    this.#subject = { kind: 'Pod', apiVersion: 'v1', namespace, name, uid }
    for (const told of this.#told.values()) told.isKnown = false
    this.#plan(0)
  }

  tell({ type, reason, message, key }: PodEvent): void {
    const now = timeText()
    const place = this.#told.has(key) || this.#told.size < mostKeys ? key : otherKey
    const told = this.#told.get(place)
    if (told === undefined) {
      const event = { type, reason, message, key: place, first: now, last: now, count: 1, isKnown: false, isNew: true }
      this.#told.set(place, event)
    } else {
      told.count++
      told.last = now
      told.message = message
      told.isNew = true
    }
    this.#plan(type === 'Normal' ? 0 : FLUSH_MS)
  }

  /** Sends what is left, if that can be done now. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#flush()
    clearTimeout(this.#timer)
  }

  #plan(ms: number): void {
    if (this.#subject === undefined || (this.#timer !== undefined && ms > 0)) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#flushing = this.#flushing.then(() => this.#flush())
    }, ms)
    this.#timer.unref()
  }

  async #flush(): Promise<void> {
    const subject = this.#subject
    if (subject === undefined) return
    for (const told of this.#told.values()) {
      if (!told.isNew) continue
      told.isNew = false
      try {
        await this.#send(told, subject)
      } catch {
        // It is out of touch, which is told elsewhere; the count goes on.
        told.isNew = true
        this.#plan(FLUSH_MS)
        return
      }
    }
  }

  async #send(told: Told, subject: Fields): Promise<void> {
    const { namespace, name, uid } = subject
    const place = `/api/v1/namespaces/${String(namespace)}/events`
    const id = createHash('sha256')
      .update(`${String(uid)} ${told.key}`)
      .digest('hex')
      .slice(0, 16)
    const eventName = `${String(name)}.${id}`
    const { type, reason, message, count, last, first } = told
    if (told.isKnown && (await this.#update(`${place}/${eventName}`, { message, count, lastTimestamp: last }))) return
    const metadata = { namespace, name: eventName }
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata,
      involvedObject: subject,
      type,
      reason,
      message,
      count,
      firstTimestamp: first,
      lastTimestamp: last,
      source: this.#source,
    }
    await this.#client.ask({ path: place, method: 'POST', body })
    told.isKnown = true
  }

  /** False when it is not there any more. */
  async #update(path: string, body: Fields): Promise<boolean> {
    if ((await this.#client.find(path)) === undefined) return false
    await this.#client.ask({ path: path, method: 'PATCH', contentType: 'application/merge-patch+json', body })
    return true
  }
}
