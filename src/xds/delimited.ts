// Puts bytes together as protobuf does: fields with a tag and a length.

/** `bytes` as a field of this number. */
export function delimited(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  return joined([delimitedHead(field, length), ...parts])
}

/** What comes before so many bytes, to make them a field of this number. */
export function delimitedHead(field: number, length: number): Uint8Array {
  const tag = (field << 3) | 2
  const out = Buffer.allocUnsafe(sizeOf(tag) + sizeOf(length))
  putVarint(out, putVarint(out, 0, tag), length)
  return out
}

export function delimitedText(field: number, text: string): Uint8Array {
  return delimited(field, Buffer.from(text, 'utf8'))
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

function sizeOf(value: number): number {
  let size = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++
  return size
}

function putVarint(out: Buffer, at: number, value: number): number {
  let rest = value
  let next = at
  for (; rest > 0x7f; rest >>>= 7) out[next++] = (rest & 0x7f) | 0x80
  out[next++] = rest
  return next
}
