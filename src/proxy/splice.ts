// Copies bytes both ways between two wires with back-pressure and half-close, and says when it is over.
import type { Clock, Deadlines } from '../base/index.ts'
import type { Wire, WireHandler } from './transport.ts'
import { WaitLimit } from './wait-limit.ts'

/** Bytes of one direction after which it counts as bulk and gets a large buffer of its own. */
const BULK_BYTES = 131_072

export type SpliceEnd = 'finished' | 'client-reset' | 'upstream-reset' | 'idle'

export interface SpliceOptions {
  readonly client: Wire
  readonly upstream: Wire
  readonly idleMs: number
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** What the client has said before; sent ahead of all else and not counted. */
  readonly onClientBytes?: (bytes: Buffer, start: number, end: number) => void
  /** Called once, when both wires are gone. */
  readonly onEnd: (end: SpliceEnd, error: Error | undefined) => void
}

export class Splice {
  /** Bytes from the client, bytes to the client. */
  sent = 0
  received = 0
  readonly #options: SpliceOptions
  readonly #idle: WaitLimit
  #end: SpliceEnd | undefined
  #error: Error | undefined
  #closed = 0

  constructor(options: SpliceOptions) {
    this.#options = options
    this.#idle = new WaitLimit(options.deadlines, options.clock, () => this.#onIdle())
    options.client.handler = new Side(this, options.client, options.upstream, 'sent')
    options.upstream.handler = new Side(this, options.upstream, options.client, 'received')
    this.#idle.start(options.idleMs)
    if (options.client.ended) options.upstream.finish()
  }

  count(direction: 'sent' | 'received', bytes: Buffer, start: number, end: number): void {
    if (direction === 'sent' && this.sent === 0) this.#options.onClientBytes?.(bytes, start, end)
    this[direction] += end - start
    this.#idle.touch()
  }

  /** Lets both sides go: their time is over. */
  end(): void {
    this.#end ??= 'finished'
    this.#options.client.close()
    this.#options.upstream.close()
  }

  /** Cuts both sides at once. */
  cut(): void {
    this.#end ??= 'finished'
    this.#options.client.reset()
    this.#options.upstream.reset()
  }

  /** One side is gone. The other is let go too, with an RST where this one had one. */
  onSideClosed(direction: 'sent' | 'received', error: Error | undefined): void {
    const other = direction === 'sent' ? this.#options.upstream : this.#options.client
    if (error) {
      this.#end ??= direction === 'sent' ? 'client-reset' : 'upstream-reset'
      this.#error ??= error
      other.reset()
    } else if (!other.ended) {
      // This side was let go of by us. Otherwise both have sent their FIN, and the other closes when its last bytes are taken.
      other.close()
    }
    this.#closed++
    if (this.#closed < 2) return
    this.#idle.stop()
    this.#options.onEnd(this.#end ?? 'finished', this.#error)
  }

  #onIdle(): void {
    this.#end ??= 'idle'
    this.#options.client.close()
    this.#options.upstream.close()
  }
}

/** Reads one wire and writes the other. */
class Side implements WireHandler {
  readonly #splice: Splice
  readonly #source: Wire
  readonly #sink: Wire
  readonly #direction: 'sent' | 'received'
  /** Since the source had a large buffer last, or from the beginning. */
  #total = 0
  #isBulk = false

  constructor(splice: Splice, source: Wire, sink: Wire, direction: 'sent' | 'received') {
    this.#splice = splice
    this.#source = source
    this.#sink = sink
    this.#direction = direction
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#splice.count(this.#direction, bytes, start, end)
    this.#total += end - start
    const isTaken = this.#source.isPrivate ? this.#sink.lend(bytes, start, end) : this.#sink.send(bytes, start, end)
    if (!isTaken) this.#source.pause()
    if (this.#total > BULK_BYTES) this.#promote()
  }

  /** A source that fell silent has lost its large buffer: it has to prove anew that it is worth one. */
  #promote(): void {
    if (this.#isBulk && !this.#source.isPrivate) {
      this.#isBulk = false
      this.#total = 0
      return
    }
    this.#source.promote()
    this.#isBulk = this.#source.isPrivate
  }

  onEnd(): void {
    this.#sink.finish()
  }

  /** The wire that this side reads has room again for what comes from the other. */
  onDrain(): void {
    this.#sink.resume()
  }

  onClose(error: Error | undefined): void {
    this.#splice.onSideClosed(this.#direction, error)
  }
}
