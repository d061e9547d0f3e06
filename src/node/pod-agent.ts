// Makes a program a Pod of an API server: registers it, keeps it in touch through whatever happens to either, ends it when the Pod is deleted, and takes the Pod away when it ends.
import { createInterface } from 'node:readline'
import type { IncomingMessage } from 'node:http'
import { Backoff, type Fields, fieldsOf, messageOf, SallyportError, timeText, withTimeout } from '../base/index.ts'
import { type ApiClient, ApiRefusal } from '../client/index.ts'
import { NodeLink } from './node-link.ts'
import { type PodEvent, PodEvents } from './pod-events.ts'
import type { PodDescription, PodHost } from './pod-host.ts'
import { outerAddress, ownProcess, podStatus } from './pod-objects.ts'
import { type Registered, registerNode, registerPod, seenAddress } from './registration.ts'

export interface PodAgentOptions {
  readonly client: ApiClient
  readonly pod: PodDescription
  readonly host: PodHost
  readonly onNote: (text: string) => void
}

/** The server tells of its own position once a minute. */
const SILENT_MS = 150_000
const CLOSE_MS = 5000
const STATUS_MS = 1000
/** A start does not wait longer to be heard of. */
const FIRST_MS = 3000

export class PodAgent {
  readonly #options: PodAgentOptions
  readonly #events: PodEvents
  readonly #backoff = new Backoff({ baseMs: 200, maxMs: 5000 })
  readonly #process = ownProcess()
  readonly #created = timeText()
  #registered: Registered | undefined
  #link: NodeLink | undefined
  #started: string | undefined
  #isReady = false
  #grace = Number.POSITIVE_INFINITY
  #watch: IncomingMessage | undefined
  #timer: NodeJS.Timeout | undefined
  #statusTimer: NodeJS.Timeout | undefined
  #telling: Promise<void> = Promise.resolve()
  #isAway = false
  #isClosed = false

  constructor(options: PodAgentOptions) {
    this.#options = options
    this.#events = new PodEvents(options.client, options.pod.nodeName)
    this.#events.tell(normal('Scheduled', `Successfully assigned ${options.pod.namespace}/${options.pod.name} to ${options.pod.nodeName}`))
  }

  /** Registers once. Rejects when the server refuses that, unless it is tried again however that ends; one that cannot be reached is tried again, later. */
  async start(isNeeded: boolean): Promise<void> {
    const first = this.#register()
    try {
      await withTimeout(first, FIRST_MS, 'it has not answered yet')
    } catch (error) {
      if (isNeeded && isRefusal(error)) throw error
      this.#away(error)
    }
    void first.catch(() => undefined).then(() => this.#follow())
  }

  /** Its command runs, or it serves. */
  runs(isReady: boolean): void {
    if (this.#started === undefined) this.#events.tell(normal('Started', `Started container ${this.#options.pod.name}`))
    this.#started ??= timeText()
    this.#isReady = isReady
    this.#tellStatus()
  }

  tell(event: PodEvent): void {
    this.#events.tell(event)
  }

  /** It has ended: its Pod goes, if the server can be reached now; else the server finds out. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#statusTimer)
    this.#watch?.destroy()
    this.#link?.close()
    const limit = new Promise<void>((resolve) => {
      setTimeout(resolve, CLOSE_MS).unref()
    })
    await Promise.race([this.#leave(), limit])
    this.#options.client.close()
  }

  async #leave(): Promise<void> {
    const pod = this.#registered
    if (pod === undefined) return
    try {
      await this.#events.close()
      // Whoever has started this decides what becomes of the Pod.
      if (this.#options.pod.uid !== undefined) return
      await this.#options.client.ask({
        path: this.#path(pod),
        method: 'DELETE',
        body: { gracePeriodSeconds: 0, preconditions: { uid: pod.uid } },
        timeoutMs: CLOSE_MS,
      })
    } catch {
      // Gone already, or out of touch: the server takes it away.
    }
  }

  async #register(): Promise<void> {
    const { client, pod, host } = this.#options
    const address = outerAddress(await seenAddress(client))
    const registered = await registerPod(client, { pod, process: this.#process, known: this.#registered })
    const refusal = await registerNode(client, pod.nodeName, address, timeText())
    if (refusal !== undefined && this.#registered === undefined) this.#options.onNote(`node ${pod.nodeName} is not told of: ${refusal}`)
    // It has ended meanwhile, and whoever comes next finds that out.
    if (this.#isClosed) return
    if (this.#registered?.uid !== registered.uid) {
      if (registered.name !== pod.name) this.#options.onNote(`this is pod ${pod.namespace}/${registered.name}: ${pod.name} is in use`)
      this.#link?.close()
      this.#link = new NodeLink(client, { namespace: pod.namespace, name: registered.name }, host)
      this.#events.about(pod.namespace, registered.name, registered.uid)
    }
    this.#registered = { ...registered, address }
    if (registered.graceSeconds !== undefined) this.#terminate(registered.graceSeconds)
    await this.#sendStatus()
  }

  /** One after the other, so that the last one counts; again when that fails. */
  #tellStatus(): void {
    this.#telling = this.#telling
      .then(() => this.#sendStatus())
      .catch((error: unknown) => {
        this.#away(error)
        if (!this.#isClosed) this.#statusTimer = setTimeout(() => this.#tellStatus(), STATUS_MS).unref()
      })
  }

  async #sendStatus(): Promise<void> {
    const { pod, client } = this.#options
    const registered = this.#registered
    if (registered === undefined || this.#isClosed) return
    const { address, container } = registered
    const known = pod.uid === undefined ? undefined : container
    const status = podStatus(pod, { address, started: this.#started, isReady: this.#isReady, created: this.#created, container: known })
    const path = `${this.#path(registered)}/status`
    await client.ask({ path, method: 'PATCH', contentType: 'application/merge-patch+json', body: { status } })
  }

  /** Until it is closed. */
  async #follow(): Promise<void> {
    while (!this.#isClosed) {
      try {
        if (this.#isAway || this.#registered === undefined) await this.#register()
        this.#back()
        await this.#watchOwn()
        // Whatever has ended the watch may have changed more.
        this.#isAway = true
      } catch (error) {
        this.#away(error)
        // It is carried out for a Pod that somebody has taken away meanwhile.
        if (this.#options.pod.uid !== undefined && error instanceof SallyportError && error.code === 'SLP6206') this.#terminate(0)
      }
      await new Promise<void>((resolve) => {
        this.#timer = setTimeout(resolve, this.#isClosed ? 0 : this.#backoff.next())
        this.#timer.unref()
      })
    }
  }

  async #watchOwn(): Promise<void> {
    const { client, pod } = this.#options
    const registered = this.#registered
    if (registered === undefined) return
    const query = new URLSearchParams({
      watch: 'true',
      fieldSelector: `metadata.name=${registered.name}`,
      resourceVersion: registered.resourceVersion,
      allowWatchBookmarks: 'true',
    })
    const response = await client.open({ path: `/api/v1/namespaces/${pod.namespace}/pods?${query.toString()}` })
    this.#watch = response
    const silence = setTimeout(() => response.destroy(), SILENT_MS).unref()
    response.on('data', () => silence.refresh())
    // It is followed by the end of the lines.
    response.on('error', () => undefined)
    try {
      for await (const line of createInterface({ input: response })) this.#take(JSON.parse(line), registered)
    } finally {
      clearTimeout(silence)
      response.destroy()
    }
  }

  #take({ type, object }: { readonly type: string; readonly object: Fields }, registered: Registered): void {
    this.#backoff.reset()
    const { uid, deletionTimestamp, deletionGracePeriodSeconds } = fieldsOf(object['metadata'])
    if (uid !== registered.uid) return
    if (type === 'DELETED') this.#terminate(0)
    else if (deletionTimestamp !== undefined)
      this.#terminate(typeof deletionGracePeriodSeconds === 'number' ? deletionGracePeriodSeconds : 0)
  }

  #terminate(graceSeconds: number): void {
    if (graceSeconds >= this.#grace) return
    if (this.#grace === Number.POSITIVE_INFINITY) this.#events.tell(normal('Killing', `Stopping container ${this.#options.pod.name}`))
    this.#grace = graceSeconds
    this.#options.host.terminate(graceSeconds)
  }

  /** Said once, until it is back. */
  #away(error: unknown): void {
    if (!this.#isAway && !this.#isClosed)
      this.#options.onNote(`the API server does not hear of this pod, which goes on: ${messageOf(error)}`)
    this.#isAway = true
  }

  #back(): void {
    this.#isAway = false
  }

  #path({ name }: Pick<Registered, 'name'>): string {
    return `/api/v1/namespaces/${this.#options.pod.namespace}/pods/${name}`
  }
}

/** A server that is not there is no refusal. */
function isRefusal(error: unknown): boolean {
  if (error instanceof ApiRefusal) return error.status < 500 && error.status !== 429
  return error instanceof SallyportError && error.code !== 'SLP6202' && error.code !== 'SLP0003'
}

function normal(reason: string, message: string): PodEvent {
  return { type: 'Normal', reason, message, key: reason }
}
