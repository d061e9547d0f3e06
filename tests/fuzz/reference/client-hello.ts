// Reads a ClientHello in the plainest way (RFC 8446 §4.1.2, §5.1, RFC 6066 §3, RFC 7301 §3.1): whoever runs out of bytes throws.
export type PlainHello = 'more' | 'broken' | { readonly sni: string | undefined; readonly alpn: readonly string[] }

export function readPlainHello(input: Buffer): PlainHello {
  const message = unwrap(input)
  if (typeof message === 'string') return message
  try {
    return parse(message)
  } catch {
    return 'broken'
  }
}

/** Takes the message out of its records. */
function unwrap(input: Buffer): Buffer | 'more' | 'broken' {
  let message = Buffer.alloc(0)
  let at = 0
  for (let count = 0; ; count++) {
    if (isComplete(message)) return message.subarray(0, 4 + message.readUIntBE(1, 3))
    if (at >= input.length) return 'more'
    const header = input.subarray(at, at + 5)
    const [type, major = 3, minor = 0] = header
    if (type !== 22 || major !== 3 || minor > 4 || count >= 2048) return 'broken'
    if (header.length < 5) return 'more'
    const length = header.readUInt16BE(3)
    if (length === 0 || length > 16_384) return 'broken'
    message = Buffer.concat([message, input.subarray(at + 5, at + 5 + length)])
    if (message.length > 0 && message[0] !== 1) return 'broken'
    if (message.length >= 4 && message.readUIntBE(1, 3) + 4 > 65_536) return 'broken'
    at += 5 + length
  }
}

function isComplete(message: Buffer): boolean {
  return message.length >= 4 && message.length >= 4 + message.readUIntBE(1, 3)
}

function parse(message: Buffer): PlainHello {
  const [session, afterSession] = block(message, 4 + 2 + 32, 1)
  const [suites, afterSuites] = block(message, afterSession, 2)
  const [compressions, afterCompressions] = block(message, afterSuites, 1)
  require(session.length <= 32 && suites.length >= 2 && suites.length % 2 === 0 && compressions.length >= 1)
  if (afterCompressions === message.length) return { sni: undefined, alpn: [] }
  const [extensions, end] = block(message, afterCompressions, 2)
  require(end === message.length)
  const found = new Map<number, Buffer>()
  for (let at = 0; at < extensions.length; ) {
    const [body, next] = block(extensions, at + 2, 2)
    const type = extensions.readUInt16BE(at)
    require(!found.has(type))
    found.set(type, body)
    at = next
  }
  const [name, protocols] = [found.get(0), found.get(16)]
  return { sni: name && parseName(name), alpn: protocols ? parseProtocols(protocols) : [] }
}

function parseName(body: Buffer): string {
  const [list, end] = block(body, 0, 2)
  const [name, nameEnd] = block(list, 1, 2)
  require(end === body.length && nameEnd === list.length && list[0] === 0)
  const text = name.toString('latin1')
  require(/^[!-~]{1,255}$/.test(text))
  return text.toLowerCase()
}

function parseProtocols(body: Buffer): readonly string[] {
  const [list, end] = block(body, 0, 2)
  require(end === body.length && list.length > 0)
  const names: string[] = []
  for (let at = 0; at < list.length; ) {
    const [name, next] = block(list, at, 1)
    require(name.length > 0)
    names.push(name.toString('latin1'))
    at = next
  }
  return names
}

function block(bytes: Buffer, at: number, lengthSize: number): readonly [content: Buffer, next: number] {
  const start = at + lengthSize
  require(start <= bytes.length)
  const end = start + bytes.readUIntBE(at, lengthSize)
  require(end <= bytes.length)
  return [bytes.subarray(start, end), end]
}

function require(condition: boolean): asserts condition {
  if (!condition) throw new Error('malformed')
}
