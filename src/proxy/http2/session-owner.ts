// Defines what a connection of HTTP/2 asks of whoever serves or uses it, and the limits that it is given.
import type { Clock } from '../../base/index.ts'
import type { Fault } from './frames.ts'
import type { FieldList } from './hpack-decoder.ts'
import type { Http2Stream } from './stream.ts'

export interface Http2Limits {
  /** Requests at one time that a client may make on one connection. */
  readonly streams: number
  /** Bytes of one head, as it comes and as it unfolds. */
  readonly headBytes: number
  readonly headers: number
}

/** Whose connection it is. */
export interface SessionOwner {
  /** A stream's head has come whole, or an interim one, or its trailers. A fault ends the stream. */
  onFields(stream: Http2Stream, fields: FieldList, isLast: boolean): Fault | undefined
  /** The other side asks for a new stream; only of a server. False: there may be no more of them. */
  mayAdmit(): boolean
  /** It ended with a fault before it meant anything. */
  onStreamFault(fault: Fault): void
  onStreamGone(stream: Http2Stream): void
  /** Something came that shows that the other side lives. */
  onActivity(): void
  /** No new stream may be opened: the other side said so. */
  onGoaway(): void
  /** The connection breaks the rules, and was told so: nothing more is read. */
  onFault(fault: Fault): void
  /** The wire is gone. */
  onClose(error: Error | undefined): void
  /** The other side has sent its FIN. */
  onEnd(): void
}

export interface SessionTools {
  readonly owner: SessionOwner
  readonly clock: Pick<Clock, 'monotonic'>
  readonly limits: Http2Limits
  /** Calls back when the event loop has gone through what it is at. */
  readonly afterTurn?: (then: () => void) => void
}
