// Keeps the last lines that a command has written, each with its time, within a bound of bytes, and tells who follows of further ones.

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** With its end, unless the command has not written that yet. */
  readonly text: Buffer
}

const usualBytes = 4 * 1024 * 1024
/** A longer one is kept in pieces. */
const longestLine = 16 * 1024
/** What is kept for a line beside its bytes. */
const lineBytes = 100
const newline = 0x0a

export class LogRing {
  readonly #mostBytes: number
  readonly #now: () => number
  #lines: LogLine[] = []
  #first = 0
  #bytes = 0
  /** By stream: what has no end yet. */
  readonly #rest = new Map<string, Buffer>()
  readonly #followers = new Set<(line: LogLine | undefined) => void>()
  #isClosed = false

  constructor(mostBytes = usualBytes, now: () => number = Date.now) {
    this.#mostBytes = mostBytes
    this.#now = now
  }

  /** `stream` tells apart what is written in turns. */
  write(stream: string, chunk: Buffer): void {
    let rest = chunk
    for (let at = rest.indexOf(newline); at >= 0; at = rest.indexOf(newline)) {
      this.#add(Buffer.concat([this.#takeRest(stream), rest.subarray(0, at + 1)]))
      rest = rest.subarray(at + 1)
    }
    if (rest.length === 0) return
    const open = Buffer.concat([this.#takeRest(stream), rest])
    if (open.length < longestLine) this.#rest.set(stream, open)
    else this.#add(open)
  }

  /** What was kept, oldest first. */
  lines(): readonly LogLine[] {
    return this.#lines.slice(this.#first)
  }

  /** Calls with each further line, and with undefined when no more come. */
  follow(follower: (line: LogLine | undefined) => void): () => void {
    if (this.#isClosed) follower(undefined)
    else this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  close(): void {
    for (const stream of Array.from(this.#rest.keys())) this.#add(this.#takeRest(stream))
    this.#isClosed = true
    for (const follower of Array.from(this.#followers)) follower(undefined)
    this.#followers.clear()
  }

  #takeRest(stream: string): Buffer {
    const rest = this.#rest.get(stream)
    this.#rest.delete(stream)
    return rest ?? Buffer.alloc(0)
  }

  #add(text: Buffer): void {
    // A part of a larger buffer would keep all of it.
    const line = { at: this.#now(), text: Buffer.from(text) }
    this.#lines.push(line)
    this.#bytes += text.length + lineBytes
    while (this.#bytes > this.#mostBytes) this.#bytes -= (this.#lines[this.#first++]?.text.length ?? 0) + lineBytes
    if (this.#first > 1000 && this.#first * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
    for (const follower of Array.from(this.#followers)) follower(line)
  }
}
