// Cuts a stream of bytes into lines, with half a line kept for later and none longer than memory allows.

/** Longer lines are no flow records. */
const longestLine = 4 * 1024 * 1024

const LINE_END = 10

export class LineSplitter {
  #parts: Buffer[] = []
  #length = 0
  #isSkipping = false

  /** Bytes of the line that has not ended yet. */
  get pending(): number {
    return this.#length
  }

  /** The lines that end in these bytes, without their ends. */
  push(bytes: Buffer): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      this.#keep(bytes.subarray(start, end))
      lines.push(this.#take())
      start = end + 1
    }
    this.#keep(bytes.subarray(start))
    return lines
  }

  /** What has no line end; empty when there is nothing. */
  rest(): string {
    return this.#take()
  }

  reset(): void {
    this.#take()
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#length += bytes.length
    if (this.#length > longestLine) {
      this.#isSkipping = true
      this.#parts = []
      return
    }
    // What is handed in is read over again by the next read.
    this.#parts.push(Buffer.from(bytes))
  }

  #take(): string {
    const text = this.#isSkipping ? '' : Buffer.concat(this.#parts).toString('utf8')
    this.#parts = []
    this.#length = 0
    this.#isSkipping = false
    return text
  }
}
