// Writes lines in batches with bounded memory: traffic never waits for a disk, and what had to be dropped is counted and said.
import { messageOf } from '../base/index.ts'
import { linesDropped } from './events.ts'
import { logger } from './log.ts'
import { type Output, openOutput } from './output.ts'

export interface LineWriter {
  /** Takes a line without its line end; never throws, never waits. */
  write(line: string): void
  /** Resolves when every line that was taken before has been written or dropped, or after five seconds. */
  flush(): Promise<void>
  /** Flushes and closes; lines that come later are dropped and counted. */
  close(): Promise<void>
}

export interface LineWriterOptions {
  /** The line that tells readers of the output how many lines are missing at this place. */
  readonly describeLoss: (lines: number) => string
  /** Bytes that may wait for a slow disk. */
  readonly limit?: number
  /** Every line is in ASCII, which is the quickest to write. */
  readonly isAscii?: true
}

/** Throws SLP4001 when the target cannot be opened. */
export function openLineWriter(target: string, options: LineWriterOptions): LineWriter {
  return new BatchedWriter(target, openOutput(target), options)
}

/** A write costs a thread its sleep; Envoy lets lines wait for up to a second. */
const BATCH_MS = 100
/** A batch is written when it is half full, so that one more line nearly always has room in it. */
const BATCH_BYTES = 262_144
const DEFAULT_LIMIT = 16 * 1024 * 1024
const FLUSH_LIMIT_MS = 5000
const CLOSE_LIMIT_MS = 1000
const RETRY_MS = 10
const REPORT_EVERY_MS = 60_000
const LINE_END = 10

const log = logger('telemetry')

/** Lines as they will be written. The first byte is a line end, for where the write before ended inside a line. */
class Batch {
  readonly bytes: Buffer
  length = 1
  lines = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.bytes[0] = LINE_END
  }

  hasRoom(bytes: number): boolean {
    return this.length + bytes < this.bytes.length
  }

  add(line: string, isAscii: boolean): void {
    this.length += this.bytes.write(line, this.length, isAscii ? 'latin1' : 'utf8')
    this.bytes[this.length++] = LINE_END
    this.lines++
  }

  clear(): void {
    this.length = 1
    this.lines = 0
  }
}

class BatchedWriter implements LineWriter {
  readonly #target: string
  readonly #output: Output
  readonly #describeLoss: (lines: number) => string
  readonly #limit: number
  readonly #isAscii: boolean
  /** The last of them is being filled. */
  #batches: Batch[] = []
  #spare: Batch | undefined
  /** Bytes that were taken and are neither written nor dropped. */
  #waiting = 0
  #taken = 0
  #settled = 0
  /** Dropped lines that no line of the output tells of yet: those that could not be written, and those that found no room. */
  readonly #untold = { unwritten: 0, refused: 0 }
  /** The last write ended inside a line, so the next one begins with a line end. */
  #isTorn = false
  #pumping: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #givenUp = false
  #closing: Promise<void> | undefined
  #lastReport = Number.NEGATIVE_INFINITY
  readonly #flushes = new Set<{ readonly until: number; readonly done: () => void }>()

  constructor(target: string, output: Output, options: LineWriterOptions) {
    this.#target = target
    this.#output = output
    this.#describeLoss = options.describeLoss
    this.#limit = options.limit ?? DEFAULT_LIMIT
    this.#isAscii = options.isAscii ?? false
  }

  write(line: string): void {
    if (this.#closing !== undefined || this.#waiting + line.length > this.#limit) {
      this.#drop(1, this.#closing ? 'it is closed' : 'it is too slow')
      return
    }
    const batch = this.#batchFor(line.length)
    const before = batch.length
    batch.add(line, this.#isAscii)
    this.#waiting += batch.length - before - 1
    this.#taken++
    if (batch.length >= BATCH_BYTES / 2) this.#pump()
    else this.#timer ??= setTimeout(() => this.#pump(), BATCH_MS)
  }

  #batchFor(characters: number): Batch {
    // A character of a string takes up to three bytes in UTF-8.
    const most = this.#isAscii ? characters : characters * 3
    let batch = this.#batches.at(-1)
    if (batch?.hasRoom(most)) return batch
    batch = this.#spare?.hasRoom(most) ? this.#spare : new Batch(Math.max(BATCH_BYTES, most + 2))
    if (batch === this.#spare) this.#spare = undefined
    this.#batches.push(batch)
    return batch
  }

  async flush(): Promise<void> {
    if (this.#settled >= this.#taken) return
    await new Promise<void>((resolve) => {
      const limit = setTimeout(() => entry.done(), FLUSH_LIMIT_MS)
      const entry = {
        until: this.#taken,
        done: () => {
          clearTimeout(limit)
          this.#flushes.delete(entry)
          resolve()
        },
      }
      this.#flushes.add(entry)
      this.#pump()
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.flush()
    this.#givenUp = this.#settled < this.#taken
    const hasEnded = await endsWithin(this.#pumping, CLOSE_LIMIT_MS)
    this.#givenUp = true
    clearTimeout(this.#timer)
    const unsettled = this.#taken - this.#settled
    if (unsettled > 0) this.#drop(unsettled, 'it did not take them before the end')
    // A write that hangs still owns the descriptor; closing it would hand its number to somebody else.
    if (hasEnded) this.#output.close()
  }

  #pump(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pumping ??= this.#drain().finally(() => {
      this.#pumping = undefined
      // What came while the loss was being told.
      if (this.#batches.length > 0 && !this.#givenUp) this.#pump()
    })
  }

  /** Never rejects: what fails is dropped and counted. */
  async #drain(): Promise<void> {
    for (;;) {
      const batch = this.#givenUp ? undefined : this.#batches.shift()
      if (batch === undefined) break
      // Where they are missing: before what is written next, and after what filled the room.
      await this.#tellLoss('unwritten')
      const lost = await this.#put(batch)
      this.#waiting -= batch.length - 1 - batch.lines
      this.#settled += batch.lines
      if (lost > 0) this.#count(lost, 'unwritten')
      if (this.#batches.length === 0) await this.#tellLoss('refused')
      for (const flush of this.#flushes) if (flush.until <= this.#settled) flush.done()
      if (batch.bytes.length === BATCH_BYTES) this.#spare = batch
      batch.clear()
    }
    await this.#tellLoss('unwritten')
  }

  async #tellLoss(why: 'unwritten' | 'refused'): Promise<void> {
    const lines = this.#untold[why]
    if (lines === 0 || this.#givenUp) return
    const text = this.#describeLoss(lines)
    const batch = new Batch(text.length * 3 + 2)
    batch.add(text, false)
    if ((await this.#put(batch)) === 0) this.#untold[why] -= lines
  }

  /** Writes lines whole, in order; returns how many of them did not get through. */
  async #put({ bytes, length, lines }: Batch): Promise<number> {
    let offset = this.#isTorn ? 0 : 1
    const begin = offset
    try {
      while (offset < length && !this.#givenUp) {
        const written = await this.#output.write(bytes.subarray(offset, length))
        offset += written
        if (written === 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    } catch (error) {
      this.#report(messageOf(error))
    }
    if (offset > begin) this.#isTorn = bytes[offset - 1] !== LINE_END
    return offset === length ? 0 : Math.min(lines, countLineEnds(bytes.subarray(offset, length)))
  }

  #drop(lines: number, why: string): void {
    this.#report(why)
    this.#count(lines, 'refused')
  }

  #count(lines: number, why: 'unwritten' | 'refused'): void {
    this.#untold[why] += lines
    linesDropped.publish({ target: this.#target, lines })
  }

  /** At once the first time, then at most once a minute: a full disk would otherwise fill stderr too. */
  #report(why: string): void {
    const now = performance.now()
    if (now - this.#lastReport < REPORT_EVERY_MS) return
    this.#lastReport = now
    log.error(`lines for ${this.#target} are being dropped: ${why}`, { code: 'SLP4002' })
  }
}

/** Whether the promise, which never rejects, settles in time. */
async function endsWithin(promise: Promise<void> | undefined, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const hasEnded = await Promise.race([Promise.resolve(promise).then(() => true), limit])
  clearTimeout(timer)
  return hasEnded
}

function countLineEnds(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte === LINE_END) count++
  return count
}
