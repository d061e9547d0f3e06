// Reads responses from one connection to an origin or the next proxy, one request at a time.
import { HeldBytes } from '../held-bytes.ts'
import type { Wire, WireHandler } from '../transport.ts'
import { ChunkDecoder, Pieces } from './chunk-decoder.ts'
import { type HeadScanner, hasLineEnd } from './head-scanner.ts'
import { interpretResponse, type ResponseHead } from './response-head.ts'
import type { Pooled, UpstreamPool } from './upstream-pool.ts'

export interface UpstreamFailure {
  /** `closed`: the connection ended too early. `garbage`: what came is no valid HTTP. */
  readonly kind: 'closed' | 'garbage'
  readonly text: string
  /** No byte of a response had come on a connection that had served before: the request may never have been read. */
  readonly isStale: boolean
}

/** Who takes a response. What is in `scanner` and `bytes` is valid during the call only. */
export interface ResponseSink {
  readonly method: string
  /** The protocol that the request asks to switch to. */
  readonly upgrade: string | undefined
  onInformational(head: ResponseHead, scanner: HeadScanner): void
  onHead(head: ResponseHead, scanner: HeadScanner): void
  onBody(bytes: Buffer, pieces: Pieces, isLast: boolean, trailers?: Buffer): void
  /** 101: what follows in `bytes`, and on the wire, is no HTTP; the wire is the sink's from now on. */
  onSwitched(head: ResponseHead, scanner: HeadScanner, rest: { readonly bytes: Buffer; readonly start: number; readonly end: number }): void
  /** All that came in one read has been told. */
  onFlush(): void
  onComplete(isReusable: boolean): void
  onFailed(failure: UpstreamFailure): void
  onUpstreamDrain(): void
}

/** Bytes of one body after which a large read buffer pays. */
const BULK_BYTES = 65_536
const MAX_INFORMATIONAL = 16

const pieces = new Pieces()

export interface UpstreamOptions {
  readonly wire: Wire
  readonly key: string
  readonly opened: number
  readonly pool: UpstreamPool<UpstreamConnection>
  readonly headBytes: number
  readonly scanner: HeadScanner
}

export class UpstreamConnection implements WireHandler, Pooled {
  readonly key: string
  readonly opened: number
  readonly wire: Wire
  idleUntil = 0
  readonly #pool: UpstreamPool<UpstreamConnection>
  readonly #scanner: HeadScanner
  readonly #headBytes: number
  readonly #held = new HeldBytes()
  #sink: ResponseSink | undefined
  #head: ResponseHead | undefined
  #left = 0
  #chunks: ChunkDecoder | undefined
  /** Requests that it has answered. */
  served = 0
  #received = false
  #informational = 0
  /** Payload bytes of this response. */
  #bulk = 0

  constructor(options: UpstreamOptions) {
    this.wire = options.wire
    this.key = options.key
    this.opened = options.opened
    this.#pool = options.pool
    this.#headBytes = options.headBytes
    this.#scanner = options.scanner
    options.wire.handler = this
  }

  /** The next response is this sink's. */
  assign(sink: ResponseSink): void {
    this.#sink = sink
    this.#head = undefined
    this.#chunks = undefined
    this.#received = false
    this.#informational = 0
    this.wire.resume()
  }

  close(): void {
    this.#sink = undefined
    this.#pool.remove(this)
    this.wire.close()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    // Nobody asked for these bytes: whatever they are, they must not become the answer to the next request.
    if (!this.#sink) return this.close()
    this.#received = true
    const held = this.#held
    if (held.length === 0) return this.#parse(bytes, start, end)
    held.append(bytes, start, end)
    // A head that dribbles in is scanned again only when a line of it has ended.
    if (!hasLineEnd(bytes, start, end) && held.length <= this.#headBytes) return
    const whole = { bytes: held.bytes, start: held.start, end: held.end }
    held.clear()
    this.#parse(whole.bytes, whole.start, whole.end)
  }

  onEnd(): void {
    if (this.#sink && this.#head?.body.kind === 'until-close') {
      pieces.clear()
      this.#sink.onBody(Buffer.alloc(0), pieces, true)
      return this.#complete(false)
    }
    if (this.#sink) return this.#fail('closed', 'the upstream closed the connection')
    this.close()
  }

  onDrain(): void {
    this.#sink?.onUpstreamDrain()
  }

  onClose(error: Error | undefined): void {
    this.#pool.remove(this)
    this.#fail('closed', error?.message ?? 'the upstream closed the connection')
  }

  #parse(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && this.#sink) {
      at = this.#head ? this.#readBody(this.#head, bytes, at, end) : this.#readHead(this.#sink, bytes, at, end)
    }
    this.#sink?.onFlush()
  }

  /** Returns how far it came; `end` also when the rest was kept for the next read. */
  #readHead(sink: ResponseSink, bytes: Buffer, start: number, end: number): number {
    const at = this.#scanner.scanResponse(bytes, start, end)
    if (at > start && at - start > this.#headBytes) return this.#garbage('its head is too long', end)
    if (at === 0) {
      if (end - start > this.#headBytes) return this.#garbage('its head is too long', end)
      this.#held.append(bytes, start, end)
      return end
    }
    if (at < 0) return this.#garbage(this.#scanner.problem?.text ?? 'its head is malformed', end)
    const head = interpretResponse(this.#scanner, sink.method, sink.upgrade)
    if (typeof head === 'string') return this.#garbage(head, end)
    if (head.status === 101) {
      this.#sink = undefined
      this.#pool.remove(this)
      sink.onSwitched(head, this.#scanner, { bytes, start: at, end })
      return end
    }
    if (head.status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) return this.#garbage('too many interim responses', end)
      sink.onInformational(head, this.#scanner)
      return at
    }
    this.#head = head
    this.#left = head.body.kind === 'length' ? head.body.length : 0
    if (head.body.kind === 'chunked') this.#chunks = new ChunkDecoder({ allowsExtensions: true })
    if (this.#left >= BULK_BYTES) this.wire.promote()
    sink.onHead(head, this.#scanner)
    if (head.body.kind === 'none' || (head.body.kind === 'length' && this.#left === 0)) this.#complete(head.keepAlive && at === end)
    return at
  }

  #readBody(head: ResponseHead, bytes: Buffer, start: number, end: number): number {
    pieces.clear()
    let at = end
    let isLast = false
    if (this.#chunks) {
      at = this.#chunks.decode(bytes, start, end, pieces)
      isLast = this.#chunks.isDone
      if (this.#chunks.problem !== undefined) return this.#garbage(this.#chunks.problem, end)
    } else if (head.body.kind === 'length') {
      at = Math.min(end, start + this.#left)
      pieces.add(start, at)
      this.#left -= at - start
      isLast = this.#left === 0
    } else {
      pieces.add(start, end)
    }
    this.#bulk += pieces.total
    if (pieces.total > 0 || isLast) this.#sink?.onBody(bytes, pieces, isLast, this.#chunks?.trailers)
    if (isLast) this.#complete(head.keepAlive && at === end)
    else if (this.#bulk > BULK_BYTES) this.wire.promote()
    return at
  }

  #complete(isReusable: boolean): void {
    const sink = this.#sink
    if (!sink) return
    this.#sink = undefined
    this.#head = undefined
    this.served++
    this.#bulk = 0
    this.wire.demote()
    sink.onFlush()
    sink.onComplete(isReusable && !this.wire.ended)
  }

  #garbage(text: string, end: number): number {
    this.#fail('garbage', text)
    return end
  }

  #fail(kind: UpstreamFailure['kind'], text: string): void {
    const sink = this.#sink
    this.#sink = undefined
    this.wire.close()
    sink?.onFailed({ kind, text, isStale: kind === 'closed' && this.served > 0 && !this.#received })
  }
}
