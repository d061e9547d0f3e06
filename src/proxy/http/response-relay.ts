// Passes one response back to the client, re-written and re-framed, at the client's pace.
import type { Wire } from '../transport.ts'
import { frameChunk, type Pieces } from './chunk-decoder.ts'
import type { HeadScanner } from './head-scanner.ts'
import { type ResponseRules, writeInformational, writeResponse } from './head-writer.ts'
import { OutBuffer } from './out-buffer.ts'
import type { ResponseHead } from './response-head.ts'
import type { ResponseSink, UpstreamFailure } from './upstream-connection.ts'

export interface ResponseRelayOptions {
  readonly client: Wire
  readonly method: string
  /** Asked once, when the response's head has come. */
  readonly rules: (head: ResponseHead) => ResponseRules
  readonly upstream: () => Wire | undefined
  readonly onComplete: (isReusable: boolean) => void
  readonly onFailed: (failure: UpstreamFailure) => void
  /** The upstream has room again for the request's body. */
  readonly onUpstreamDrain: () => void
  readonly onActivity: () => void
}

/** A head and the small body behind it leave in one write. From the head to the flush nobody else uses this. */
const out = new OutBuffer()
const SMALL_BYTES = 16_384

export class ResponseRelay implements ResponseSink {
  readonly method: string
  /** Status that was passed on; 0 = none yet. */
  status = 0
  /** Payload bytes that were passed on. */
  sent = 0
  readonly #options: ResponseRelayOptions
  #isChunked = false
  #isPending = false

  constructor(options: ResponseRelayOptions) {
    this.#options = options
    this.method = options.method
  }

  get hasStarted(): boolean {
    return this.status !== 0
  }

  /** The client has room again. */
  resume(): void {
    this.#options.upstream()?.resume()
  }

  onInformational(head: ResponseHead, scanner: HeadScanner): void {
    // The proxy itself answers Expect, so that an upstream's 100 is for nobody.
    if (head.status === 100) return
    out.reset()
    writeInformational(out, scanner, head)
    this.#options.client.send(out.bytes, 0, out.length)
  }

  onHead(head: ResponseHead, scanner: HeadScanner): void {
    this.status = head.status
    this.#isChunked = head.body.kind === 'chunked' || head.body.kind === 'until-close'
    out.reset()
    writeResponse(out, scanner, head, this.#options.rules(head))
    this.#isPending = true
    this.#options.onActivity()
  }

  onBody(bytes: Buffer, pieces: Pieces, isLast: boolean): void {
    this.sent += pieces.total
    this.#options.onActivity()
    if (this.#isChunked) {
      const frame = frameChunk(bytes, pieces, isLast)
      return this.#write(frame, 0, frame.length)
    }
    const { ranges } = pieces
    for (let index = 0; index < ranges.length; index += 2) this.#write(bytes, ranges[index] ?? 0, ranges[index + 1] ?? 0)
  }

  onFlush(): void {
    if (!this.#isPending) return
    this.#isPending = false
    const head = out.take()
    if (!this.#options.client.lend(head, 0, head.length)) this.#options.upstream()?.pause()
  }

  onComplete(isReusable: boolean): void {
    this.#options.onComplete(isReusable)
  }

  onFailed(failure: UpstreamFailure): void {
    this.#isPending = false
    this.#options.onFailed(failure)
  }

  onUpstreamDrain(): void {
    this.#options.onUpstreamDrain()
  }

  #write(bytes: Buffer, start: number, end: number): void {
    if (this.#isPending && end - start <= SMALL_BYTES) return out.copy(bytes, start, end)
    this.onFlush()
    const { client } = this.#options
    const upstream = this.#options.upstream()
    // Frames are this response's own; plain bytes are only when the upstream reads into a buffer of its own.
    const isTaken = this.#isChunked || upstream?.isPrivate ? client.lend(bytes, start, end) : client.send(bytes, start, end)
    if (!isTaken) upstream?.pause()
  }
}
