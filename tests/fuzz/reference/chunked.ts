// Takes a chunked body apart in the plainest way (RFC 9112 §7.1), on the whole text at once: what the decoder is held to.
export type PlainBody =
  | { readonly is: 'whole'; readonly payload: string; readonly length: number }
  | { readonly is: 'more' | 'broken'; readonly payload: string }

const MAX_EXTENSION = 1024
const framing = /^(host|content-length|transfer-encoding|connection|te|trailer|upgrade|expect):/i

export function readChunked(text: string, allowsExtensions: boolean): PlainBody {
  let payload = ''
  let at = 0
  for (;;) {
    const line = /^([0-9a-fA-F]{1,12})(?:(;[\x20-\x7e\x80-\xff]*))?\r\n/.exec(text.slice(at, at + MAX_EXTENSION + 20))
    const extension = line?.[2]
    if (!line || (extension !== undefined && (!allowsExtensions || extension.length > MAX_EXTENSION + 1))) {
      return { is: mayBecomeSize(text.slice(at), allowsExtensions) ? 'more' : 'broken', payload }
    }
    at += line[0].length
    const size = Number.parseInt(line[1] ?? '', 16)
    if (size === 0) return readTrailer(text, at, payload)
    const piece = text.slice(at, at + size)
    payload += piece
    at += piece.length
    const end = text.slice(at, at + 2)
    if (piece.length < size || (end.length < 2 && '\r\n'.startsWith(end))) return { is: 'more', payload }
    if (end !== '\r\n') return { is: 'broken', payload }
    at += 2
  }
}

function mayBecomeSize(rest: string, allowsExtensions: boolean): boolean {
  const shape = allowsExtensions ? /^(?:[0-9a-fA-F]{1,12}(?:;[\x20-\x7e\x80-\xff]{0,1024})?\r?)?$/ : /^(?:[0-9a-fA-F]{1,12}\r?)?$/
  return shape.test(rest)
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const trailerLine = new RegExp(`^${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*$`)

function readTrailer(text: string, from: number, payload: string): PlainBody {
  let at = from
  let repeats = false
  for (let count = 0; ; count++) {
    const end = text.indexOf('\r\n', at)
    // A line is judged when it has ended.
    if (end === -1) return { is: text.includes('\n', at) ? 'broken' : 'more', payload }
    const line = text.slice(at, end)
    at = end + 2
    if (line === '') return repeats ? { is: 'broken', payload } : { is: 'whole', payload, length: at }
    if (!trailerLine.test(line) || count >= 64) return { is: 'broken', payload }
    repeats ||= framing.test(line)
  }
}
