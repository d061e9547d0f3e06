// Reads the HTTP/1.1 messages that the proxy writes to a stream of HTTP/2, and tells their parts: head, payload, trailers.
import { ChunkDecoder, Pieces } from '../http/chunk-decoder.ts'
import { HeadScanner } from '../http/head-scanner.ts'
import { kindIndex } from '../http/header-name.ts'

export interface MessageTaker {
  /** `scanner` is valid during the call only. */
  onHead(scanner: HeadScanner, isLast: boolean): void
  onPayload(bytes: Uint8Array, start: number, end: number, isLast: boolean): void
  /** Lines with their line ends. Nothing comes after them. */
  onTrailers(lines: string): void
  /** What was written is no message. */
  onBroken(text: string): void
}

/** What the proxy writes has what came in and what it adds. */
const MOST_LINES = 512

const scanner = new HeadScanner(MOST_LINES)
const pieces = new Pieces()

type State = 'head' | 'length' | 'chunked' | 'over'

export class MessageReader {
  readonly #taker: MessageTaker
  /** Of the request that a response answers; undefined: requests are read. */
  readonly #answered: string | undefined
  #state: State = 'head'
  #left = 0
  #chunks: ChunkDecoder | undefined

  constructor(taker: MessageTaker, answered: string | undefined) {
    this.#taker = taker
    this.#answered = answered
  }

  /** Heads come in one piece each: the proxy writes them so. */
  take(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && this.#state === 'head') at = this.#takeHead(bytes, at, end)
    if (at === end) return
    if (this.#state === 'length') this.#takeLength(bytes, at, end)
    else if (this.#state === 'chunked') this.#takeChunks(bytes, at, end)
  }

  #takeHead(bytes: Buffer, start: number, end: number): number {
    const isResponse = this.#answered !== undefined
    const at = isResponse ? scanner.scanResponse(bytes, start, end) : scanner.scanRequest(bytes, start, end)
    if (at <= 0) return this.#break(scanner.problem?.text ?? 'its head is not whole', end)
    if (isResponse && scanner.status < 200) {
      this.#taker.onHead(scanner, false)
      return at
    }
    this.#state = this.#bodyState()
    if (this.#state === 'chunked') {
      // A body that ends at once needs no frame of its own.
      const isEmpty = end - at === EMPTY.length && bytes.compare(EMPTY, 0, EMPTY.length, at, end) === 0
      if (isEmpty) this.#state = 'over'
      this.#taker.onHead(scanner, isEmpty)
      return isEmpty ? end : at
    }
    this.#taker.onHead(scanner, this.#state === 'over')
    return at
  }

  /** RFC 9112 §6.3, of messages that are never ended by the end of their connection. */
  #bodyState(): State {
    const { status } = scanner
    const hasNone = this.#answered === 'HEAD' || (this.#answered !== undefined && (status === 204 || status === 304))
    this.#left = 0
    let isChunked = false
    for (let line = 0; line < scanner.count; line++) {
      const kind = scanner.kind(line)
      if (kind === kindIndex['content-length']) this.#left = Math.max(0, scanner.natural(line))
      else if (kind === kindIndex['transfer-encoding']) isChunked = true
    }
    if (hasNone) return 'over'
    if (isChunked) {
      this.#chunks = new ChunkDecoder({ allowsExtensions: false })
      return 'chunked'
    }
    return this.#left === 0 ? 'over' : 'length'
  }

  #takeLength(bytes: Buffer, start: number, end: number): void {
    const to = Math.min(end, start + this.#left)
    this.#left -= to - start
    if (this.#left === 0) this.#state = 'over'
    this.#taker.onPayload(bytes, start, to, this.#left === 0)
  }

  #takeChunks(bytes: Buffer, start: number, end: number): void {
    const chunks = this.#chunks
    if (!chunks) return
    pieces.clear()
    chunks.decode(bytes, start, end, pieces)
    if (chunks.problem !== undefined) return void this.#break(chunks.problem, end)
    const { isDone, trailers } = chunks
    if (isDone) this.#state = 'over'
    const ranges = pieces.ranges.slice()
    for (let index = 0; index < ranges.length; index += 2) {
      const isLast = isDone && trailers === undefined && index + 2 === ranges.length
      this.#taker.onPayload(bytes, ranges[index] ?? 0, ranges[index + 1] ?? 0, isLast)
    }
    if (!isDone) return
    if (trailers !== undefined) this.#taker.onTrailers(trailers.toString('latin1'))
    else if (ranges.length === 0) this.#taker.onPayload(bytes, end, end, true)
  }

  #break(text: string, end: number): number {
    this.#state = 'over'
    this.#taker.onBroken(text)
    return end
  }
}

const EMPTY = Buffer.from('0\r\n\r\n', 'latin1')
