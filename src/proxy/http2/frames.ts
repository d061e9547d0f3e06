// The frames of HTTP/2 (RFC 9113 §4, §6): their numbers, how they are cut out of the bytes that come, and how ours are written.
import { HeldBytes } from '../held-bytes.ts'
import type { OutBuffer } from '../http/out-buffer.ts'

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const frameTypes = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

/** ACK is the same bit as END_STREAM. */
export const flags = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const

export const settings = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const

/** RFC 9113 §7 */
export const errorCodes = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const

export type ErrorCode = keyof typeof errorCodes

export const FRAME_HEAD_BYTES = 9
/** Of a frame's content: what everybody has to take, and the most that we take. */
export const MAX_FRAME_BYTES = 16_384

/** What breaks a connection, or one stream of it. */
export interface Fault {
  readonly code: ErrorCode
  readonly text: string
  /** Envoy's word for it, where it has one. */
  readonly details?: string
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  /** Its content, valid during the call only. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export interface FrameTaker {
  /** False: no further one is wanted. */
  onFrame(frame: Frame): boolean
  /** A frame that is longer than it may be. */
  onTooLong(): void
}

/** Cuts frames out of bytes, whatever pieces these come in. */
export class FrameReader {
  readonly #held = new HeldBytes()
  readonly #taker: FrameTaker

  constructor(taker: FrameTaker) {
    this.#taker = taker
  }

  take(bytes: Buffer, start: number, end: number): void {
    const held = this.#held
    if (held.length === 0) {
      const at = this.#cut(bytes, start, end)
      if (at >= 0) held.append(bytes, at, end)
      return
    }
    held.append(bytes, start, end)
    const whole = { bytes: held.bytes, start: held.start, end: held.end }
    const at = this.#cut(whole.bytes, whole.start, whole.end)
    if (at < 0) return held.clear()
    held.consume(at - whole.start)
  }

  /** Returns how far it came; -1: no further frame is wanted. */
  #cut(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (end - at >= FRAME_HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3)
      if (length > MAX_FRAME_BYTES) {
        this.#taker.onTooLong()
        return -1
      }
      const from = at + FRAME_HEAD_BYTES
      if (end - from < length) break
      const [type = 0, bits = 0] = [bytes[at + 3], bytes[at + 4]]
      const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff
      at = from + length
      if (!this.#taker.onFrame({ type, flags: bits, stream, bytes, start: from, end: at })) return -1
    }
    return at
  }
}

/** Appends the head of a frame; its content follows. */
export function frameHead(
  out: OutBuffer,
  length: number,
  kind: { readonly type: number; readonly flags: number; readonly stream: number },
): void {
  out.reserve(FRAME_HEAD_BYTES + length)
  const { bytes } = out
  const at = out.length
  bytes.writeUIntBE(length, at, 3)
  bytes[at + 3] = kind.type
  bytes[at + 4] = kind.flags
  bytes.writeUInt32BE(kind.stream, at + 5)
  out.length = at + FRAME_HEAD_BYTES
}

function number32(out: OutBuffer, value: number): void {
  out.reserve(4)
  out.bytes.writeUInt32BE(value, out.length)
  out.length += 4
}

export function settingsFrame(out: OutBuffer, values: readonly (readonly [setting: number, value: number])[]): void {
  frameHead(out, values.length * 6, { type: frameTypes.SETTINGS, flags: 0, stream: 0 })
  for (const [setting, value] of values) {
    out.reserve(2)
    out.bytes.writeUInt16BE(setting, out.length)
    out.length += 2
    number32(out, value)
  }
}

export function settingsAck(out: OutBuffer): void {
  frameHead(out, 0, { type: frameTypes.SETTINGS, flags: flags.ACK, stream: 0 })
}

/** Eight bytes of `content`; the answer to a ping has the same. */
export function pingFrame(out: OutBuffer, isAnswer: boolean, content: Uint8Array, start: number): void {
  frameHead(out, 8, { type: frameTypes.PING, flags: isAnswer ? flags.ACK : 0, stream: 0 })
  out.copy(content, start, start + 8)
}

export function resetFrame(out: OutBuffer, stream: number, code: ErrorCode): void {
  frameHead(out, 4, { type: frameTypes.RST_STREAM, flags: 0, stream })
  number32(out, errorCodes[code])
}

export function windowFrame(out: OutBuffer, stream: number, bytes: number): void {
  frameHead(out, 4, { type: frameTypes.WINDOW_UPDATE, flags: 0, stream })
  number32(out, bytes)
}

/** The words are for whoever looks at the other end. */
export function goawayFrame(out: OutBuffer, lastStream: number, code: ErrorCode, text: string): void {
  const words = Buffer.from(text, 'utf8').subarray(0, 1024)
  frameHead(out, 8 + words.length, { type: frameTypes.GOAWAY, flags: 0, stream: 0 })
  number32(out, lastStream)
  number32(out, errorCodes[code])
  out.copy(words, 0, words.length)
}

export function dataFrame(
  out: OutBuffer,
  stream: number,
  content: { readonly bytes: Uint8Array; readonly start: number; readonly end: number; readonly isLast: boolean },
): void {
  const { bytes, start, end, isLast } = content
  frameHead(out, end - start, { type: frameTypes.DATA, flags: isLast ? flags.END_STREAM : 0, stream })
  out.copy(bytes, start, end)
}

/** A header block in as many frames as it takes. */
export function headersFrames(
  out: OutBuffer,
  stream: number,
  block: { readonly bytes: Uint8Array; readonly length: number },
  isLast: boolean,
): void {
  let at = 0
  do {
    const end = Math.min(block.length, at + MAX_FRAME_BYTES)
    const bits = (end === block.length ? flags.END_HEADERS : 0) | (at === 0 && isLast ? flags.END_STREAM : 0)
    frameHead(out, end - at, { type: at === 0 ? frameTypes.HEADERS : frameTypes.CONTINUATION, flags: bits, stream })
    out.copy(block.bytes, at, end)
    at = end
  } while (at < block.length)
}
