// Keeps the connections of HTTP/2 to upstreams, and has requests wait for one that is being made rather than make another.
import type { DialFailure } from '../upstream/dial.ts'
import { UpstreamSession, type UpstreamSessionOptions } from './upstream-session.ts'

/** Requests that wait for one connection. */
const MOST_WAITING = 1024

/** Called when there may be a connection, or with why the one that was waited for is not to be had. */
type Waiter = (failure?: DialFailure) => void

interface Entry {
  readonly sessions: UpstreamSession[]
  /** Connections that are being made. */
  dialling: number
  readonly waiters: Waiter[]
}

export class SessionPool {
  readonly #entries = new Map<string, Entry>()

  /** One that takes another request. */
  find(key: string): UpstreamSession | undefined {
    return this.#entries.get(key)?.sessions.find((session) => session.mayOpen)
  }

  /** Whether a connection is being made already: then `onTurn` is called when it is there, or is not to be had. False: nobody waits. */
  waits(key: string, onTurn: Waiter): boolean {
    const entry = this.#entries.get(key)
    if (!entry || entry.dialling === 0 || entry.waiters.length >= MOST_WAITING) return false
    entry.waiters.push(onTurn)
    return true
  }

  forget(key: string, onTurn: Waiter): void {
    const waiters = this.#entries.get(key)?.waiters
    const index = waiters?.indexOf(onTurn) ?? -1
    if (index >= 0) waiters?.splice(index, 1)
  }

  /** A connection is being made: whoever says so says `dialled` once. */
  dials(key: string): void {
    this.#entryOf(key).dialling++
  }

  /** It is there, and in the pool, or it is not to be had: then that is so for all who waited, as with Envoy's pools, and nobody tries after the other. */
  dialled(key: string, failure?: DialFailure): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.dialling--
    this.#wake(key, entry, { failure })
  }

  add(options: Omit<UpstreamSessionOptions, 'onRoom' | 'onGone'>): UpstreamSession {
    const session = new UpstreamSession({
      ...options,
      onRoom: () => {
        const entry = this.#entries.get(options.key)
        if (entry) this.#wake(options.key, entry, { most: 1 })
      },
      onGone: (gone) => this.#remove(gone),
    })
    this.#entryOf(options.key).sessions.push(session)
    return session
  }

  closeAll(): void {
    for (const { sessions } of Array.from(this.#entries.values())) for (const session of Array.from(sessions)) session.close()
  }

  #remove(session: UpstreamSession): void {
    const entry = this.#entries.get(session.key)
    const index = entry?.sessions.indexOf(session) ?? -1
    if (!entry || index < 0) return
    entry.sessions.splice(index, 1)
    this.#wake(session.key, entry)
  }

  /** Each looks for itself whether there is room now. */
  #wake(
    key: string,
    entry: Entry,
    { most = entry.waiters.length, failure }: { readonly most?: number; readonly failure?: DialFailure | undefined } = {},
  ): void {
    for (const waiter of entry.waiters.splice(0, most)) waiter(failure)
    const isEmpty = entry.sessions.length === 0 && entry.dialling === 0 && entry.waiters.length === 0
    if (isEmpty && this.#entries.get(key) === entry) this.#entries.delete(key)
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key)
    if (known) return known
    const entry: Entry = { sessions: [], dialling: 0, waiters: [] }
    this.#entries.set(key, entry)
    return entry
  }
}
