// Says what is wrong with a frame by itself, whatever came before it (RFC 9113 §6).
import { type Fault, flags, type Frame, frameTypes } from './frames.ts'

interface Rule {
  readonly name: string
  readonly stream: 'one' | 'none' | 'either'
  /** True: a content of so many bytes is what it should be. */
  readonly fits: (length: number, flags: number) => boolean
}

const any = (): boolean => true
const exactly =
  (bytes: number) =>
  (length: number): boolean =>
    length === bytes

const rules: { readonly [type: number]: Rule } = {
  [frameTypes.DATA]: { name: 'DATA', stream: 'one', fits: any },
  [frameTypes.HEADERS]: { name: 'HEADERS', stream: 'one', fits: any },
  [frameTypes.PRIORITY]: { name: 'PRIORITY', stream: 'one', fits: exactly(5) },
  [frameTypes.RST_STREAM]: { name: 'RST_STREAM', stream: 'one', fits: exactly(4) },
  [frameTypes.SETTINGS]: {
    name: 'SETTINGS',
    stream: 'none',
    fits: (length, bits) => ((bits & flags.ACK) === 0 ? length % 6 === 0 : length === 0),
  },
  [frameTypes.PING]: { name: 'PING', stream: 'none', fits: exactly(8) },
  [frameTypes.GOAWAY]: { name: 'GOAWAY', stream: 'none', fits: (length) => length >= 8 },
  [frameTypes.WINDOW_UPDATE]: { name: 'WINDOW_UPDATE', stream: 'either', fits: exactly(4) },
  [frameTypes.CONTINUATION]: { name: 'CONTINUATION', stream: 'one', fits: any },
}

/** Breaks the connection. */
export function faultOf({ type, stream, flags: bits, start, end }: Frame): Fault | undefined {
  if (type === frameTypes.PUSH_PROMISE) return { code: 'PROTOCOL_ERROR', text: 'nobody may push here' }
  const rule = rules[type]
  if (rule === undefined) return undefined
  if (rule.stream === 'one' && stream === 0) return { code: 'PROTOCOL_ERROR', text: `${rule.name} without a stream` }
  if (rule.stream === 'none' && stream !== 0) return { code: 'PROTOCOL_ERROR', text: `${rule.name} on a stream` }
  return rule.fits(end - start, bits) ? undefined : { code: 'FRAME_SIZE_ERROR', text: `${rule.name} has a content of the wrong size` }
}

/** The content of DATA or HEADERS without its padding; undefined: the padding is longer than the content (RFC 9113 §6.1). */
export function unpadded({ flags: bits, bytes, start, end }: Frame): { readonly start: number; readonly end: number } | undefined {
  if ((bits & flags.PADDED) === 0) return { start, end }
  if (start === end) return undefined
  const padding = bytes[start] ?? 0
  return padding > end - start - 1 ? undefined : { start: start + 1, end: end - padding }
}

/** Where the block of HEADERS lies in its frame. */
export function blockOf(frame: Frame): { readonly start: number; readonly end: number } | Fault {
  const content = unpadded(frame)
  if (!content) return { code: 'PROTOCOL_ERROR', text: 'the padding is longer than its frame' }
  if ((frame.flags & flags.PRIORITY) === 0) return content
  if (content.end - content.start < 5) return { code: 'FRAME_SIZE_ERROR', text: 'HEADERS is too short for its priority' }
  if (dependency(frame, content.start) === frame.stream) return dependsOnItself
  return { start: content.start + 5, end: content.end }
}

/** The stream that a priority makes a stream depend on. */
export function dependency(frame: Frame, at: number): number {
  return frame.bytes.readUInt32BE(at) & 0x7fff_ffff
}

export const dependsOnItself: Fault = { code: 'PROTOCOL_ERROR', text: 'a stream depends on itself' }
