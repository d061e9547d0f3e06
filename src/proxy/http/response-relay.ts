// Passes one response back to the client, re-written and re-framed, at the client's pace.
import type { Wire } from '../transport.ts'
import { frameChunk, type Pieces } from './chunk-decoder.ts'
import type { HeadScanner } from './head-scanner.ts'
import { type ResponseRules, type SwitchRules, writeInformational, writeResponse, writeSwitch } from './head-writer.ts'
import { OutBuffer } from './out-buffer.ts'
import type { ResponseHead } from './response-head.ts'
import type { Piece } from './tunnel.ts'
import type { ResponseSink, UpstreamFailure } from './upstream-connection.ts'

/** The exchange that a response belongs to. */
export interface RelayOwner {
  /** The wire that the response comes on. */
  readonly upstreamWire: Wire | undefined
  /** Asked for each response; false: it is not the client's, because the request is tried again. */
  takesResponse(head: ResponseHead, scanner: HeadScanner): boolean
  /** Asked once, when the head of the response that counts has come. */
  responseRules(head: ResponseHead, scanner: HeadScanner): ResponseRules
  /** A string says why the origin's switch to another protocol is not believed. */
  switchRules(scanner: HeadScanner): SwitchRules | string
  /** The switch was passed on; what follows is no HTTP. */
  onSwitched(rest: Piece): void
  onResponseComplete(isReusable: boolean): void
  onUpstreamFailed(failure: UpstreamFailure): void
  /** The upstream has room again for the request's body. */
  onUpstreamDrain(): void
  onActivity(): void
}

export interface RelayedRequest {
  readonly method: string
  /** The protocol that it asks to switch to. */
  readonly upgrade: string | undefined
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
  readonly #owner: RelayOwner
  readonly #client: Wire
  #isChunked = false
  #isPending = false

  constructor(owner: RelayOwner, client: Wire, request: RelayedRequest) {
    this.#owner = owner
    this.#client = client
    this.method = request.method
    this.upgrade = request.upgrade
  }

  get hasStarted(): boolean {
    return this.status !== 0
  }

  /** The client has room again. */
  resume(): void {
    this.#owner.upstreamWire?.resume()
  }

  onInformational(head: ResponseHead, scanner: HeadScanner): void {
    // The proxy itself answers Expect, so that an upstream's 100 is for nobody.
    if (head.status === 100) return
    out.reset()
    writeInformational(out, scanner, head)
    this.#client.send(out.bytes, 0, out.length)
  }

  onHead(head: ResponseHead, scanner: HeadScanner): void {
    if (!this.#owner.takesResponse(head, scanner)) return
    this.status = head.status
    this.#isChunked = head.body.kind === 'chunked' || head.body.kind === 'until-close'
    out.reset()
    writeResponse(out, scanner, head, this.#owner.responseRules(head, scanner))
    this.#isPending = true
    this.#owner.onActivity()
  }

  onSwitched(head: ResponseHead, scanner: HeadScanner, rest: Piece): void {
    const rules = this.#owner.switchRules(scanner)
    if (typeof rules === 'string') return this.#owner.onUpstreamFailed({ kind: 'garbage', text: rules, isStale: false })
    this.status = head.status
    out.reset()
    writeSwitch(out, scanner, head, rules)
    this.#client.send(out.bytes, 0, out.length)
    this.#owner.onSwitched(rest)
  }

  onBody(bytes: Buffer, pieces: Pieces, isLast: boolean, trailers?: Buffer): void {
    this.sent += pieces.total
    this.#owner.onActivity()
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
    if (!this.#client.send(out.bytes, 0, out.length)) this.#owner.upstreamWire?.pause()
  }

  onComplete(isReusable: boolean): void {
    this.#owner.onResponseComplete(isReusable)
  }

  onFailed(failure: UpstreamFailure): void {
    this.#isPending = false
    this.#owner.onUpstreamFailed(failure)
  }

  onUpstreamDrain(): void {
    this.#owner.onUpstreamDrain()
  }

  #write(bytes: Buffer, start: number, end: number): void {
    if (this.#isPending && end - start <= SMALL_BYTES) return out.copy(bytes, start, end)
    this.onFlush()
    const client = this.#client
    const upstream = this.#owner.upstreamWire
    // Frames are this response's own; plain bytes are only when the upstream reads into a buffer of its own.
    const isTaken = this.#isChunked || upstream?.isPrivate ? client.lend(bytes, start, end) : client.send(bytes, start, end)
    if (!isTaken) upstream?.pause()
  }
}
