// Ends connections that are refused: with a TLS alert where that says more, and never with an RST that eats the answer.
import type { Deadline, Deadlines } from '../base/index.ts'
import type { ReasonCode } from '../flow/index.ts'
import type { Limits } from './limits.ts'
import type { Wire, WireHandler } from './transport.ts'

/** RFC 8446 §6 */
const ALERT_ACCESS_DENIED = 49
const ALERT_UNRECOGNIZED_NAME = 112

/** Codes that mean "no such name here", as opposed to "not for you". */
const unknownName: ReadonlySet<ReasonCode> = new Set(['not-declared', 'not-visible', 'no-filter-chain', 'name-not-declared'])

/** One fatal alert record; clients show its name to their users. */
export function tlsAlert(code: ReasonCode): Buffer {
  const description = unknownName.has(code) ? ALERT_UNRECOGNIZED_NAME : ALERT_ACCESS_DENIED
  return Buffer.from([21, 3, 3, 0, 2, 2, description])
}

/** SETTINGS without content, then GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 §6.8, §7). */
export function http2Goodbye(text: string): Buffer {
  const debug = Buffer.from(text, 'utf8').subarray(0, 1024)
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const goaway = Buffer.alloc(9 + 8)
  goaway.writeUIntBE(8 + debug.length, 0, 3)
  goaway[3] = 7
  goaway.writeUInt32BE(0x0d, 13)
  return Buffer.concat([settings, goaway, debug])
}

/**
 * Sends FIN, then discards what the client still says until it has closed too, for a short time: closing a socket with
 * unread bytes makes the kernel send RST, and the client would never see what was answered.
 */
export function closePolitely(wire: Wire, tools: LingerTools, onClosed: () => void): void {
  if (wire.closed) return onClosed()
  const linger = new Linger(wire, tools, onClosed)
  wire.handler = linger
  wire.finish()
  wire.resume()
}

export interface LingerTools {
  readonly deadlines: Deadlines
  readonly limits: Limits
}

class Linger implements WireHandler {
  readonly #wire: Wire
  readonly #tools: LingerTools
  readonly #onClosed: () => void
  #left: number
  #pending: number
  #stalls = 0
  #deadline: Deadline

  constructor(wire: Wire, tools: LingerTools, onClosed: () => void) {
    this.#wire = wire
    this.#tools = tools
    this.#onClosed = onClosed
    this.#left = tools.limits.lingerBytes
    this.#pending = wire.pending
    this.#deadline = this.#arm()
  }

  onData(_bytes: Buffer, start: number, end: number): void {
    this.#left -= end - start
    if (this.#left < 0) this.#wire.close()
  }

  onEnd(): void {
    // When its own FIN has gone out too, the wire closes by itself.
  }

  onDrain(): void {
    // Looked at when the deadline comes.
  }

  onClose(): void {
    this.#deadline.cancel()
    this.#onClosed()
  }

  #arm(): Deadline {
    const { deadlines, limits } = this.#tools
    return deadlines.arm(limits.lingerMs, () => this.#onDeadline())
  }

  /** An answer that a slow client is still taking is not cut off, as long as it takes some. */
  #onDeadline(): void {
    const { pending } = this.#wire
    this.#stalls = pending < this.#pending ? 0 : this.#stalls + 1
    this.#pending = pending
    if (pending === 0 || this.#stalls > this.#tools.limits.lingerStalls) return this.#wire.close()
    this.#deadline = this.#arm()
  }
}
