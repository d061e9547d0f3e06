// Keeps the last good configuration of an xDS server on disk, for the next start when the server is away.
import { join } from 'node:path'
import { contentHash, messageOf } from '../base/index.ts'
import { decodeHeld, encodeHeld, type LastGoodOwner, readLastGood, type Restoring, type ToKeep, writeLastGood } from '../xds/index.ts'

/** Writes are so far apart at least, */
const apartMs = 1000
/** and so many times as long as the last one took: a large configuration that changes all the time must not keep the disk busy. */
const apartTimes = 20

/** One file for each node and server. */
export function lastGoodPath(directory: string, { node, server }: LastGoodOwner): string {
  const name = node.replaceAll(/[^\w.~-]+/g, '_').slice(0, 120)
  return join(directory, `${name}.${contentHash(`${node}\n${server}`).replaceAll('-', '_')}.xds`)
}

export interface Restored {
  readonly content: Restoring
  /** Milliseconds since the epoch. */
  readonly savedAt: number
}

/** Undefined when there is none that can be used; why is told, unless there simply is none. */
export function restoreLastGood(path: string, owner: LastGoodOwner): Restored | undefined {
  const read = readLastGood(path, owner)
  if (read.kind === 'absent') return undefined
  if (read.kind === 'refused') return notUsed(path, read.why)
  const content = decodeHeld(read.content)
  return typeof content === 'string' ? notUsed(path, content) : { content, savedAt: read.content.savedAt }
}

function notUsed(path: string, why: string): undefined {
  process.stderr.write(`sallyport: the last good configuration ${path} is not used: ${why}\n`)
}

export class LastGoodKeeper {
  readonly #path: string
  readonly #owner: LastGoodOwner
  readonly #toKeep: () => ToKeep
  #isDirty = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  /** What was last said of a failure. */
  #problem: string | undefined

  constructor(path: string, owner: LastGoodOwner, toKeep: () => ToKeep) {
    this.#path = path
    this.#owner = owner
    this.#toKeep = toKeep
  }

  /** The first change is written at once, later ones together. */
  changed(): void {
    this.#isDirty = true
    if (this.#timer === undefined && this.#writing === undefined) this.#write()
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#writing
    clearTimeout(this.#timer)
    if (this.#isDirty) this.#write()
    await this.#writing
    clearTimeout(this.#timer)
  }

  #write(): void {
    this.#timer = undefined
    this.#isDirty = false
    const began = performance.now()
    this.#writing = this.#attempt().finally(() => {
      this.#writing = undefined
      const waitMs = Math.max(apartMs, apartTimes * (performance.now() - began))
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        if (this.#isDirty) this.#write()
      }, waitMs)
      this.#timer.unref()
    })
  }

  /** Traffic does not depend on it, so it never fails; it is tried again at the next change. */
  async #attempt(): Promise<void> {
    try {
      await writeLastGood(this.#path, this.#owner, encodeHeld(this.#toKeep()))
      this.#problem = undefined
    } catch (error) {
      const problem = messageOf(error)
      if (problem !== this.#problem)
        process.stderr.write(
          `sallyport: the last good configuration cannot be kept, and a start without the server will have none: ${problem}\n`,
        )
      this.#problem = problem
    }
  }
}
