// Passes one response back to the client, re-written and re-framed, at the client's pace.
import type { Wire } from '../transport.ts'
import { frameChunk, type Pieces } from './chunk-decoder.ts'
import type { HeadScanner } from './head-scanner.ts'
import { type ResponseRules, type SwitchRules, writeInformational, writeResponse, writeSwitch } from './head-writer.ts'
import { OutBuffer } from './out-buffer.ts'
import type { ResponseHead } from './response-head.ts'
import type { Piece } from './tunnel.ts'
import type { ResponseSink, UpstreamFailure } from './upstream-connection.ts'

export interface ResponseRelayOptions {
  readonly client: Wire
  readonly method: string
  /** The protocol that the request asks to switch to. */
  readonly upgrade: string | undefined
  /** Asked for each response; false: it is not the client's, because the request is tried again. */
  readonly takes: (head: ResponseHead, scanner: HeadScanner) => boolean
  /** Asked once, when the head of the response that counts has come. */
  readonly rules: (head: ResponseHead) => ResponseRules
  /** A string says why the origin's switch to another protocol is not believed. */
  readonly switches: (scanner: HeadScanner) => SwitchRules | string
  /** The switch was passed on; what follows is no HTTP. */
  readonly onSwitched: (rest: Piece) => void
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
  readonly upgrade: string | undefined
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
    this.upgrade = options.upgrade
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
    if (!this.#options.takes(head, scanner)) return
    this.status = head.status
    this.#isChunked = head.body.kind === 'chunked' || head.body.kind === 'until-close'
    out.reset()
    writeResponse(out, scanner, head, this.#options.rules(head))
    this.#isPending = true
    this.#options.onActivity()
  }

  onSwitched(head: ResponseHead, scanner: HeadScanner, rest: Piece): void {
    const rules = this.#options.switches(scanner)
    if (typeof rules === 'string') return this.#options.onFailed({ kind: 'garbage', text: rules, isStale: false })
    this.status = head.status
    out.reset()
    writeSwitch(out, scanner, head, rules)
    this.#options.client.send(out.bytes, 0, out.length)
    this.#options.onSwitched(rest)
  }

  onBody(bytes: Buffer, pieces: Pieces, isLast: boolean, trailers?: Buffer): void {
    this.sent += pieces.total
    this.#options.onActivity()
    if (this.#isChunked) {
      const frame = frameChunk(bytes, pieces, isLast, trailers)
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
