// One connection of HTTP/2, at either end: frames in and out, settings, windows, and the end of the connection when the other side breaks the rules (RFC 9113).
import type { Clock } from '../../base/index.ts'
import type { HeadScanner } from '../http/head-scanner.ts'
import { borrowBuffer, OutBuffer, returnBuffer } from '../http/out-buffer.ts'
import type { Wire, WireHandler } from '../transport.ts'
import { Budget } from './budget.ts'
import { requestBlock, responseBlock, trailersBlock } from './fields.ts'
import {
  dataFrame,
  type ErrorCode,
  errorCodes,
  type Fault,
  flags,
  type Frame,
  FrameReader,
  type FrameTaker,
  frameTypes,
  goawayFrame,
  headersFrames,
  MAX_FRAME_BYTES,
  pingFrame,
  PREFACE,
  resetFrame,
  settings,
  settingsAck,
  settingsFrame,
  windowFrame,
} from './frames.ts'
import { blockOf, dependency, dependsOnItself, faultOf, unpadded } from './frame-rules.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import type { Http2Limits, SessionOwner, SessionTools } from './session-owner.ts'
import { Http2Stream, type StreamCarrier, STREAM_WINDOW } from './stream.ts'

/** Of our own: what may be under way to us on one connection. */
const CONNECTION_WINDOW = 1_048_576
/** Windows are opened again when half of them is used. */
const STREAM_REFILL = STREAM_WINDOW >> 1
const CONNECTION_REFILL = CONNECTION_WINDOW >> 1
const MOST_WINDOW = 0x7fff_ffff
/** Bytes that wait for the kernel before payload is held back, and before answers to pings are too many. */
const CONGESTED = 65_536
const FLOODED = 262_144
/** Frames are held back up to here. */
const HELD_BYTES = 16_384
/** Streams that we have reset and whose frames are still on their way. */
const MOST_RESET = 1000
/** Frames of one head. */
const MOST_CONTINUATIONS = 16

const out = new OutBuffer()
const block = new OutBuffer()

export class Http2Session implements WireHandler, FrameTaker, StreamCarrier {
  readonly wire: Wire
  readonly isServer: boolean
  readonly streams = new Map<number, Http2Stream>()
  sendWindow = STREAM_WINDOW
  /** How many streams the other side takes at one time. */
  peerStreams = 100
  /** The other side has said GOAWAY, or we have. */
  isLeaving = false
  /** Requests that were made on it. */
  opened = 0
  readonly #owner: SessionOwner
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #reader = new FrameReader(this)
  readonly #decoder: HpackDecoder
  readonly #encoder = new HpackEncoder()
  readonly #limits: Http2Limits
  /** Streams with payload that waits, in turn. */
  readonly #waiting = new Set<Http2Stream>()
  readonly #reset = new Set<number>()
  readonly #control: Budget
  readonly #afterTurn: (then: () => void) => void
  /** Frames that leave at the end of the turn. */
  #held: OutBuffer | undefined
  readonly #resets: Budget
  #prefaceLeft = 0
  #hasSettings = false
  #isOver = false
  #peerWindow = STREAM_WINDOW
  #receiveWindow = CONNECTION_WINDOW
  #consumed = 0
  #lastStream = 0
  #nextStream = 1
  /** WINDOW_UPDATEs that came, and what of it was earned by payload that went out. */
  #updates = 0
  #earned = 1000
  /** The head that is coming in pieces. */
  #head: { readonly stream: number; readonly isLast: boolean; readonly pieces: Buffer[]; bytes: number } | undefined

  constructor(wire: Wire, role: 'server' | 'client', tools: SessionTools) {
    this.wire = wire
    this.isServer = role === 'server'
    this.#owner = tools.owner
    this.#clock = tools.clock
    this.#limits = tools.limits
    this.#afterTurn = tools.afterTurn ?? ((then) => void setImmediate(then))
    this.#decoder = new HpackDecoder({ bytes: tools.limits.headBytes, count: tools.limits.headers })
    const now = tools.clock.monotonic()
    this.#control = new Budget(1000, 500, now)
    this.#resets = new Budget(500, 100, now)
    if (this.isServer) this.#prefaceLeft = PREFACE.length
    wire.handler = this
    this.#begin()
  }

  get isCongested(): boolean {
    return this.wire.pending > CONGESTED
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** A request of our own; there must be room for it. */
  open(): Http2Stream {
    const stream = new Http2Stream(this, this.#nextStream, this.#peerWindow)
    this.#nextStream += 2
    this.opened++
    this.streams.set(stream.id, stream)
    return stream
  }

  get mayOpen(): boolean {
    return (
      !this.isLeaving && !this.#isOver && !this.wire.closed && this.streams.size < this.peerStreams && this.#nextStream < MOST_WINDOW - 2
    )
  }

  /** No stream beyond those that are there is served. */
  leave(code: ErrorCode, text: string): void {
    if (this.#isOver) return
    this.isLeaving = true
    out.reset()
    goawayFrame(out, this.isServer ? this.#lastStream : 0, code, text)
    this.#write()
    this.#flush()
  }

  ping(content: Buffer): void {
    out.reset()
    pingFrame(out, false, content, 0)
    this.#write()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return
    let at = start
    if (this.#prefaceLeft > 0) {
      const known = PREFACE.length - this.#prefaceLeft
      const taken = Math.min(this.#prefaceLeft, end - start)
      if (bytes.compare(PREFACE, known, known + taken, start, start + taken) !== 0)
        return this.#break('PROTOCOL_ERROR', 'the preface is not that of HTTP/2')
      this.#prefaceLeft -= taken
      at += taken
    }
    if (at < end) this.#reader.take(bytes, at, end)
  }

  onEnd(): void {
    this.#owner.onEnd()
  }

  onDrain(): void {
    this.#pump()
    for (const stream of Array.from(this.streams.values())) stream.tellDrained()
  }

  onClose(error: Error | undefined): void {
    this.#isOver = true
    for (const stream of Array.from(this.streams.values())) stream.lose(error)
    this.#owner.onClose(error)
  }

  onTooLong(): void {
    this.#break('FRAME_SIZE_ERROR', `a frame is longer than ${MAX_FRAME_BYTES} bytes`)
  }

  onFrame(frame: Frame): boolean {
    if (this.#isOver) return false
    this.#owner.onActivity()
    const { type } = frame
    if (!this.#hasSettings) {
      if (type !== frameTypes.SETTINGS || (frame.flags & flags.ACK) !== 0) this.#break('PROTOCOL_ERROR', 'the first frame is not SETTINGS')
      this.#hasSettings = true
    }
    if (this.#head && (type !== frameTypes.CONTINUATION || frame.stream !== this.#head.stream)) {
      this.#break('PROTOCOL_ERROR', 'a head is interrupted by another frame')
    }
    const fault = faultOf(frame)
    if (fault) this.#break(fault.code, fault.text)
    if (!this.#isOver) this.#take(frame)
    return !this.#isOver
  }

  sendHead(stream: Http2Stream, scanner: HeadScanner, isLast: boolean): void {
    block.reset()
    if (this.isServer) responseBlock(this.#encoder, scanner, block)
    else requestBlock(this.#encoder, scanner, block)
    out.reset()
    headersFrames(out, stream.id, block, isLast)
    this.#write()
  }

  sendPayload(
    stream: Http2Stream,
    bytes: Uint8Array,
    range: { readonly start: number; readonly end: number; readonly isLast: boolean },
  ): void {
    this.sendWindow -= range.end - range.start
    this.#earned += 10
    out.reset()
    dataFrame(out, stream.id, { bytes, ...range })
    this.#write()
  }

  sendTrailers(stream: Http2Stream, lines: string): void {
    block.reset()
    trailersBlock(this.#encoder, lines, block)
    out.reset()
    headersFrames(out, stream.id, block, true)
    this.#write()
  }

  sendReset(stream: Http2Stream, code: ErrorCode): void {
    this.#sendReset(stream.id, code)
  }

  consumed(stream: Http2Stream | undefined, bytes: number): void {
    this.#consumed += bytes
    if (stream) stream.consumedBytes += bytes
    if (this.#isOver) return
    out.reset()
    if (this.#consumed >= CONNECTION_REFILL) {
      windowFrame(out, 0, this.#consumed)
      this.#receiveWindow += this.#consumed
      this.#consumed = 0
    }
    if (stream && stream.consumedBytes >= STREAM_REFILL && !stream.isRemoteDone && !stream.closed) {
      windowFrame(out, stream.id, stream.consumedBytes)
      stream.receiveWindow += stream.consumedBytes
      stream.consumedBytes = 0
    }
    if (out.length > 0) this.#write()
  }

  waits(stream: Http2Stream): void {
    this.#waiting.add(stream)
  }

  gone(stream: Http2Stream): void {
    if (!this.streams.delete(stream.id)) return
    this.#waiting.delete(stream)
    this.#owner.onStreamGone(stream)
  }

  #begin(): void {
    out.reset()
    if (!this.isServer) out.copy(PREFACE, 0, PREFACE.length)
    const own: [number, number][] = [
      this.isServer ? [settings.MAX_CONCURRENT_STREAMS, this.#limits.streams] : [settings.ENABLE_PUSH, 0],
      [settings.MAX_HEADER_LIST_SIZE, this.#limits.headBytes],
    ]
    settingsFrame(out, own)
    windowFrame(out, 0, CONNECTION_WINDOW - STREAM_WINDOW)
    this.#write()
  }

  /** What many streams have to say in one turn of the event loop is one call into the kernel. */
  #write(): void {
    if (!this.#held && out.length >= HELD_BYTES) return void this.wire.send(out.bytes, 0, out.length)
    const isFirst = this.#held === undefined
    this.#held ??= borrowBuffer()
    this.#held.copy(out.bytes, 0, out.length)
    if (this.#held.length >= HELD_BYTES) this.#flush()
    else if (isFirst) this.#afterTurn(() => this.#flush())
  }

  #flush(): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    this.wire.send(held.bytes, 0, held.length)
    returnBuffer(held)
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case frameTypes.DATA:
        return this.#takeData(frame)
      case frameTypes.HEADERS:
        return this.#takeHeaders(frame)
      case frameTypes.CONTINUATION:
        return this.#takeContinuation(frame)
      case frameTypes.RST_STREAM:
        return this.#takeReset(frame)
      case frameTypes.SETTINGS:
        return this.#takeSettings(frame)
      case frameTypes.PING:
        return this.#takePing(frame)
      case frameTypes.GOAWAY:
        return this.#takeGoaway(frame)
      case frameTypes.WINDOW_UPDATE:
        return this.#takeWindowUpdate(frame)
      case frameTypes.PRIORITY:
        return this.#takePriority(frame)
      default:
        // What is not known is passed over (RFC 9113 §5.5), but not without end.
        this.#spend('there are too many frames of unknown types')
    }
  }

  #takeData(frame: Frame): void {
    const length = frame.end - frame.start
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0) return this.#break('FLOW_CONTROL_ERROR', 'more payload came than the connection may carry')
    const stream = this.streams.get(frame.stream)
    const content = unpadded(frame)
    if (!content) return this.#break('PROTOCOL_ERROR', 'the padding is longer than its frame')
    if (length === 0 && (frame.flags & flags.END_STREAM) === 0) this.#spend('there are too many empty frames')
    if (this.#isOver) return
    if (!stream || stream.isRemoteDone) return this.#takeLateData(frame, length)
    stream.receiveWindow -= length
    if (stream.receiveWindow < 0)
      return this.#failStream(stream, { code: 'FLOW_CONTROL_ERROR', text: 'more payload came than the stream may carry' })
    const padding = length - (content.end - content.start)
    if (padding > 0) this.consumed(stream, padding)
    const fault = stream.deliverPayload(frame.bytes, content.start, content.end, (frame.flags & flags.END_STREAM) !== 0)
    if (fault) this.#failStream(stream, fault)
  }

  /** Of a stream that is over, or was never there. */
  #takeLateData(frame: Frame, length: number): void {
    this.consumed(undefined, length)
    if (this.#isIdle(frame.stream)) return this.#break('PROTOCOL_ERROR', 'DATA on a stream that was never opened')
    if (this.#reset.has(frame.stream)) return this.#spend('there are too many frames on streams that were reset')
    const stream = this.streams.get(frame.stream)
    const text = 'DATA on a stream that is closed'
    if (stream) return this.#failStream(stream, { code: 'STREAM_CLOSED', text })
    this.#spend(text)
    if (!this.#isOver) this.#sendReset(frame.stream, 'STREAM_CLOSED')
  }

  #takeHeaders(frame: Frame): void {
    const { stream: id } = frame
    const content = blockOf(frame)
    if ('code' in content) return this.#break(content.code, content.text)
    if (!this.#isKnownStream(id)) return
    const isLast = (frame.flags & flags.END_STREAM) !== 0
    this.#head = { stream: id, isLast, pieces: [], bytes: 0 }
    this.#takeBlock(frame, content.start, content.end)
  }

  #takeContinuation(frame: Frame): void {
    if (!this.#head) return this.#break('PROTOCOL_ERROR', 'CONTINUATION without HEADERS')
    if (this.#head.pieces.length >= MOST_CONTINUATIONS) return this.#break('ENHANCE_YOUR_CALM', 'a head comes in too many frames')
    this.#takeBlock(frame, frame.start, frame.end)
  }

  /** Whether HEADERS may come on it: a new stream of the client's, or one that is open. */
  #isKnownStream(id: number): boolean {
    const stream = this.streams.get(id)
    if (stream) {
      if (stream.isRemoteDone) this.#break('STREAM_CLOSED', 'HEADERS on a stream that is closed')
      return !this.#isOver
    }
    if (this.#reset.has(id)) return true
    if (!this.#isIdle(id)) this.#break('STREAM_CLOSED', 'HEADERS on a stream that is closed')
    else if (!this.isServer || id % 2 === 0) this.#break('PROTOCOL_ERROR', 'HEADERS on a stream that nobody may open')
    return !this.#isOver
  }

  #takeBlock(frame: Frame, start: number, end: number): void {
    const head = this.#head
    if (!head) return
    head.bytes += end - start
    if (head.bytes > this.#limits.headBytes)
      return this.#break('ENHANCE_YOUR_CALM', `a head is longer than ${this.#limits.headBytes} bytes`)
    const isWhole = (frame.flags & flags.END_HEADERS) !== 0
    if (isWhole && head.pieces.length === 0) return this.#takeHead(head, frame.bytes, start, end)
    head.pieces.push(Buffer.from(frame.bytes.subarray(start, end)))
    if (!isWhole) return
    const whole = Buffer.concat(head.pieces)
    this.#takeHead(head, whole, 0, whole.length)
  }

  #takeHead(head: { readonly stream: number; readonly isLast: boolean }, bytes: Buffer, start: number, end: number): void {
    this.#head = undefined
    // Read whatever becomes of the stream: the table has to stay the same at both ends.
    const fields = this.#decoder.decode(bytes, start, end)
    if (!fields) return this.#break('COMPRESSION_ERROR', 'a head cannot be unfolded')
    const known = this.streams.get(head.stream)
    if (!known && this.#reset.has(head.stream)) return this.#spend('there are too many frames on streams that were reset')
    const stream = known ?? this.#admit(head.stream)
    if (!stream) return
    const fault = fields.isTooLarge ? tooLarge : this.#owner.onFields(stream, fields, head.isLast)
    if (fault) this.#failStream(stream, fault, known === undefined)
  }

  /** A new stream of the client's. */
  #admit(id: number): Http2Stream | undefined {
    this.#lastStream = id
    const isRefused = this.isLeaving || this.streams.size >= this.#limits.streams || !this.#owner.mayAdmit()
    if (isRefused) {
      this.#spendReset()
      if (this.#isOver) return undefined
      this.#sendReset(id, 'REFUSED_STREAM')
      this.#owner.onStreamFault({
        code: 'REFUSED_STREAM',
        text: 'the client has as many requests under way as it may',
        details: 'http2.too_many_streams',
      })
      return undefined
    }
    const stream = new Http2Stream(this, id, this.#peerWindow)
    this.opened++
    this.streams.set(id, stream)
    return stream
  }

  #takeReset(frame: Frame): void {
    if (this.#isIdle(frame.stream)) return this.#break('PROTOCOL_ERROR', 'RST_STREAM of a stream that was never opened')
    const stream = this.streams.get(frame.stream)
    if (this.isServer || !stream) this.#spendReset()
    if (!stream || this.#isOver) return
    const code = frame.bytes.readUInt32BE(frame.start)
    stream.lose(this.isServer ? undefined : new Error(`the upstream reset the stream (${nameOfCode(code)})`))
  }

  #takeSettings(frame: Frame): void {
    this.#spend('there are too many SETTINGS')
    if (this.#isOver || (frame.flags & flags.ACK) !== 0) return
    for (let at = frame.start; at < frame.end && !this.#isOver; at += 6) {
      this.#set(frame.bytes.readUInt16BE(at), frame.bytes.readUInt32BE(at + 2))
    }
    if (this.#isOver) return
    out.reset()
    settingsAck(out)
    this.#write()
    this.#pump()
  }

  #set(setting: number, value: number): void {
    if (setting === settings.HEADER_TABLE_SIZE) this.#encoder.allow(value)
    else if (setting === settings.ENABLE_PUSH) {
      if (value > 1 || (!this.isServer && value === 1)) this.#break('PROTOCOL_ERROR', 'ENABLE_PUSH is neither 0 nor 1')
    } else if (setting === settings.MAX_CONCURRENT_STREAMS) this.peerStreams = value
    else if (setting === settings.INITIAL_WINDOW_SIZE) this.#setInitialWindow(value)
    else if (setting === settings.MAX_FRAME_SIZE && (value < MAX_FRAME_BYTES || value > 0xff_ffff)) {
      this.#break('PROTOCOL_ERROR', 'MAX_FRAME_SIZE is out of its range')
    }
  }

  #setInitialWindow(value: number): void {
    if (value > MOST_WINDOW) return this.#break('FLOW_CONTROL_ERROR', 'INITIAL_WINDOW_SIZE is out of its range')
    const more = value - this.#peerWindow
    this.#peerWindow = value
    for (const stream of this.streams.values()) {
      stream.sendWindow += more
      if (stream.sendWindow > MOST_WINDOW) return this.#break('FLOW_CONTROL_ERROR', 'INITIAL_WINDOW_SIZE makes a window too large')
    }
  }

  #takePing(frame: Frame): void {
    this.#spend('there are too many PINGs')
    if (this.#isOver || (frame.flags & flags.ACK) !== 0) return
    out.reset()
    pingFrame(out, true, frame.bytes, frame.start)
    this.#write()
  }

  #takeGoaway(frame: Frame): void {
    this.#spend('there are too many GOAWAYs')
    if (this.#isOver) return
    this.isLeaving = true
    const last = frame.bytes.readUInt32BE(frame.start) & 0x7fff_ffff
    if (!this.isServer) {
      const error = new Error(`the upstream goes away (${nameOfCode(frame.bytes.readUInt32BE(frame.start + 4))})`)
      for (const stream of Array.from(this.streams.values())) if (stream.id > last) stream.lose(error)
    }
    this.#owner.onGoaway()
  }

  #takeWindowUpdate(frame: Frame): void {
    if (++this.#updates > this.#earned + 10 * this.opened) return this.#break('ENHANCE_YOUR_CALM', 'there are too many WINDOW_UPDATEs')
    const more = frame.bytes.readUInt32BE(frame.start) & 0x7fff_ffff
    const text = more === 0 ? 'WINDOW_UPDATE opens nothing' : 'WINDOW_UPDATE makes a window too large'
    if (frame.stream === 0) {
      if (more === 0) return this.#break('PROTOCOL_ERROR', text)
      this.sendWindow += more
      if (this.sendWindow > MOST_WINDOW) return this.#break('FLOW_CONTROL_ERROR', text)
      return this.#pump()
    }
    if (this.#isIdle(frame.stream)) return this.#break('PROTOCOL_ERROR', 'WINDOW_UPDATE of a stream that was never opened')
    const stream = this.streams.get(frame.stream)
    if (!stream) return
    if (more === 0) return this.#failStream(stream, { code: 'PROTOCOL_ERROR', text })
    stream.sendWindow += more
    if (stream.sendWindow > MOST_WINDOW) return this.#failStream(stream, { code: 'FLOW_CONTROL_ERROR', text })
    this.#pump()
  }

  /** Nobody is preferred here (RFC 9113 §5.3). */
  #takePriority(frame: Frame): void {
    this.#spend('there are too many PRIORITY frames')
    if (this.#isOver) return
    if (dependency(frame, frame.start) === frame.stream) this.#break(dependsOnItself.code, dependsOnItself.text)
  }

  #isIdle(id: number): boolean {
    if (this.isServer) return id % 2 === 0 || id > this.#lastStream
    return id % 2 === 0 || id >= this.#nextStream
  }

  /** One frame of each stream in turn, as long as the windows and the kernel take them. */
  #pump(): void {
    while (this.#waiting.size > 0 && this.sendWindow > 0 && !this.isCongested) {
      let hasMoved = false
      for (const stream of Array.from(this.#waiting)) {
        if (!stream.isPumpable || this.sendWindow <= 0) continue
        hasMoved = true
        if (stream.pump()) continue
        this.#waiting.delete(stream)
        stream.tellDrained()
      }
      if (!hasMoved) return
    }
  }

  #failStream(stream: Http2Stream, fault: Fault, isNew = false): void {
    if (stream.closed) return
    this.#spendReset()
    if (this.#isOver) return
    this.#sendReset(stream.id, fault.code)
    if (isNew) {
      stream.closed = true
      this.gone(stream)
      return this.#owner.onStreamFault(fault)
    }
    stream.fail(new Error(fault.text))
  }

  #sendReset(id: number, code: ErrorCode): void {
    if (this.#isOver) return
    this.#reset.add(id)
    const [oldest] = this.#reset.size > MOST_RESET ? this.#reset : []
    if (oldest !== undefined) this.#reset.delete(oldest)
    out.reset()
    resetFrame(out, id, code)
    this.#write()
  }

  /** For whatever costs the other side less than us. */
  #spend(text: string): void {
    if (!this.#control.take(this.#clock.monotonic()) || this.wire.pending > FLOODED) this.#break('ENHANCE_YOUR_CALM', text)
  }

  /** Streams that are opened only to be reset (CVE-2023-44487), or so that we reset them. */
  #spendReset(): void {
    if (!this.#resets.take(this.#clock.monotonic())) this.#break('ENHANCE_YOUR_CALM', 'too many streams are reset')
  }

  #break(code: ErrorCode, text: string): void {
    if (this.#isOver) return
    out.reset()
    goawayFrame(out, this.isServer ? this.#lastStream : 0, code, text)
    this.#write()
    this.#flush()
    this.#isOver = true
    this.isLeaving = true
    for (const stream of Array.from(this.streams.values())) stream.lose(new Error(text))
    this.#owner.onFault({ code, text })
  }
}

const tooLarge: Fault = { code: 'ENHANCE_YOUR_CALM', text: 'the head is larger than it may be', details: 'request_headers_too_large' }

function nameOfCode(code: number): string {
  return Object.entries(errorCodes).find(([, value]) => value === code)?.[0] ?? String(code)
}
