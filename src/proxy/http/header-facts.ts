// Reads the headers of a request out of the head that was written for it, when a decision asks for one.

export type HeaderValues = ReadonlyMap<string, readonly string[]>

/**
 * Lines after the request line, by name in lower case; the head as `writeRequest` wrote it, or more of the message. Read as UTF-8, which
 * declarations are written in, so that a value matches them and comes out of a route's change as it was.
 */
export function readHeaderValues(bytes: Buffer, length: number): HeaderValues {
  const values = new Map<string, string[]>()
  const head = bytes.toString('utf8', 0, length)
  const end = head.indexOf('\r\n\r\n')
  const lines = (end === -1 ? head : head.slice(0, end)).split('\r\n')
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon)
    const list = values.get(name)
    const value = line.slice(colon + 2)
    if (list) list.push(value)
    else values.set(name, [value])
  }
  return values
}
