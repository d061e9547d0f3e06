// Writes a watch: one line of JSON for each change that concerns it, to a client that has to keep reading.
import type { ServerResponse } from 'node:http'
import { apiVersionOf, type ApiResource, expired, type KubeObject, toTable } from '../kube/index.ts'
import { type Change, HistoryGone, type ObjectStore, type Stored } from '../store/index.ts'
import { bytesOf, objectOf, storeNameOf } from './stored-objects.ts'

export interface WatchRequest {
  readonly resource: ApiResource
  readonly version: string
  /** Empty: all. */
  readonly namespace: string
  readonly matches: (object: KubeObject) => boolean
  /** Absent: what there is comes first, as if it had just been added. */
  readonly since?: number
  readonly bookmarks: boolean
  /** The end of what there was is marked. */
  readonly marksInitialEnd: boolean
  readonly asTable: boolean
  readonly timeoutMs: number
}

/** A client that has so much to read, beside what there was at the beginning, and does not is cut. */
const mostUnread = 16 * 1024 * 1024
/** What there was at the beginning has to be read within this time. */
const BEGINNING_MS = 60_000
const BOOKMARK_MS = 60_000

export function streamWatch(store: ObjectStore, response: ServerResponse, request: WatchRequest): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' })
  response.flushHeaders()
  new WatchStream(store, response, request).start()
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

class WatchStream {
  readonly #store: ObjectStore
  readonly #response: ServerResponse
  readonly #request: WatchRequest
  readonly #name: string
  readonly #timers: NodeJS.Timeout[] = []
  #stop: () => void = () => undefined
  #toldColumns = false
  /** The client has had no time to read yet. */
  #mostUnread = Number.POSITIVE_INFINITY

  constructor(store: ObjectStore, response: ServerResponse, request: WatchRequest) {
    this.#store = store
    this.#response = response
    this.#request = request
    this.#name = storeNameOf(request.resource)
  }

  start(): void {
    const { since, timeoutMs, bookmarks, marksInitialEnd } = this.#request
    this.#response.once('close', () => this.#end())
    const from = since ?? this.#store.revision
    if (since === undefined) this.#tellPresent()
    if (marksInitialEnd) this.#bookmark({ 'k8s.io/initial-events-end': 'true' })
    try {
      this.#stop = this.#store.watch(from, (change) => this.#take(change))
    } catch (error) {
      if (!(error instanceof HistoryGone)) throw error
      this.#write(`{"type":"ERROR","object":${JSON.stringify(expired(error.message))}}\n`)
      this.#finish()
      return
    }
    this.#mostUnread = this.#response.writableLength + mostUnread
    this.#timers.push(setTimeout(() => this.#endBeginning(), BEGINNING_MS).unref())
    this.#timers.push(setTimeout(() => this.#finish(), timeoutMs).unref())
    if (bookmarks) this.#timers.push(setInterval(() => this.#bookmark(), BOOKMARK_MS).unref())
  }

  #tellPresent(): void {
    const { namespace } = this.#request
    for (const stored of this.#store.list(this.#name, namespace === '' ? {} : { namespace }).items)
      if (this.#concerns(stored)) this.#event('ADDED', stored)
  }

  #take({ key, before, after, revision }: Change): void {
    const { namespace } = this.#request
    if (key.resource !== this.#name || (namespace !== '' && key.namespace !== namespace)) return
    const was = before !== undefined && this.#concerns(before)
    const is = after !== undefined && this.#concerns(after)
    if (is) this.#event(was ? 'MODIFIED' : 'ADDED', after)
    else if (was) this.#event('DELETED', lastVersion(before, revision))
  }

  #concerns(stored: Stored): boolean {
    const { resource, version, matches } = this.#request
    return matches(objectOf(stored, resource, version))
  }

  #event(type: EventType, stored: Stored): void {
    const { resource, version, asTable } = this.#request
    if (asTable) {
      const options = { now: Date.now(), ...(this.#toldColumns ? { withoutColumns: true as const } : {}) }
      this.#toldColumns = true
      this.#write(`{"type":"${type}","object":${JSON.stringify(toTable(resource, [objectOf(stored, resource, version)], options))}}\n`)
      return
    }
    this.#write(lineOf(type, bytesOf(stored, resource, version), stored))
  }

  #bookmark(annotations?: Readonly<Record<string, string>>): void {
    const { resource, version } = this.#request
    const metadata = { resourceVersion: String(this.#store.revision), ...(annotations && { annotations }) }
    const object = { kind: resource.kind, apiVersion: apiVersionOf({ group: resource.group, version }), metadata }
    this.#write(`{"type":"BOOKMARK","object":${JSON.stringify(object)}}\n`)
  }

  #write(line: string | Buffer): void {
    if (this.#response.destroyed) return
    this.#response.write(line)
    this.#cutIfUnread()
  }

  #endBeginning(): void {
    this.#mostUnread = mostUnread
    this.#cutIfUnread()
  }

  #cutIfUnread(): void {
    if (this.#response.writableLength > this.#mostUnread) this.#response.destroy()
  }

  #finish(): void {
    this.#end()
    this.#response.end()
  }

  #end(): void {
    this.#stop()
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
  }
}

/** A thousand watchers are told the same bytes. */
const lines = new WeakMap<Stored, { readonly type: EventType; readonly bytes: Buffer; readonly line: Buffer }>()

function lineOf(type: EventType, bytes: Buffer, stored: Stored): Buffer {
  const known = lines.get(stored)
  if (known?.type === type && known.bytes === bytes) return known.line
  const line = Buffer.concat([Buffer.from(`{"type":"${type}","object":`), bytes, Buffer.from('}\n')])
  lines.set(stored, { type, bytes, line })
  return line
}

/** What is deleted is told as it was, with the revision of its deletion; all watchers are given the same. */
const lasts = new WeakMap<Stored, Stored>()

function lastVersion(before: Stored, revision: number): Stored {
  const known = lasts.get(before)
  if (known?.revision === revision) return known
  const last = { ...before, revision }
  lasts.set(before, last)
  return last
}
