// Holds what a hostile client of HTTP/2 may send, in classes, each case with what becomes of its connection or stream.
import { block, type Fields, frame, integer, preface, settings, uint32 } from '../../src/proxy/http2/frames.test-kit.ts'

export interface HostileFrames {
  readonly class: string
  readonly name: string
  readonly bytes: Buffer
  /** The connection ends with this code; or the stream does; or the stream is answered with this status. */
  readonly goaway?: string
  readonly reset?: string
  readonly status?: number
  /** It breaks when a whole head was there: that may have begun to be passed on. */
  readonly breaksLate?: true
}

type Ending = Omit<HostileFrames, 'class' | 'name' | 'bytes'>
type Case = readonly [bytes: readonly Buffer[], ending: Ending]

const DATA = 0
const HEADERS = 1
const END_STREAM = 1
const END_HEADERS = 4
const PADDED = 8
const PRIORITY = 32

const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.example'],
  [':path', '/'],
]
const post: Fields = [[':method', 'POST'], ...get.slice(1)]

const begun = Buffer.concat([preface, settings()])
const head = (fields: Fields, stream = 1, flags = END_HEADERS | END_STREAM): Buffer =>
  frame({ type: HEADERS, flags, stream, content: block(fields) })
const rawHead = (content: Uint8Array): Buffer => frame({ type: HEADERS, flags: END_HEADERS | END_STREAM, stream: 1, content })
const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
const asked = (...extra: Fields): readonly Buffer[] => [begun, head([...get, ...extra])]
const odd = (index: number): number => index * 2 + 1

const protocol: Ending = { goaway: 'PROTOCOL_ERROR' }
const malformed: Ending = { reset: 'PROTOCOL_ERROR' }
const size: Ending = { goaway: 'FRAME_SIZE_ERROR' }
const calm: Ending = { goaway: 'ENHANCE_YOUR_CALM' }
const compression: Ending = { goaway: 'COMPRESSION_ERROR' }
const flow: Ending = { goaway: 'FLOW_CONTROL_ERROR' }

const classes: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  'the beginning': {
    'a preface without SETTINGS': [[preface, head(get)], protocol],
    'an acknowledgement in place of SETTINGS': [[preface, frame({ type: 4, flags: 1 })], protocol],
    'a ping in place of SETTINGS': [[preface, frame({ type: 6, content: '12345678' })], protocol],
    'the preface twice': [[preface, preface, settings()], size],
    'HTTP/1.1 behind the preface': [[preface, Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')], size],
  },
  'sizes of frames': {
    'a frame beyond the limit': [[begun, frame({ type: DATA, stream: 1, content: Buffer.alloc(16_385) })], size],
    'a frame that says 16 MB': [[begun, Buffer.from([0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1])], size],
    'SETTINGS of five bytes': [[begun, frame({ type: 4, content: '12345' })], size],
    'an acknowledgement with content': [[begun, frame({ type: 4, flags: 1, content: '123456' })], size],
    'PING of seven bytes': [[begun, frame({ type: 6, content: '1234567' })], size],
    'RST_STREAM of three bytes': [[begun, frame({ type: 3, stream: 1, content: '123' })], size],
    'WINDOW_UPDATE of three bytes': [[begun, frame({ type: 8, content: '123' })], size],
    'PRIORITY of four bytes': [[begun, frame({ type: 2, stream: 1, content: '1234' })], size],
    'GOAWAY of seven bytes': [[begun, frame({ type: 7, content: '1234567' })], size],
    'HEADERS too short for its priority': [
      [begun, frame({ type: HEADERS, flags: END_HEADERS | PRIORITY, stream: 1, content: '123' })],
      size,
    ],
  },
  'streams that are not there': {
    'DATA without a stream': [[begun, frame({ type: DATA, content: 'x' })], protocol],
    'HEADERS without a stream': [[begun, head(get, 0)], protocol],
    'HEADERS on an even stream': [[begun, head(get, 2)], protocol],
    'HEADERS on an older stream': [[begun, head(get, 5), head(get, 3)], { goaway: 'STREAM_CLOSED', breaksLate: true }],
    'HEADERS on the same stream again': [[begun, head(get, 1), head(get, 1)], { goaway: 'STREAM_CLOSED', breaksLate: true }],
    'DATA on a stream that was never opened': [[begun, frame({ type: DATA, stream: 7, content: 'x' })], protocol],
    'RST_STREAM of a stream that was never opened': [[begun, frame({ type: 3, stream: 7, content: uint32(8) })], protocol],
    'WINDOW_UPDATE of a stream that was never opened': [[begun, frame({ type: 8, stream: 7, content: uint32(1) })], protocol],
    'SETTINGS on a stream': [[begun, frame({ type: 4, stream: 1 })], protocol],
    'PING on a stream': [[begun, frame({ type: 6, stream: 1, content: '12345678' })], protocol],
    'GOAWAY on a stream': [[begun, frame({ type: 7, stream: 1, content: uint32(0, 0) })], protocol],
    'PRIORITY without a stream': [[begun, frame({ type: 2, content: '12345' })], protocol],
    'CONTINUATION without HEADERS': [[begun, frame({ type: 9, flags: END_HEADERS, stream: 1, content: block(get) })], protocol],
    'a push': [[begun, frame({ type: 5, flags: END_HEADERS, stream: 1, content: uint32(2) })], protocol],
    'a stream that depends on itself': [[begun, frame({ type: 2, stream: 3, content: Buffer.from([0, 0, 0, 3, 16]) })], protocol],
    'DATA behind the end of the stream': [
      [begun, head(get), frame({ type: DATA, stream: 1, content: 'x' })],
      { reset: 'STREAM_CLOSED', breaksLate: true },
    ],
  },
  'heads in pieces': {
    'another frame amid a head': [
      [begun, frame({ type: HEADERS, stream: 1, content: block(get) }), frame({ type: 6, content: '12345678' })],
      protocol,
    ],
    'CONTINUATION of another stream': [
      [begun, frame({ type: HEADERS, stream: 1, content: block(get) }), frame({ type: 9, flags: END_HEADERS, stream: 3 })],
      protocol,
    ],
    'CONTINUATION without end': [
      [
        begun,
        frame({ type: HEADERS, stream: 1, content: block(get) }),
        many(200, () => frame({ type: 9, stream: 1, content: block([['x', 'y']]) })),
      ],
      calm,
    ],
    'empty CONTINUATIONs without end': [
      [begun, frame({ type: HEADERS, stream: 1, content: block(get) }), many(200, () => frame({ type: 9, stream: 1 }))],
      calm,
    ],
    'a head that is too long as it comes': [
      [
        begun,
        frame({ type: HEADERS, stream: 1, content: block(get) }),
        many(6, () => frame({ type: 9, stream: 1, content: block([['x', 'y'.repeat(15_000)]]) })),
      ],
      calm,
    ],
  },
  padding: {
    'DATA whose padding is all of it': [
      [begun, head(post, 1, END_HEADERS), frame({ type: DATA, flags: PADDED, stream: 1, content: Buffer.from([5, 1, 2, 3]) })],
      { ...protocol, breaksLate: true },
    ],
    'HEADERS whose padding is all of it': [
      [begun, frame({ type: HEADERS, flags: END_HEADERS | PADDED, stream: 1, content: Buffer.from([9, 1, 2]) })],
      protocol,
    ],
    'PADDED without a length': [[begun, frame({ type: HEADERS, flags: END_HEADERS | PADDED, stream: 1 })], protocol],
  },
  windows: {
    'a window that opens nothing': [[begun, frame({ type: 8, content: uint32(0) })], protocol],
    'a stream’s window that opens nothing': [
      [begun, head(post, 1, END_HEADERS), frame({ type: 8, stream: 1, content: uint32(0) })],
      { ...malformed, breaksLate: true },
    ],
    'a window beyond 2^31-1': [[begun, frame({ type: 8, content: uint32(0x7fff_ffff) })], flow],
    'a stream’s window beyond 2^31-1': [
      [begun, head(post, 1, END_HEADERS), frame({ type: 8, stream: 1, content: uint32(0x7fff_ffff) })],
      { reset: 'FLOW_CONTROL_ERROR', breaksLate: true },
    ],
    'an initial window beyond 2^31-1': [[begun, settings([4, 0x8000_0000])], flow],
    'an initial window that makes another too large': [
      [begun, head(post, 1, END_HEADERS), frame({ type: 8, stream: 1, content: uint32(0x7fff_0000) }), settings([4, 0x7fff_ffff])],
      { ...flow, breaksLate: true },
    ],
  },
  SETTINGS: {
    'ENABLE_PUSH of 2': [[begun, settings([2, 2])], protocol],
    'MAX_FRAME_SIZE below the least': [[begun, settings([5, 16_383])], protocol],
    'MAX_FRAME_SIZE beyond the most': [[begun, settings([5, 0x100_0000])], protocol],
  },
  floods: {
    SETTINGS: [[begun, many(3000, () => settings())], calm],
    PING: [[begun, many(3000, () => frame({ type: 6, content: '12345678' }))], calm],
    PRIORITY: [[begun, many(3000, () => frame({ type: 2, stream: 1, content: Buffer.from([0, 0, 0, 0, 1]) }))], calm],
    'frames of unknown types': [[begun, many(3000, () => frame({ type: 99 }))], calm],
    WINDOW_UPDATE: [[begun, many(3000, () => frame({ type: 8, content: uint32(1) }))], calm],
    'empty DATA': [[begun, head(post, 1, END_HEADERS), many(3000, () => frame({ type: DATA, stream: 1 }))], { ...calm, breaksLate: true }],
    'rapid reset': [
      [begun, many(1000, (index) => Buffer.concat([head(get, odd(index)), frame({ type: 3, stream: odd(index), content: uint32(8) })]))],
      { ...calm, breaksLate: true },
    ],
    'streams that are malformed': [[begun, many(1000, (index) => head([['x', 'y']], odd(index)))], calm],
    'more streams than there may be': [
      [begun, many(110, (index) => head(post, odd(index), END_HEADERS))],
      { reset: 'REFUSED_STREAM', breaksLate: true },
    ],
  },
  HPACK: {
    'the field number 0': [[begun, rawHead(Buffer.from([0x80]))], compression],
    'a number beyond both tables': [[begun, rawHead(integer(200, 7, 0x80))], compression],
    'an integer without end': [[begun, rawHead(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]))], compression],
    'an integer that is cut short': [[begun, rawHead(Buffer.from([0xff]))], compression],
    'a string that is longer than the head': [[begun, rawHead(Buffer.from([0x00, 0x05, 0x61]))], compression],
    'a field without a value': [[begun, rawHead(Buffer.from([0x00, 0x01, 0x61]))], compression],
    'Huffman padding of zeros': [[begun, rawHead(Buffer.from([0x00, 0x81, 0b0001_1000, 0x01, 0x61]))], compression],
    'Huffman padding of a whole byte': [[begun, rawHead(Buffer.from([0x00, 0x82, 0b0001_1111, 0xff, 0x01, 0x61]))], compression],
    'the end of a string inside of it': [[begun, rawHead(Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61]))], compression],
    'a table larger than was allowed': [[begun, rawHead(integer(4097, 5, 0x20))], compression],
    'a table that is resized amid the fields': [[begun, rawHead(Buffer.concat([block(get), Buffer.from([0x20])]))], compression],
    'a bomb of one large field': [[begun, rawHead(bomb())], { reset: 'ENHANCE_YOUR_CALM' }],
    'too many fields': [asked(...Array.from({ length: 120 }, (_, index) => [`x-${index}`, 'y'] as const)), { reset: 'ENHANCE_YOUR_CALM' }],
  },
  'pseudo-headers': {
    'none at all': [[begun, head([['x', 'y']])], malformed],
    'no :method': [[begun, head(get.slice(1))], malformed],
    'no :path': [[begun, head(get.slice(0, 3))], malformed],
    'no :scheme': [[begun, head(get.filter(([name]) => name !== ':scheme'))], malformed],
    'two :path': [[begun, head([...get, [':path', '/b']])], malformed],
    'one behind a header': [[begun, head([['x', 'y'], ...get])], malformed],
    'one that is unknown': [[begun, head([...get, [':proto', 'x']])], malformed],
    'one of responses': [[begun, head([...get, [':status', '200']])], malformed],
    'an extended CONNECT that was not offered': [
      [begun, head([[':method', 'CONNECT'], ...get.slice(1), [':protocol', 'websocket']])],
      malformed,
    ],
    'CONNECT with a path': [[begun, head([[':method', 'CONNECT'], ...get.slice(1)])], malformed],
    'an empty :path': [[begun, head([...get.slice(0, 3), [':path', '']])], malformed],
    'a :path that is a URI': [[begun, head([...get.slice(0, 3), [':path', 'http://b.example/']])], malformed],
    'a :path that is a star': [[begun, head([...get.slice(0, 3), [':path', '*']])], malformed],
    'a :path with a space': [[begun, head([...get.slice(0, 3), [':path', '/ HTTP/1.1']])], malformed],
    'a :path with a line end': [[begun, head([...get.slice(0, 3), [':path', '/\r\nx: y']])], malformed],
    'a :method with a space': [[begun, head([[':method', 'GET /admin HTTP/1.1'], ...get.slice(1)])], malformed],
    'a scheme that is not of HTTP': [[begun, head([get[0] ?? ['', ''], [':scheme', 'ftp'], ...get.slice(2)])], malformed],
    'an authority with user information': [
      [begun, head([...get.slice(0, 2), [':authority', 'u@a.example'], [':path', '/']])],
      { status: 400 },
    ],
    'an authority with a line end': [[begun, head([...get.slice(0, 2), [':authority', 'a\r\nx: y'], [':path', '/']])], malformed],
    'no authority': [[begun, head(get.filter(([name]) => name !== ':authority'))], { status: 400 }],
    'a Host that says something else': [asked(['host', 'b.example']), { status: 400 }],
    'a method that nobody knows': [[begun, head([[':method', 'FROB'], ...get.slice(1)])], { status: 400 }],
  },
  headers: {
    'a name with a capital': [asked(['X-A', 'y']), malformed],
    'a name with a space': [asked(['x a', 'y']), malformed],
    'a name with a colon': [asked(['x:a', 'y']), malformed],
    'an empty name': [asked(['', 'y']), malformed],
    'a name with a line end': [asked(['x\r\ny', 'z']), malformed],
    'a value with a line end': [asked(['x', 'y\r\nhost: b.example']), malformed],
    'a value with a bare LF': [asked(['x', 'y\nz']), malformed],
    'a value with NUL': [asked(['x', 'y\0z']), malformed],
    'a value that begins with a space': [asked(['x', ' y']), malformed],
    'a value that ends with a tab': [asked(['x', 'y\t']), malformed],
    Connection: [asked(['connection', 'close']), malformed],
    'Keep-Alive': [asked(['keep-alive', '5']), malformed],
    'Proxy-Connection': [asked(['proxy-connection', 'close']), malformed],
    'Transfer-Encoding': [asked(['transfer-encoding', 'chunked']), malformed],
    Upgrade: [asked(['upgrade', 'websocket']), malformed],
    'TE that is not trailers': [asked(['te', 'gzip']), malformed],
    'two Hosts': [asked(['host', 'a.example'], ['host', 'a.example']), malformed],
    content_length: [asked(['content_length', '5']), { status: 400 }],
  },
  'the body': {
    'two lengths': [asked(['content-length', '0'], ['content-length', '0']), malformed],
    'a length that is no number': [asked(['content-length', '+5']), malformed],
    'a length and no body': [asked(['content-length', '5']), malformed],
    'a body that is too long': [
      [
        begun,
        head([...post, ['content-length', '3']], 1, END_HEADERS),
        frame({ type: DATA, flags: END_STREAM, stream: 1, content: 'hello' }),
      ],
      { ...malformed, breaksLate: true },
    ],
    'a body that is too short': [
      [
        begun,
        head([...post, ['content-length', '9']], 1, END_HEADERS),
        frame({ type: DATA, flags: END_STREAM, stream: 1, content: 'hello' }),
      ],
      { ...malformed, breaksLate: true },
    ],
    'trailers that do not end the stream': [
      [begun, head(post, 1, END_HEADERS), head([['x', 'y']], 1, END_HEADERS)],
      { ...malformed, breaksLate: true },
    ],
    'trailers with a pseudo-header': [[begun, head(post, 1, END_HEADERS), head([[':path', '/b']], 1)], { ...malformed, breaksLate: true }],
    'trailers that frame': [
      [begun, head(post, 1, END_HEADERS), head([['transfer-encoding', 'chunked']], 1)],
      { ...malformed, breaksLate: true },
    ],
  },
}

/** One large field goes into the table and is named many times by one byte. */
function bomb(): Buffer {
  const large = Buffer.concat([Buffer.from([0x40]), integer(1, 7, 0), Buffer.from('x'), integer(4000, 7, 0), Buffer.alloc(4000, 0x79)])
  return Buffer.concat([block(get), large, Buffer.alloc(8000, 0x80 | 62)])
}

export const hostileFrames: readonly HostileFrames[] = Object.entries(classes).flatMap(([name, cases]) =>
  Object.entries(cases).map(([sentence, [bytes, ending]]) => ({ class: name, name: sentence, bytes: Buffer.concat(bytes), ...ending })),
)
