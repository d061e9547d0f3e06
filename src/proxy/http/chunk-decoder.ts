// Takes the chunked coding off a body, strictly, and yields where the payload lies in the bytes that came (RFC 9112 §7.1).
import { HeldBytes } from '../held-bytes.ts'
import { HeadScanner } from './head-scanner.ts'
import { kindIndex } from './header-name.ts'
import { writeTrailers } from './trailers.ts'

/** Pairs of start and end; `total` is their sum. Reused from read to read. */
export class Pieces {
  readonly ranges: number[] = []
  total = 0

  clear(): void {
    this.ranges.length = 0
    this.total = 0
  }

  add(start: number, end: number): void {
    if (start === end) return
    this.ranges.push(start, end)
    this.total += end - start
  }
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done' | 'broken'

const CR = 0x0d
const LF = 0x0a
/** Hexadecimal digits of a chunk size: 2^48 bytes. */
const MAX_DIGITS = 12
/** Bytes of one chunk's extensions. */
const MAX_EXTENSION = 1024
const MAX_TRAILER = 16_384
const MAX_TRAILER_LINES = 64

/** A trailer that repeats one of these would change the message for whoever merges it into the head. */
const framingKinds: ReadonlySet<number> = new Set(
  (['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'trailer', 'upgrade', 'expect'] as const).map(
    (kind) => kindIndex[kind],
  ),
)

export class ChunkDecoder {
  problem: string | undefined
  /** The trailer section as it is passed on, without the empty line after it. */
  trailers: Buffer | undefined
  #state: State = 'size'
  #size = 0
  #digits = 0
  #extension = 0
  #trailer: HeldBytes | undefined
  readonly #allowsExtensions: boolean

  /** Clients' extensions are refused; an origin's are dropped. */
  constructor(options: { readonly allowsExtensions: boolean }) {
    this.#allowsExtensions = options.allowsExtensions
  }

  get isDone(): boolean {
    return this.#state === 'done'
  }

  /** Returns how far it came: to `end`, to the end of the body, or to where it broke. */
  decode(bytes: Buffer, start: number, end: number, pieces: Pieces): number {
    let at = start
    while (at < end && this.#state !== 'done' && this.#state !== 'broken') at = this.#step(bytes, at, end, pieces)
    return at
  }

  #step(bytes: Buffer, at: number, end: number, pieces: Pieces): number {
    switch (this.#state) {
      case 'data': {
        const taken = Math.min(end - at, this.#size)
        pieces.add(at, at + taken)
        this.#size -= taken
        if (this.#size === 0) this.#state = 'data-cr'
        return at + taken
      }
      case 'size':
        return this.#readSize(bytes[at] as number, at)
      case 'extension':
        return this.#readExtension(bytes[at] as number, at)
      case 'size-lf':
        if (bytes[at] !== LF) return this.#break('a chunk size is not followed by CRLF', at)
        this.#state = this.#size === 0 ? 'trailer' : 'data'
        return at + 1
      case 'data-cr':
        if (bytes[at] !== CR) return this.#break('a chunk does not end with CRLF', at)
        this.#state = 'data-lf'
        return at + 1
      case 'data-lf':
        if (bytes[at] !== LF) return this.#break('a chunk does not end with CRLF', at)
        this.#state = 'size'
        this.#digits = 0
        this.#extension = 0
        this.#size = 0
        return at + 1
      case 'trailer':
        return this.#readTrailer(bytes, at, end)
      default:
        return at
    }
  }

  #readSize(byte: number, at: number): number {
    const value = hexDigit(byte)
    if (value >= 0) {
      if (++this.#digits > MAX_DIGITS) return this.#break('a chunk size is too large', at)
      this.#size = this.#size * 16 + value
      return at + 1
    }
    if (this.#digits === 0) return this.#break('a chunk has no size', at)
    if (byte === CR) this.#state = 'size-lf'
    else if (byte === 0x3b && this.#allowsExtensions) this.#state = 'extension'
    else return this.#break('a chunk size is followed by something else than CRLF', at)
    return at + 1
  }

  #readExtension(byte: number, at: number): number {
    if (byte === CR) this.#state = 'size-lf'
    else if (byte < 0x20 || byte === 0x7f || ++this.#extension > MAX_EXTENSION) return this.#break('a chunk extension is malformed', at)
    return at + 1
  }

  #readTrailer(bytes: Buffer, at: number, end: number): number {
    this.#trailer ??= new HeldBytes()
    const held = this.#trailer
    const before = held.length
    const room = Math.min(end - at, MAX_TRAILER - before)
    held.append(bytes, at, at + room)
    const scanner = trailerScanner
    // Only lines that have ended are looked at: trailers that dribble in are not scanned again for every byte.
    const lineEnd = bytes.subarray(at, at + room).lastIndexOf(LF) + 1
    const result = lineEnd === 0 ? 0 : scanner.scanTrailer(held.bytes, held.start, held.end - room + lineEnd)
    if (result === -1) return this.#break(scanner.problem?.text ?? 'a trailer is malformed', at)
    if (result === 0) return before + room >= MAX_TRAILER ? this.#break('the trailers are too long', at) : at + room
    for (let line = 0; line < scanner.count; line++) {
      if (framingKinds.has(scanner.kind(line))) return this.#break('a trailer repeats a header that frames the message', at)
    }
    if (scanner.count > 0) this.trailers = writeTrailers(scanner)
    this.#state = 'done'
    return at + (result - held.start - before)
  }

  #break(problem: string, at: number): number {
    this.problem = problem
    this.#state = 'broken'
    return at
  }
}

const trailerScanner = new HeadScanner(MAX_TRAILER_LINES)

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** One chunk that holds all pieces, and the last chunk with the trailers where the body ends with them. */
export function frameChunk(bytes: Buffer, pieces: Pieces, isLast: boolean, trailers?: Buffer): Buffer {
  const size = pieces.total === 0 ? '' : `${pieces.total.toString(16)}\r\n`
  const end = trailers ? '0\r\n' : '0\r\n\r\n'
  const tail = `${pieces.total === 0 ? '' : '\r\n'}${isLast ? end : ''}`
  const added = isLast && trailers ? trailers.length + 2 : 0
  const frame = Buffer.allocUnsafe(size.length + pieces.total + tail.length + added)
  let at = frame.write(size, 0, 'latin1')
  const { ranges } = pieces
  for (let index = 0; index < ranges.length; index += 2) {
    const piece = bytes.subarray(ranges[index], ranges[index + 1])
    frame.set(piece, at)
    at += piece.length
  }
  at += frame.write(tail, at, 'latin1')
  if (isLast && trailers) {
    frame.set(trailers, at)
    frame.write('\r\n', at + trailers.length, 'latin1')
  }
  return frame
}
