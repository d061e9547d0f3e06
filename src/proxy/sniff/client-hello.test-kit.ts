// Builds ClientHellos for tests, byte by byte, so that each part can be made wrong.

export interface HelloParts {
  readonly sni?: string
  readonly alpn?: readonly string[]
  /** Further extensions, as type and content. */
  readonly extensions?: readonly (readonly [number, Buffer])[]
  readonly sessionId?: Buffer
  readonly suites?: Buffer
  readonly compressions?: Buffer
  /** No extensions block at all, as in TLS 1.0. */
  readonly isBare?: boolean
}

/** The handshake message, without records. */
export function helloMessage(parts: HelloParts): Buffer {
  const extensions = [
    ...(parts.sni === undefined ? [] : [extension(0, sniList(Buffer.from(parts.sni, 'latin1')))]),
    ...(parts.alpn === undefined ? [] : [extension(16, block(2, Buffer.concat(parts.alpn.map((name) => block(1, Buffer.from(name))))))]),
    ...(parts.extensions ?? []).map(([type, content]) => extension(type, content)),
  ]
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    block(1, parts.sessionId ?? Buffer.alloc(32, 1)),
    block(2, parts.suites ?? Buffer.from([0x13, 0x01, 0x13, 0x02])),
    block(1, parts.compressions ?? Buffer.from([0])),
    ...(parts.isBare ? [] : [block(2, Buffer.concat(extensions))]),
  ])
  return Buffer.concat([Buffer.from([1]), block(3, body)])
}

/** Cuts a message into records of at most `size` bytes. */
export function records(message: Buffer, size = 16_384): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    pieces.push(Buffer.from([22, 3, 1]), block(2, message.subarray(at, at + size)))
  }
  return Buffer.concat(pieces)
}

export function hello(parts: HelloParts): Buffer {
  return records(helloMessage(parts))
}

export function sniList(name: Buffer, type = 0): Buffer {
  return block(2, Buffer.concat([Buffer.from([type]), block(2, name)]))
}

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 0xff]), block(2, content)])
}

export function block(lengthSize: number, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthSize)
  length.writeUIntBE(content.length, 0, lengthSize)
  return Buffer.concat([length, content])
}
