// Watches directories for changes, so that a store hears of them at once; whoever listens must look for himself as well.
import { type FSWatcher, statSync, watch } from 'node:fs'
import { messageOf } from '../base/index.ts'

export interface WatchEvents {
  /** Something happened to `name` in the directory, or to the directory itself. */
  readonly changed: (directory: string, name: string | undefined) => void
}

interface Watch {
  /** The directory that is watched, not the one that has taken its name since. */
  readonly identity: string
  readonly watcher: FSWatcher
}

export class DirectoryWatch {
  readonly #events: WatchEvents
  readonly #watches = new Map<string, Watch>()
  /** Why a directory cannot be watched. */
  readonly failures = new Map<string, string>()

  constructor(events: WatchEvents) {
    this.#events = events
  }

  /** Watches these directories and no others. */
  set(directories: Iterable<string>): void {
    const wanted = new Set(directories)
    this.failures.clear()
    for (const [directory] of this.#watches) if (!wanted.has(directory)) this.#stop(directory)
    for (const directory of wanted) this.#start(directory)
  }

  close(): void {
    for (const [directory] of this.#watches) this.#stop(directory)
  }

  #start(directory: string): void {
    const identity = identityOf(directory)
    const known = this.#watches.get(directory)
    if (known && known.identity === identity) return
    if (known) this.#stop(directory)
    if (identity === undefined) return
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => this.#events.changed(directory, name ?? undefined))
      watcher.on('error', () => {
        this.#stop(directory)
        this.#events.changed(directory, undefined)
      })
      this.#watches.set(directory, { identity, watcher })
    } catch (error) {
      this.failures.set(directory, messageOf(error))
    }
  }

  #stop(directory: string): void {
    this.#watches.get(directory)?.watcher.close()
    this.#watches.delete(directory)
  }
}

function identityOf(directory: string): string | undefined {
  const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined
}
