// Finds the files of a source, within limits, so that whatever stands there becomes a file or an issue.
import { type BigIntStats, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Issue } from '../api/index.ts'
import { messageOf, type Steps } from '../base/index.ts'

export const STDIN = '-'

/** One file: what was given itself, or found below a directory. */
export interface FoundFile {
  readonly path: string
  /** What is different if the content may be. */
  readonly signature: string
  /** Milliseconds since the epoch, by the later of the two times that a change leaves. */
  readonly changedAt: number
  /** Bytes; absent where that is not known. */
  readonly size?: number
}

export interface FoundFiles {
  readonly files: readonly FoundFile[]
  /** Directories in which something may appear or change. */
  readonly directories: readonly string[]
  /** Directories that are there and cannot be listed: what was found below them before is still there for all we know. */
  readonly unreadable: readonly string[]
  readonly issues: readonly Issue[]
  /** The source itself is not there, or cannot be read. */
  readonly gone: boolean
}

const MOST_FILES = 100_000

/** The files of a source, in the order of their names; symbolic links are followed. */
export function* findFiles(source: string): Steps<FoundFiles> {
  if (source === STDIN)
    return { files: [{ path: STDIN, signature: STDIN, changedAt: 0 }], directories: [], unreadable: [], issues: [], gone: false }
  try {
    const stats = statSync(source, { bigint: true })
    if (!stats.isDirectory()) {
      return { files: [foundFile(source, stats)], directories: [], unreadable: [], issues: [], gone: false }
    }
  } catch (error) {
    const fix = 'check the path, and that Sallyport may read it'
    const message = `${source} cannot be read: ${messageOf(error)}`
    return { files: [], directories: [], unreadable: [], issues: [sourceIssue('SLP1006', source, message, fix)], gone: true }
  }
  const walk = new DirectoryWalk()
  yield* walk.directory(source, new Set())
  const { files, directories, unreadable, issues } = walk
  return { files, directories, unreadable, issues, gone: directories.length === 0 }
}

class DirectoryWalk {
  readonly files: FoundFile[] = []
  readonly directories: string[] = []
  readonly unreadable: string[] = []
  readonly issues: Issue[] = [];

  /** `above` holds the real paths of the directories around this one: a link to one of them would never end. */
  *directory(path: string, above: ReadonlySet<string>): Steps<void> {
    try {
      const real = realpathSync(path)
      if (above.has(real)) return
      const names = readdirSync(path)
      yield
      names.sort()
      this.directories.push(path)
      const inside = join(path, 'x').slice(0, -1)
      const here = new Set(above).add(real)
      for (const [i, name] of names.entries()) {
        if (!name.startsWith('.') && this.#isDirectory(inside + name, name)) yield* this.directory(inside + name, here)
        if (i % 32 === 31) yield
      }
    } catch (error) {
      if (isMissing(error)) return
      this.unreadable.push(path)
      this.issues.push(sourceIssue('SLP1006', path, `${path} cannot be read: ${messageOf(error)}`))
    }
  }

  /** Whether there are others to be looked for in it; a file is noted. */
  #isDirectory(path: string, name: string): boolean {
    let stats: BigIntStats
    try {
      stats = statSync(path, { bigint: true })
    } catch (error) {
      // A link that leads nowhere now; reading it says so. What has gone since the directory was listed is simply gone.
      if (isResourceFile(name) && isThere(path)) this.#file({ path, signature: `unreadable: ${messageOf(error)}`, changedAt: 0 })
      return false
    }
    if (stats.isFile() && isResourceFile(name)) this.#file(foundFile(path, stats))
    return stats.isDirectory()
  }

  #file(file: FoundFile): void {
    const { path } = file
    if (this.files.length < MOST_FILES) this.files.push(file)
    else if (this.files.length === MOST_FILES && !this.issues.some((issue) => issue.code === 'SLP1005')) {
      this.issues.push(sourceIssue('SLP1005', path, `more than ${MOST_FILES} files: this one and those behind it are not read`))
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Hidden files are never read: those of editors, and those by which Kubernetes swaps the content of a volume. */
export function isResourceFile(name: string): boolean {
  return !name.startsWith('.') && /\.(ya?ml|json)$/i.test(name)
}

export function foundFile(path: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FoundFile {
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  return { path, signature: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, changedAt: Number(latest) / 1e6, size: Number(size) }
}

/** How a source is called in issues and origins. */
export function nameOf(path: string): string {
  return path === STDIN ? '<stdin>' : path
}

export function sourceIssue(code: Issue['code'], source: string, message: string, fix?: string): Issue {
  return Object.freeze({ level: 'error', code, path: '', message, source, ...(fix === undefined ? {} : { fix }) })
}
