// Puts bytes together as protobuf does: fields with a tag and a length.

/** `bytes` as a field of this number. */
export function delimited(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = Buffer.allocUnsafe(sizeOfField(field, length))
  let at = putField(out, 0, field, length)
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function delimitedText(field: number, text: string): Uint8Array {
  const length = Buffer.byteLength(text)
  const out = Buffer.allocUnsafe(sizeOfField(field, length))
  out.write(text, putField(out, 0, field, length), 'utf8')
  return out
}

/** With its tag and length. */
export function sizeOfField(field: number, length: number): number {
  return sizeOf((field << 3) | 2) + sizeOf(length) + length
}

/** Writes the tag and the length; returns where the content begins. */
export function putField(out: Buffer, at: number, field: number, length: number): number {
  return putVarint(out, putVarint(out, at, (field << 3) | 2), length)
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
