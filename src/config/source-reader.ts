// Keeps what one source holds: looks for changes, reads what has changed, and keeps the rest.
import { lstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Issue } from '../api/index.ts'
import { spliced, type Steps } from '../base/index.ts'
import { type LoadedFile, noPlaces } from './assembly.ts'
import type { FileLoader } from './file-loader.ts'
import { type FoundFile, type FoundFiles, findFiles, foundFile, nameOf, sourceIssue, STDIN } from './file-tree.ts'

/** A file whose last change is younger than this may change again without its times telling: the kernel's clock for them ticks every 10 ms at most. */
const RACY_MS = 15
/** So long an emptied file may be one that is just being written. */
const WRITING_MS = 200

interface Known {
  /** Of the file, by whatever path it is given. */
  readonly key: string
  readonly signature: string
  readonly loaded: LoadedFile
  /** When it was read. */
  readonly at: number
  /** Read so soon after its change that it has to be read once more. */
  readonly racy: boolean
}

export interface Refresh {
  readonly changed: boolean
  /** Some files should be looked at again in so many milliseconds. */
  readonly again?: { readonly ms: number; readonly files: readonly string[] }
}

/** What a look finds. */
class Findings {
  changed = false
  readonly #files: string[] = []
  #ms = Number.POSITIVE_INFINITY

  lookAgain(file: string, ms: number): void {
    this.#files.push(file)
    this.#ms = Math.min(this.#ms, ms)
  }

  get again(): Refresh['again'] {
    return this.#files.length === 0 ? undefined : { ms: this.#ms, files: this.#files }
  }
}

export class SourceReader {
  readonly source: string
  readonly #loader: FileLoader
  readonly #now: () => number
  #files = new Map<string, Known>()
  /** What the files hold, in their order; made when it is asked for. */
  #loaded: readonly LoadedFile[] | undefined
  #issues: readonly Issue[] = []
  /** A change was found by a look that was given up. */
  #isUntold = false
  #directories: readonly string[] = []

  constructor(source: string, loader: FileLoader, now: () => number) {
    this.source = source
    this.#loader = loader
    this.#now = now
  }

  /** In the order of their names, with what is to be said about the source as a whole; without those that are `seen`, which it adds to. */
  files(seen: Set<string> | undefined): readonly LoadedFile[] {
    const files = seen === undefined ? this.#all() : this.#unseen(seen)
    if (this.#issues.length === 0) return files
    return [...files, { source: nameOf(this.source), documents: [], issues: this.#issues, opaque: false, places: noPlaces }]
  }

  #all(): readonly LoadedFile[] {
    return (this.#loaded ??= Array.from(this.#files.values(), ({ loaded }) => loaded))
  }

  #unseen(seen: Set<string>): LoadedFile[] {
    const files: LoadedFile[] = []
    for (const { key, loaded } of this.#files.values()) {
      if (seen.has(key)) continue
      seen.add(key)
      files.push(loaded)
    }
    return files
  }

  /** Looks at all files. May be given up at any step: what was found by then is told by the next look. */
  *refresh(): Steps<Refresh> {
    if (this.source === STDIN && this.#files.size > 0) return { changed: false }
    const found = yield* findFiles(this.source)
    if (found.gone && this.#files.size > 0) return this.#lost(found)
    this.#directories = found.directories
    const changes = new Findings()
    const files = new Map<string, Known>()
    let count = 0
    for (const file of found.files) {
      files.set(file.path, yield* this.#look(file, changes))
      if (++count % 64 === 0) yield
    }
    for (const [path, known] of this.#files) {
      if (files.has(path)) continue
      if (found.unreadable.some((directory) => path.startsWith(`${directory}/`))) files.set(path, known)
      else changes.changed = true
    }
    this.#say(found.issues, changes)
    this.#files = files
    if (changes.changed) this.#loaded = undefined
    return this.#result(changes)
  }

  /** Looks at one file that is known; false if that is not enough. */
  *refreshFile(path: string): Steps<Refresh | undefined> {
    const known = this.#files.get(path)
    const stats = known && statSync(path, { bigint: true, throwIfNoEntry: false })
    if (!known || !stats?.isFile()) return undefined
    const changes = new Findings()
    this.#keep(path, yield* this.#look(foundFile(path, stats), changes))
    return this.#result(changes)
  }

  /** Directories in which a change may show. */
  watched(): string[] {
    if (this.source === STDIN) return []
    const around = [dirname(this.source)]
    try {
      around.push(dirname(realpathSync(this.source)))
    } catch (error) {
      // It is not there now; its directory tells when it comes back.
      if (!(error instanceof Error)) throw error
    }
    return [...around, ...this.#directories]
  }

  /** Whether a change of `name` in `directory` can concern this source. */
  concerns(directory: string, name: string | undefined): boolean {
    if (name === undefined || this.#directories.includes(directory)) return true
    // A link may lead by way of other names in its directory.
    return name === basename(this.source) || isLink(this.source)
  }

  #keep(path: string, known: Known): void {
    const before = this.#files.get(path)?.loaded
    this.#files.set(path, known)
    if (this.#loaded === undefined || before === known.loaded) return
    const at = before === undefined ? -1 : this.#loaded.indexOf(before)
    this.#loaded = at < 0 ? undefined : spliced(this.#loaded, at, at + 1, [known.loaded])
  }

  *#look(file: FoundFile, changes: Findings): Steps<Known> {
    const known = this.#files.get(file.path)
    const now = this.#now()
    if (known && known.signature === file.signature && !(known.racy && now - known.at > RACY_MS)) {
      if (known.racy) changes.lookAgain(file.path, RACY_MS)
      return known
    }
    const found = yield* this.#loader.load(file, known?.loaded)
    // What says the same stays the same object.
    const loaded = known && isSame(known.loaded, found) ? known.loaded : found
    const age = now - file.changedAt
    if (known && isEmptied(known.loaded, loaded) && age < WRITING_MS) {
      changes.lookAgain(file.path, WRITING_MS)
      return { ...known, signature: '' }
    }
    if (known?.loaded !== loaded) changes.changed = true
    const racy = age < RACY_MS
    if (racy) changes.lookAgain(file.path, RACY_MS)
    const made = {
      key: known?.key ?? keyOf(file.path),
      signature: file.signature,
      loaded,
      at: now,
      racy,
    }
    // Its documents have taken their new places, so from now on this is the file that is known.
    if (known) {
      this.#keep(file.path, made)
      this.#isUntold ||= changes.changed
    }
    return made
  }

  /** The source was there and is not: until it comes back, what it held goes on. */
  #lost(found: FoundFiles): Refresh {
    const changes = new Findings()
    const why = found.issues[0]?.message ?? `${nameOf(this.source)} cannot be read`
    const fix = 'bring it back; to withdraw what it declares, empty it or start without it'
    this.#say([sourceIssue('SLP1007', nameOf(this.source), `${why}; what was read from it goes on`, fix)], changes)
    return this.#result(changes)
  }

  #result({ changed, again }: Findings): Refresh {
    const isChanged = changed || this.#isUntold
    this.#isUntold = false
    return again === undefined ? { changed: isChanged } : { changed: isChanged, again }
  }

  #say(issues: readonly Issue[], changes: Findings): void {
    const same = issues.length === this.#issues.length && issues.every((issue, i) => issue.message === this.#issues[i]?.message)
    if (same) return
    this.#issues = issues
    changes.changed = true
  }
}

/** A file given twice, by itself and by its directory, is one file. */
export function isFirst(path: string, seen: Set<string>): boolean {
  const key = keyOf(path)
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

function keyOf(path: string): string {
  const key = path === STDIN ? path : resolve(path)
  // Of ten thousand paths, one text each is enough.
  return key === path ? path : key
}

function isEmptied(before: LoadedFile, after: LoadedFile): boolean {
  return before.documents.length > 0 && after.documents.length === 0 && after.issues.length === 0
}

function isSame(a: LoadedFile, b: LoadedFile): boolean {
  if (a === b) return true
  if (a.places !== b.places) return false
  const documents = a.documents.length === b.documents.length && a.documents.every((document, i) => document === b.documents[i])
  return documents && a.issues.length === b.issues.length && a.issues.every((issue, i) => issue.message === b.issues[i]?.message)
}

/** What is not there now may come back as one. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? true
}
