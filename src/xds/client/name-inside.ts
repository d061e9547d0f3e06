// Reads the name of an encoded resource without reading the resource.

/** Field 1, a text, as bytes begin with it: in every type that travels it is the name. */
const firstText = 0x0a

/** Undefined when the bytes begin with something else. */
export function nameInside(body: Uint8Array): string | undefined {
  if (body[0] !== firstText) return undefined
  let length = 0
  let at = 1
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = body[at++]
    if (byte === undefined) return undefined
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) return at + length <= body.length ? Buffer.from(body.buffer, body.byteOffset + at, length).toString('utf8') : undefined
  }
  return undefined
}
