// Writes and reads the frames of HTTP/2 by hand, so that a test can send what no library would.

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export interface SentFrame {
  readonly type: number
  readonly flags?: number
  readonly stream?: number
  readonly content?: Uint8Array | string
}

export function frame({ type, flags = 0, stream = 0, content = '' }: SentFrame): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : Buffer.from(content)
  const head = Buffer.alloc(9)
  head.writeUIntBE(bytes.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

export type Fields = readonly (readonly [name: string, value: string])[]

/** Every field as a literal that is not kept, its strings as they are. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), plainString(name), plainString(value)]))
}

function plainString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([integer(bytes.length, 7, 0), bytes])
}

export function integer(value: number, prefix: number, first: number): Buffer {
  const most = (1 << prefix) - 1
  if (value < most) return Buffer.from([first | value])
  const bytes = [first | most]
  let rest = value - most
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

export function settings(...values: readonly (readonly [number, number])[]): Buffer {
  const content = Buffer.alloc(values.length * 6)
  for (const [index, [setting, value]] of values.entries()) {
    content.writeUInt16BE(setting, index * 6)
    content.writeUInt32BE(value, index * 6 + 2)
  }
  return frame({ type: 4, content })
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4)
  return bytes
}

export interface ReadFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly content: Buffer
}

/** Those that are whole. */
export function readFrames(bytes: Buffer): readonly ReadFrame[] {
  const frames: ReadFrame[] = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    const [type = 0, flags = 0] = [bytes[at + 3], bytes[at + 4]]
    frames.push({ type, flags, stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff, content: bytes.subarray(at + 9, end) })
    at = end
  }
  return frames
}
