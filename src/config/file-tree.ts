// Finds the files of a source and reads them, within limits, so that whatever stands there becomes text or an issue.
import { type BigIntStats, closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Issue } from '../api/index.ts'
import { messageOf, type Steps } from '../base/index.ts'

export const STDIN = '-'

/** One file: what was given itself, or found below a directory. */
export interface FoundFile {
  readonly path: string
  /** What is different if the content may be. */
  readonly signature: string
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

const LARGEST_FILE = 64 * 1024 * 1024
const MOST_FILES = 100_000
const CHUNK = 256 * 1024

/** The files of a source, in the order of their names; symbolic links are followed. */
export function* findFiles(source: string): Steps<FoundFiles> {
  if (source === STDIN) return { files: [{ path: STDIN, signature: STDIN }], directories: [], unreadable: [], issues: [], gone: false }
  try {
    const stats = statSync(source, { bigint: true })
    if (!stats.isDirectory()) {
      const file = { path: source, signature: signatureOf(stats) }
      return { files: [file], directories: [], unreadable: [], issues: [], gone: false }
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
      const names = readdirSync(path).sort()
      this.directories.push(path)
      const here = new Set(above).add(real)
      for (const [i, name] of names.entries()) {
        if (!name.startsWith('.')) yield* this.#entry(join(path, name), name, here)
        if (i % 32 === 31) yield
      }
    } catch (error) {
      if (isMissing(error)) return
      this.unreadable.push(path)
      this.issues.push(sourceIssue('SLP1006', path, `${path} cannot be read: ${messageOf(error)}`))
    }
  }

  *#entry(path: string, name: string, above: ReadonlySet<string>): Steps<void> {
    let stats: BigIntStats
    try {
      stats = statSync(path, { bigint: true })
    } catch (error) {
      // A link that leads nowhere now; reading it says so. What has gone since the directory was listed is simply gone.
      if (isResourceFile(name) && isThere(path)) this.#file(path, `unreadable: ${messageOf(error)}`)
      return
    }
    if (stats.isDirectory()) yield* this.directory(path, above)
    else if (stats.isFile() && isResourceFile(name)) this.#file(path, signatureOf(stats))
  }

  #file(path: string, signature: string): void {
    if (this.files.length < MOST_FILES) this.files.push({ path, signature })
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

export function signatureOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
}

export type FileContent = { readonly text: string } | { readonly issue: Issue }

export function readContent(path: string): FileContent {
  try {
    const bytes = readBytes(path)
    if (!bytes) {
      const message = `${nameOf(path)} has more than ${LARGEST_FILE} bytes, the most that is read`
      return { issue: sourceIssue('SLP1005', nameOf(path), message, 'split it into several files') }
    }
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch (error) {
    const isText = error instanceof TypeError
    const message = isText ? `${nameOf(path)} is not UTF-8 text` : `${nameOf(path)} cannot be read: ${messageOf(error)}`
    return { issue: sourceIssue('SLP1006', nameOf(path), message, isText ? 'save it as UTF-8' : undefined) }
  }
}

/** How a source is called in issues and origins. */
export function nameOf(path: string): string {
  return path === STDIN ? '<stdin>' : path
}

export function sourceIssue(code: Issue['code'], source: string, message: string, fix?: string): Issue {
  return Object.freeze({ level: 'error', code, path: '', message, source, ...(fix === undefined ? {} : { fix }) })
}

/** Reads to the end, because pipes do not say how long they are; nothing if it is too much. */
function readBytes(path: string): Uint8Array | undefined {
  const fd = path === STDIN ? 0 : openSync(path, 'r')
  try {
    const chunks: Uint8Array[] = []
    let total = 0
    // Room for one byte more than there are, so that the next reading finds the end.
    const room = Math.min(fstatSync(fd).size + 1, CHUNK)
    for (;;) {
      const chunk = Buffer.allocUnsafe(total === 0 && room > 1 ? room : CHUNK)
      const length = readSync(fd, chunk)
      if (length === 0) return Buffer.concat(chunks, total)
      total += length
      if (total > LARGEST_FILE) return undefined
      chunks.push(chunk.subarray(0, length))
    }
  } finally {
    if (fd !== 0) closeSync(fd)
  }
}
