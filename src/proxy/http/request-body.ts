// Follows a request's body through the client's bytes, and frames it anew for the upstream.
import { ChunkDecoder, frameChunk, Pieces } from './chunk-decoder.ts'
import type { OutBuffer } from './out-buffer.ts'
import type { BodyFraming } from './request-head.ts'

const pieces = new Pieces()

export class RequestBody {
  problem: string | undefined
  /** Payload bytes that came. */
  received = 0
  readonly #chunks: ChunkDecoder | undefined
  #left: number

  constructor(framing: BodyFraming) {
    this.#left = framing.kind === 'length' ? framing.length : 0
    if (framing.kind === 'chunked') this.#chunks = new ChunkDecoder({ allowsExtensions: false })
  }

  get isDone(): boolean {
    return this.#chunks ? this.#chunks.isDone : this.#left === 0
  }

  /** Appends to a head that has not been sent. Returns how far it came. */
  stage(bytes: Buffer, start: number, end: number, out: OutBuffer): number {
    const at = this.#advance(bytes, start, end)
    if (this.problem !== undefined) return at
    if (this.#chunks) {
      const frame = frameChunk(bytes, pieces, this.#chunks.isDone, this.#chunks.trailers)
      out.copy(frame, 0, frame.length)
    } else {
      out.copy(bytes, start, at)
    }
    return at
  }

  /** Hands on what can be sent at once. `send` gets bytes that stay untouched only until it returns. */
  forward(bytes: Buffer, start: number, end: number, send: (bytes: Buffer, start: number, end: number) => void): number {
    const at = this.#advance(bytes, start, end)
    if (this.problem !== undefined) return at
    if (this.#chunks) {
      const frame = frameChunk(bytes, pieces, this.#chunks.isDone, this.#chunks.trailers)
      send(frame, 0, frame.length)
    } else {
      send(bytes, start, at)
    }
    return at
  }

  #advance(bytes: Buffer, start: number, end: number): number {
    pieces.clear()
    let at: number
    if (this.#chunks) {
      at = this.#chunks.decode(bytes, start, end, pieces)
      this.problem = this.#chunks.problem
    } else {
      at = Math.min(end, start + this.#left)
      pieces.add(start, at)
      this.#left -= at - start
    }
    this.received += pieces.total
    return at
  }
}
