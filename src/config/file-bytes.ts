// Reads files within limits, all of them into one buffer, because a large file that is read again and again would leave its size in garbage each time.
import { isAscii, isUtf8 } from 'node:buffer'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Issue } from '../api/index.ts'
import { messageOf } from '../base/index.ts'
import { nameOf, sourceIssue, STDIN } from './file-tree.ts'

export type FileContent = { readonly bytes: Buffer } | { readonly issue: Issue }

const LARGEST_FILE = 64 * 1024 * 1024
/** For what does not say how long it is, and between files. */
const USUAL_ROOM = 64 * 1024
/** A buffer larger than this is let go. */
const MOST_ROOM = 16 * 1024 * 1024

export class FileBytes {
  #room = Buffer.alloc(0)

  /** What is returned stands until the next file is read. `size`: how long it was a moment ago, where that is known. */
  read(path: string, size?: number): FileContent {
    try {
      const bytes = this.#readAll(path, size)
      if (bytes) return { bytes }
      const message = `${nameOf(path)} has more than ${LARGEST_FILE} bytes, the most that is read`
      return { issue: sourceIssue('SLP1005', nameOf(path), message, 'split it into several files') }
    } catch (error) {
      return { issue: sourceIssue('SLP1006', nameOf(path), `${nameOf(path)} cannot be read: ${messageOf(error)}`) }
    } finally {
      if (this.#room.length > MOST_ROOM) this.#room = Buffer.alloc(0)
    }
  }

  /** To the end, because pipes do not say how long they are, and a file may have grown; nothing if it is too much. */
  #readAll(path: string, known: number | undefined): Buffer | undefined {
    const fd = path === STDIN ? 0 : openSync(path, 'r')
    try {
      const size = known ?? sizeOf(fd)
      let length = 0
      for (;;) {
        // Room for one byte more than there are, to see that there are no more.
        this.#reserve(length, size + 1)
        const count = readSync(fd, this.#room, length, this.#room.length - length, null)
        length += count
        if (length > LARGEST_FILE) return undefined
        if (count === 0 || length === size) return this.#room.subarray(0, length)
      }
    } finally {
      if (fd !== 0) closeSync(fd)
    }
  }

  #reserve(used: number, wanted: number): void {
    const least = Math.min(Math.max(used + 1, wanted), LARGEST_FILE + 1)
    if (this.#room.length >= least) return
    const room = Buffer.allocUnsafeSlow(Math.max(least, 2 * used, USUAL_ROOM))
    this.#room.copy(room, 0, 0, used)
    this.#room = room
  }
}

/** Nothing, where it is not known. */
function sizeOf(fd: number): number {
  const stats = fstatSync(fd)
  return stats.isFile() ? stats.size : 0
}

export class NotUtf8 extends Error {}

/** Nearly all declarations are plain ASCII, which needs no decoding: that is ten times as fast. Throws `NotUtf8`. */
export function textOf(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  if (!isUtf8(bytes)) throw new NotUtf8()
  return bytes.toString()
}

/** The bytes that a file had when its documents were read last. They are written over when it is read again. */
export class KeptBytes {
  #room: Buffer
  #length = 0

  constructor(bytes: Buffer) {
    this.#room = Buffer.alloc(0)
    this.set(bytes)
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  set(bytes: Buffer): void {
    // Files grow by little.
    if (bytes.length > this.#room.length) this.#room = Buffer.allocUnsafeSlow(bytes.length + (bytes.length >> 4))
    this.#length = bytes.copy(this.#room)
  }
}
