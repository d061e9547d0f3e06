// One stream of HTTP/2, which looks to the rest of the proxy like a connection of HTTP/1.1 that carries one request.
import type { Address } from '../../base/index.ts'
import { HeldBytes } from '../held-bytes.ts'
import type { HeadScanner } from '../http/head-scanner.ts'
import { nobody, type Wire, type WireHandler } from '../transport.ts'
import type { BodyRule, HeadInHttp1 } from './fields.ts'
import { type ErrorCode, type Fault, MAX_FRAME_BYTES } from './frames.ts'
import { MessageReader, type MessageTaker } from './message-reader.ts'

/** The connection that carries the stream. */
export interface StreamCarrier {
  readonly wire: Wire
  readonly isServer: boolean
  /** Bytes of payload that the other side still takes on the whole connection. */
  readonly sendWindow: number
  /** More waits for the kernel than is good. */
  readonly isCongested: boolean
  sendHead(stream: Http2Stream, scanner: HeadScanner, isLast: boolean): void
  sendPayload(
    stream: Http2Stream,
    bytes: Uint8Array,
    range: { readonly start: number; readonly end: number; readonly isLast: boolean },
  ): void
  sendTrailers(stream: Http2Stream, lines: string): void
  sendReset(stream: Http2Stream, code: ErrorCode): void
  /** So much payload has been passed on and may come anew; of a stream that is over it is nothing to the stream. */
  consumed(stream: Http2Stream, bytes: number): void
  /** It has payload that the windows do not let through. */
  waits(stream: Http2Stream): void
  /** It is over in both directions, or was reset. */
  gone(stream: Http2Stream): void
}

export const STREAM_WINDOW = 65_535

export class Http2Stream implements Wire, MessageTaker {
  handler: WireHandler = nobody
  ended = false
  closed = false
  readonly isPrivate = false
  readonly id: number
  /** Bytes of payload that the other side still takes. */
  sendWindow: number
  /** Bytes of payload that the other side may still send. */
  receiveWindow = STREAM_WINDOW
  /** Passed on, and not yet allowed anew. */
  consumedBytes = 0
  /** The other side has sent its last. */
  isRemoteDone = false
  isLocalDone = false
  method = ''
  readonly #carrier: StreamCarrier
  #reader: MessageReader
  /** How the body that comes in is measured, once its head has come. */
  #body: BodyRule
  #received = 0
  #isPaused = false
  /** What came while the stream was paused, in HTTP/1.1, and how much of it is payload. */
  readonly #incoming = new HeldBytes()
  #incomingPayload = 0
  /** Payload that the windows have not let through. */
  readonly #outgoing = new HeldBytes()
  #isOutgoingLast = false
  #trailers: string | undefined
  #isToldToDrain = false

  constructor(carrier: StreamCarrier, id: number, sendWindow: number) {
    this.#carrier = carrier
    this.id = id
    this.sendWindow = sendWindow
    this.#reader = new MessageReader(this, carrier.isServer ? '' : undefined)
  }

  get local(): Address | undefined {
    return this.#carrier.wire.local
  }

  get localText(): string | undefined {
    return this.#carrier.wire.localText
  }

  get principal(): string | undefined {
    return this.#carrier.wire.principal
  }

  get ownPrincipal(): string | undefined {
    return this.#carrier.wire.ownPrincipal
  }

  get remote(): Address | undefined {
    return this.#carrier.wire.remote
  }

  get pending(): number {
    return this.#outgoing.length
  }

  /** The head of what comes in; interim responses do not count. */
  beginBody({ body, method }: HeadInHttp1): void {
    this.#body = body
    if (!this.#carrier.isServer) return
    this.method = method
    this.#reader = new MessageReader(this, method)
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.closed || this.isLocalDone) return true
    this.#reader.take(asBuffer(bytes), start, end)
    const isTaken = this.#outgoing.length === 0 && !this.#carrier.isCongested
    this.#isToldToDrain = !isTaken
    return isTaken
  }

  /** Whatever is not sent at once is copied. */
  lend(bytes: Uint8Array, start: number, end: number): boolean {
    return this.send(bytes, start, end)
  }

  /** The message says by itself where it ends. */
  finish(): void {
    if (!this.closed && !this.isLocalDone && this.#outgoing.length === 0 && !this.#isOutgoingLast) this.close()
  }

  close(): void {
    this.#abort(this.#carrier.isServer ? 'INTERNAL_ERROR' : 'CANCEL')
  }

  reset(): void {
    this.close()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    // Whoever resumes is amid something of its own.
    if (this.#incoming.length > 0) queueMicrotask(() => this.#deliverHeld())
  }

  promote(): void {
    // Nothing is read here.
  }

  demote(): void {
    // As above.
  }

  onHead(scanner: HeadScanner, isLast: boolean): void {
    if (!this.#carrier.isServer) this.method = scanner.bytes.toString('latin1', scanner.methodStart, scanner.methodEnd)
    this.#carrier.sendHead(this, scanner, isLast)
    if (isLast) this.#endLocal()
  }

  onPayload(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    if (this.#outgoing.length === 0 && start === end) {
      if (isLast) this.#sendPayload(bytes, start, end, true)
      return
    }
    const at = this.#outgoing.length === 0 ? this.#sendSome(bytes, start, end, isLast) : start
    if (at === end && this.isLocalDone) return
    this.#isOutgoingLast = isLast
    if (at === end) return
    this.#outgoing.append(bytes, at, end)
    this.#carrier.waits(this)
  }

  onTrailers(lines: string): void {
    if (this.#outgoing.length > 0) {
      this.#trailers = lines
      this.#isOutgoingLast = true
      return
    }
    this.#carrier.sendTrailers(this, lines)
    this.#endLocal()
  }

  onBroken(): void {
    this.#abort('INTERNAL_ERROR')
  }

  /** Sends one frame of what waits, if the windows let it. False: nothing more waits. */
  pump(): boolean {
    const { bytes, start, end } = this.#outgoing
    if (start === end) return false
    const room = Math.min(end - start, this.sendWindow, this.#carrier.sendWindow, MAX_FRAME_BYTES)
    if (room <= 0) return true
    const isLast = start + room === end && this.#isOutgoingLast && this.#trailers === undefined
    this.#outgoing.consume(room)
    this.#sendPayload(bytes, start, start + room, isLast)
    if (this.#outgoing.length > 0) return true
    if (this.#trailers !== undefined) {
      this.#carrier.sendTrailers(this, this.#trailers)
      this.#endLocal()
    }
    // Whoever wrote the message has left it to go out by itself.
    if (this.closed) this.#closeLater(undefined)
    return false
  }

  get isPumpable(): boolean {
    return this.#outgoing.length > 0 && this.sendWindow > 0
  }

  /** There is room again for whoever was told that there was none. */
  tellDrained(): void {
    if (!this.#isToldToDrain || this.#outgoing.length > 0 || this.closed) return
    this.#isToldToDrain = false
    this.handler.onDrain()
  }

  /** A head in HTTP/1.1. */
  deliverHead(text: string, isLast: boolean): void {
    this.#deliver(Buffer.from(text, 'latin1'), 0, isLast)
  }

  /** Payload of a DATA frame; a fault of the stream when it does not fit its head. */
  deliverPayload(bytes: Buffer, start: number, end: number, isLast: boolean): Fault | undefined {
    this.#received += end - start
    const body = this.#body
    const mismatch: Fault = { code: 'PROTOCOL_ERROR', text: 'the body is not as long as its content-length', details: lengthDetails }
    if (body?.kind === 'length' && (this.#received > body.length || (isLast && this.#received < body.length))) return mismatch
    if (body === undefined && end > start) return mismatch
    if (body?.kind === 'chunked') this.#deliver(chunkOf(bytes, start, end, isLast ? LAST_CHUNK : ''), end - start, isLast)
    else this.#deliver(Buffer.from(bytes.subarray(start, end)), end - start, isLast)
    return undefined
  }

  /** Trailers end what comes in. */
  deliverTrailers(lines: string): Fault | undefined {
    const body = this.#body
    if (body?.kind !== 'chunked') return this.deliverPayload(nothing, 0, 0, true)
    this.#deliver(Buffer.from(`0\r\n${lines}\r\n`, 'latin1'), 0, true)
    return undefined
  }

  /** The other side has reset it, or its connection is gone. */
  lose(error: Error | undefined): void {
    if (this.closed) return
    this.#settle()
    const { handler } = this
    this.handler = nobody
    handler.onClose(error)
  }

  /** It is broken: the other side is told by whoever says so, and the owner hears of it later. */
  fail(error: Error): void {
    if (this.closed) return
    this.#settle()
    this.#closeLater(error)
  }

  #abort(code: ErrorCode): void {
    if (this.closed) return
    if (!this.isLocalDone || !this.isRemoteDone) this.#carrier.sendReset(this, code)
    this.#settle()
    this.#closeLater(undefined)
  }

  /** As of a socket: whoever closes is told of it when it has done what it is at. */
  #closeLater(error: Error | undefined): void {
    queueMicrotask(() => {
      const { handler } = this
      this.handler = nobody
      handler.onClose(error)
    })
  }

  #settle(): void {
    this.closed = true
    this.#outgoing.clear()
    this.#incoming.clear()
    if (this.#incomingPayload > 0) this.#carrier.consumed(this, this.#incomingPayload)
    this.#incomingPayload = 0
    this.#carrier.gone(this)
  }

  #deliver(bytes: Buffer, payload: number, isLast: boolean): void {
    if (isLast) this.isRemoteDone = true
    if (this.#isPaused || this.#incoming.length > 0) {
      this.#incoming.append(bytes, 0, bytes.length)
      this.#incomingPayload += payload
      return
    }
    // Said before the last bytes: nobody should think that another message can follow.
    if (isLast && !this.#carrier.isServer) this.ended = true
    if (payload > 0) this.#carrier.consumed(this, payload)
    if (bytes.length > 0) this.handler.onData(bytes, 0, bytes.length)
    if (isLast) this.#endRemote()
  }

  #deliverHeld(): void {
    if (this.#isPaused || this.closed || this.#incoming.length === 0) return
    const { bytes, start, end } = this.#incoming
    const payload = this.#incomingPayload
    this.#incoming.clear()
    this.#incomingPayload = 0
    if (this.isRemoteDone && !this.#carrier.isServer) this.ended = true
    if (payload > 0) this.#carrier.consumed(this, payload)
    this.handler.onData(bytes, start, end)
    if (this.isRemoteDone) this.#endRemote()
  }

  /** A response without a measure ends with the stream. */
  #endRemote(): void {
    if (this.closed || !this.isLocalDone) return
    this.closed = true
    this.#carrier.gone(this)
  }

  #sendSome(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
    let at = start
    while (at < end) {
      const room = Math.min(end - at, this.sendWindow, this.#carrier.sendWindow, MAX_FRAME_BYTES)
      if (room <= 0 || this.#carrier.isCongested) return at
      this.#sendPayload(bytes, at, at + room, isLast && at + room === end)
      at += room
    }
    return at
  }

  #sendPayload(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    this.sendWindow -= end - start
    this.#carrier.sendPayload(this, bytes, { start, end, isLast })
    if (isLast) this.#endLocal()
  }

  #endLocal(): void {
    this.isLocalDone = true
    if (this.closed) return
    // A request whose answer is out is of no more use (RFC 9113 §8.1).
    if (this.#carrier.isServer && !this.isRemoteDone) this.#carrier.sendReset(this, 'NO_ERROR')
    if (!this.#carrier.isServer && !this.isRemoteDone) return
    if (this.#carrier.isServer || this.#incoming.length === 0) this.#settle()
  }
}

const nothing = Buffer.alloc(0)
const LAST_CHUNK = '0\r\n\r\n'
/** Envoy's word. */
const lengthDetails = 'http2.violation.of.messaging.rule'

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function chunkOf(bytes: Buffer, start: number, end: number, rest: string): Buffer {
  const length = end - start
  if (length === 0) return Buffer.from(rest, 'latin1')
  const head = `${length.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(head.length + length + 2 + rest.length)
  chunk.write(head, 0, 'latin1')
  chunk.set(bytes.subarray(start, end), head.length)
  chunk.write(`\r\n${rest}`, head.length + length, 'latin1')
  return chunk
}
