// Keeps the configuration of its sources up to date: what is valid is published, and what is not leaves the last good version in force.
import { join } from 'node:path'
import type { Issue } from '../api/index.ts'
import {
  type Clock,
  finish,
  inSlices,
  type SlicedWork,
  type Steps,
  systemClock,
  type Timer,
  warnOfListener,
  Watchable,
} from '../base/index.ts'
import { type Assembly, assemble, type LoadedFile, noPlaces } from './assembly.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { FileLoader } from './file-loader.ts'
import { isResourceFile, sourceIssue } from './file-tree.ts'
import { type ConfigSnapshot, type ReadOptions, snapshotOf } from './read-sources.ts'
import { sameSnapshot } from './same-snapshot.ts'
import { type Refresh, SourceReader } from './source-reader.ts'

export interface Store {
  readonly snapshot: Watchable<ConfigSnapshot>
  /** Looks for changes now, without waiting to be told of one. */
  refresh(): void
  close(): void
}

export interface StoreOptions extends ReadOptions {
  readonly clock?: Clock
  /** How often the sources are looked at without an event; 0: never. 2 s if absent. */
  readonly pollMs?: number
  /** Changes are awaited until they have been quiet for so long, 20 ms if absent, */
  readonly quietMs?: number
  /** but not longer than so, 200 ms if absent. */
  readonly longestWaitMs?: number
}

const QUIET_MS = 20
const LONGEST_WAIT_MS = 200
const POLL_MS = 2000

/** Reads the sources (files, directories, `-`), and goes on reading them as they change. */
export function createStore(sources: readonly string[], options: StoreOptions = {}): Store {
  return new FileStore(sources, options)
}

class FileStore implements Store {
  readonly snapshot: Watchable<ConfigSnapshot>
  readonly #options: StoreOptions
  readonly #clock: Clock
  readonly #loader: FileLoader
  readonly #readers: readonly SourceReader[]
  readonly #watch = new DirectoryWatch({ changed: (directory, name) => this.#noticed(directory, name) })
  #assembly: Assembly | undefined
  #quiet: Timer | undefined
  #firstNotice = 0
  #poll: Timer | undefined
  #looking: { readonly work: SlicedWork; readonly isPoll: boolean } | undefined
  #isAskedAgain = false
  /** What readers have found, and will not find again. A look that is given up leaves it to the next. */
  readonly #found: Refresh[] = []
  /** Files that something happened to; undefined: look everywhere. */
  #noticedFiles: Set<string> | undefined = new Set()
  #closed = false

  constructor(sources: readonly string[], options: StoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#loader = new FileLoader({ defaultNamespace: options.defaultNamespace ?? 'default' })
    this.#readers = Array.from(new Set(sources), (source) => new SourceReader(source, this.#loader, () => this.#clock.now()))
    const first = this.#readers.map((reader) => finish(reader.refresh()))
    this.#rewatch()
    this.snapshot = new Watchable(this.#assemble(), sameSnapshot)
    this.#lookAgain(first)
    this.#schedulePoll(0)
  }

  refresh(): void {
    if (this.#closed) return
    if (this.#looking?.isPoll === true) this.#endPoll()
    this.#looking?.work.finish()
    finish(this.#everywhere())
  }

  close(): void {
    this.#closed = true
    this.#looking?.work.cancel()
    this.#quiet?.cancel()
    this.#poll?.cancel()
    this.#watch.close()
  }

  #noticed(directory: string, name: string | undefined): void {
    if (this.#closed || !this.#readers.some((reader) => reader.concerns(directory, name))) return
    if (name === undefined || !isResourceFile(name)) this.#noticedFiles = undefined
    else this.#noticedFiles?.add(join(directory, name))
    this.#wait(this.#options.quietMs ?? QUIET_MS)
  }

  #wait(ms: number): void {
    const now = this.#clock.monotonic()
    if (!this.#quiet) this.#firstNotice = now
    this.#quiet?.cancel()
    const left = Math.max(0, this.#firstNotice + (this.#options.longestWaitMs ?? LONGEST_WAIT_MS) - now)
    this.#quiet = this.#clock.setTimer(Math.min(ms, left), () => {
      this.#quiet = undefined
      this.#look()
    })
  }

  /** In slices. A look that nothing had asked for makes room for one that something has; others are waited for. */
  #look(): void {
    if (this.#looking?.isPoll === true) this.#endPoll()
    if (this.#looking !== undefined) {
      this.#isAskedAgain = true
      return
    }
    this.#begin(this.#noticedOnly(), false, () => {
      if (!this.#isAskedAgain) return
      this.#isAskedAgain = false
      this.#look()
    })
  }

  #begin(steps: Steps<void>, isPoll: boolean, then: () => void): void {
    let isOver = false
    const over = (): void => {
      isOver = true
      this.#looking = undefined
      if (!this.#closed) then()
    }
    const failed = (error: unknown): void => {
      warnOfListener(error)
      over()
    }
    const work = inSlices(steps, { done: over, failed }, () => this.#clock.exact())
    if (!isOver) this.#looking = { work, isPoll }
  }

  #endPoll(): void {
    this.#looking?.work.cancel()
    this.#looking = undefined
    this.#schedulePoll(0)
  }

  *#noticedOnly(): Steps<void> {
    const files = this.#noticedFiles
    this.#noticedFiles = new Set()
    if (files === undefined || files.size === 0) return yield* this.#everywhere()
    for (const file of files) {
      const result = yield* this.#refreshFile(file)
      // A new file, or one that has gone: its place among the others has to be found.
      if (!result) return yield* this.#everywhere()
      this.#found.push(result)
    }
    yield
    this.#take()
  }

  *#refreshFile(file: string): Steps<Refresh | undefined> {
    for (const reader of this.#readers) {
      const result = yield* reader.refreshFile(file)
      if (result) return result
    }
    return undefined
  }

  *#everywhere(): Steps<void> {
    for (const reader of this.#readers) this.#found.push(yield* reader.refresh())
    yield
    this.#rewatch()
    this.#take()
  }

  #take(): void {
    const results = this.#found.splice(0)
    if (results.some((result) => result.changed)) {
      this.snapshot.set(this.#assemble())
    }
    this.#lookAgain(results)
  }

  #lookAgain(results: readonly Refresh[]): void {
    const asked = results.flatMap(({ again }) => again ?? [])
    if (asked.length === 0) return
    for (const { files } of asked) for (const file of files) this.#noticedFiles?.add(file)
    if (this.#quiet) return
    this.#quiet = this.#clock.setTimer(Math.min(...asked.map(({ ms }) => ms)) + 1, () => {
      this.#quiet = undefined
      this.#look()
    })
  }

  #assemble(): ConfigSnapshot {
    const files = this.#files()
    this.#loader.prune(files)
    const now = this.#clock.now()
    this.#assembly = assemble(files, { overrides: this.#options, now, ...(this.#assembly ? { previous: this.#assembly } : {}) })
    return snapshotOf(this.#assembly)
  }

  #files(): readonly LoadedFile[] {
    // One source has each file once.
    const [only] = this.#readers
    const seen = new Set<string>()
    const files = only && this.#readers.length === 1 ? only.files(undefined) : this.#readers.flatMap((reader) => reader.files(seen))
    const unwatched = this.#unwatched()
    if (unwatched === undefined) return files
    return [...files, { source: unwatched.source, documents: [], issues: [unwatched], opaque: false, places: noPlaces }]
  }

  #rewatch(): void {
    this.#watch.set(this.#readers.flatMap((reader) => reader.watched()))
  }

  /** Without events changes are still found, only later. */
  #unwatched(): Issue | undefined {
    const [failure] = this.#watch.failures
    if (!failure) return undefined
    const [directory, why] = failure
    const message = `${directory} cannot be watched (${why}): changes are noticed within a few seconds only`
    return { ...sourceIssue('SLP1006', directory, message, 'raise fs.inotify.max_user_watches'), level: 'warning' }
  }

  /** The more there is to look at, the rarer it is looked at. */
  #schedulePoll(tookMs: number): void {
    const every = this.#options.pollMs ?? POLL_MS
    if (every === 0) return
    this.#poll = this.#clock.setTimer(Math.max(every, tookMs * 50), () => {
      const start = this.#clock.monotonic()
      const next = (): void => this.#schedulePoll(this.#clock.monotonic() - start)
      if (this.#looking === undefined) this.#begin(this.#everywhere(), true, next)
      else next()
    })
  }
}
