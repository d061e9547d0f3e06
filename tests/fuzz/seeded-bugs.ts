// Bugs to be found: for each fuzzer a change of the parser's text that is made while it is bundled for the test, and exists nowhere else.

export interface SeededBug {
  readonly what: string
  readonly target: string
  /** The source file of the parser. */
  readonly file: string
  readonly from: string
  readonly to: string
}

export const seededBugs: readonly SeededBug[] = [
  {
    what: 'a header value may hold a bare CR',
    target: 'request-head',
    file: 'src/proxy/http/head-scanner.ts',
    from: 'byte < 0x20 ? byte !== HT : byte === 0x7f',
    to: 'byte < 0x20 ? byte !== HT && !(byte === CR && bytes[at + 1] !== LF) : byte === 0x7f',
  },
  {
    what: 'the last of two Content-Lengths counts',
    target: 'request-head',
    file: 'src/proxy/http/request-head.ts',
    from: "if (this.#length !== undefined) return refuse(400, 'there are two Content-Length headers').problem",
    to: '',
  },
  {
    what: 'a response may have both framings',
    target: 'response-head',
    file: 'src/proxy/http/response-head.ts',
    from: 'if (isChunked && length !== undefined)',
    to: 'if (isChunked && length === 0)',
  },
  {
    what: 'a status may have four digits',
    target: 'response-head',
    file: 'src/proxy/http/head-scanner.ts',
    from: 'if (bytes[at] !== SP && bytes[at] !== CR)',
    to: 'if (bytes[at] === LF)',
  },
  {
    what: 'the LF after a chunk is not looked at',
    target: 'chunked',
    file: 'src/proxy/http/chunk-decoder.ts',
    from: "if (bytes[at] !== LF) return this.#break('a chunk does not end with CRLF', at)",
    to: '',
  },
  {
    what: 'a chunk that was cut is one byte too short',
    target: 'chunked',
    file: 'src/proxy/http/chunk-decoder.ts',
    from: 'this.#size -= taken',
    to: 'this.#size -= taken + (taken < this.#size && taken > 3 ? 1 : 0)',
  },
  {
    what: 'the end of an extension is not checked against its list',
    target: 'client-hello',
    file: 'src/proxy/sniff/tls-client-hello.ts',
    from: 'if (length === undefined || this.left < length) return undefined',
    to: 'if (length === undefined || this.left + 1 < length) return undefined',
  },
  {
    what: 'the second server name is the one that is read',
    target: 'client-hello',
    file: 'src/proxy/sniff/tls-client-hello.ts',
    from: 'if (type === undefined || !body || seen.has(type)) return undefined',
    to: 'if (type === undefined || !body) return undefined',
  },
  {
    what: 'a pointer is read as a label',
    target: 'dns',
    file: 'src/dns/wire.ts',
    from: 'if (length === undefined || length > 63) return undefined\n    at += 1\n',
    to: 'if (length === undefined) return undefined\n    at += 1\n',
  },
  {
    what: 'a record that is cut short is read',
    target: 'dns',
    file: 'src/dns/wire.ts',
    from: "if (at > packet.length) return 'malformed'",
    to: '',
  },
  {
    what: 'Huffman padding may be of any length',
    target: 'hpack',
    file: 'src/proxy/http2/huffman.ts',
    from: 'ones >= 0 && ones < 8',
    to: 'ones >= 0',
  },
  {
    what: 'an entry drives out one too few',
    target: 'hpack',
    file: 'src/proxy/http2/dynamic-table.ts',
    from: 'this.#size + room > this.#limit',
    to: 'this.#size + room > this.#limit + 32',
  },
  {
    what: 'padding that is longer than its frame is passed over',
    target: 'http2-frames',
    file: 'src/proxy/http2/frame-rules.ts',
    from: 'return padding > end - start - 1 ? undefined : { start: start + 1, end: end - padding }',
    to: 'return { start: start + 1, end: Math.max(start + 1, end - padding) }',
  },
  {
    what: 'a header value may hold a line end',
    target: 'http2-frames',
    file: 'src/proxy/http2/fields.ts',
    from: 'if (!VALUE.test(value)) return `the header',
    to: "if (!VALUE.test(value.replace('\\r\\n', ''))) return `the header",
  },
]
