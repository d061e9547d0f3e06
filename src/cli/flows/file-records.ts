// Reads a file of flow records from its end, and follows it through truncation and rotation, half lines included.
import { closeSync, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../base/index.ts'
import { LineSplitter } from './line-splitter.ts'
import { type RecordSource, SourceError, type Visit } from './record-source.ts'
import { openDescriptorRecords } from './stream-records.ts'

const CHUNK = 256 * 1024
const POLL_MS = 100
const LINE_END = 10

/** Throws `SourceError` when the file cannot be read. */
export function openFileRecords(path: string, options: { readonly follow: boolean }): RecordSource {
  const fd = open(path)
  const stats = fstatSync(fd)
  if (stats.isFile()) return new FileRecords(path, fd, options.follow)
  if (!stats.isDirectory()) return openDescriptorRecords(path, fd, options)
  closeSync(fd)
  throw new SourceError(4, `${path} is a directory`, 'name the file that --flows wrote')
}

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new SourceError(4, `cannot read ${path}: ${messageOf(error)}`, 'name a file that --flows wrote, or the admin address of a proxy')
  }
}

class FileRecords implements RecordSource {
  readonly name: string
  readonly order = 'newest first'
  #fd: number
  /** Everything before it belongs to the history: the end of the last whole line at the time of opening. */
  readonly #end: number
  readonly #isFollowed: boolean

  constructor(path: string, fd: number, isFollowed: boolean) {
    this.name = path
    this.#fd = fd
    this.#isFollowed = isFollowed
    this.#end = endOfLines(fd, fstatSync(fd).size)
  }

  history(visit: Visit): Promise<void> {
    if (this.#isFollowed || this.#visitRest(visit)) readBackwards(this.#fd, this.#end, visit)
    return Promise.resolve()
  }

  /** A last line without an end: a whole record, or one that is being written, which whoever follows will see. */
  #visitRest(visit: Visit): boolean {
    const rest = readAt(this.#fd, this.#end, fstatSync(this.#fd).size - this.#end).toString('utf8')
    return rest.endsWith('}') ? visit(rest) : true
  }

  async follow(take: (line: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const splitter = new LineSplitter()
    let offset = this.#end
    const drain = async (): Promise<boolean> => {
      const bytes = readAt(this.#fd, offset, CHUNK)
      offset += bytes.length
      for (const line of splitter.push(bytes)) await take(line)
      return bytes.length > 0
    }
    while (!signal.aborted) {
      if (await drain()) continue
      const there = statSync(this.name, { throwIfNoEntry: false })
      const own = fstatSync(this.#fd)
      if (own.size < offset) {
        // Truncated, as `copytruncate` does: what is written now begins anew.
        offset = 0
        splitter.reset()
      } else if (there !== undefined && !isSame(there, own)) {
        while (await drain());
        closeSync(this.#fd)
        this.#fd = open(this.name)
        offset = 0
        splitter.reset()
      } else await pause(signal)
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/** A file tells nobody when it grows over a network or in another namespace; looking is certain. */
async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(POLL_MS, undefined, { signal })
  } catch {
    // It was told to end.
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  if (length <= 0) return Buffer.alloc(0)
  const bytes = Buffer.allocUnsafe(Math.min(length, 16 * CHUNK))
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset))
}

/** The place after the last line end before `size`. */
function endOfLines(fd: number, size: number): number {
  for (let end = size; end > 0; end -= Math.min(CHUNK, end)) {
    const start = Math.max(0, end - CHUNK)
    const at = readAt(fd, start, end - start).lastIndexOf(LINE_END)
    if (at >= 0) return start + at + 1
  }
  return 0
}

function readBackwards(fd: number, end: number, visit: Visit): void {
  let tail: Buffer[] = []
  for (let stop = end; stop > 0; ) {
    const start = Math.max(0, stop - CHUNK)
    const chunk = readAt(fd, start, stop - start)
    let lineEnd = chunk.length
    for (let at = chunk.lastIndexOf(LINE_END); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(LINE_END, at - 1)) {
      const line = Buffer.concat([chunk.subarray(at + 1, lineEnd), ...tail]).toString('utf8')
      tail = []
      lineEnd = at
      if (line !== '' && !visit(line)) return
    }
    // Copies nothing of a line that is longer than any record.
    tail = tail.length < 16 ? [chunk.subarray(0, lineEnd), ...tail] : []
    stop = start
  }
  const first = Buffer.concat(tail).toString('utf8')
  if (first !== '') visit(first)
}
