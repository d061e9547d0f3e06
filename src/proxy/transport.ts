// Defines what a backend of sockets must do, so that policy and codecs see bytes and never a socket.
import type { Server, Socket } from 'node:net'
import type { Address } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'

/** Whoever has a wire in its hands at the moment. */
export interface WireHandler {
  /** The bytes belong to the transport again when the call returns: copy what must stay. */
  onData(bytes: Buffer, start: number, end: number): void
  /** The peer has sent its last byte. */
  onEnd(): void
  /** After `send` or `lend` said false: all bytes have gone to the kernel. May also come unasked. */
  onDrain(): void
  /** The socket is gone. Called once, and nothing after it. */
  onClose(error: Error | undefined): void
}

/** One end of a TCP connection or Unix socket. */
export interface Wire {
  handler: WireHandler
  readonly local: Address | undefined
  readonly remote: Address | undefined
  /** The peer has sent its last byte. */
  readonly ended: boolean
  readonly closed: boolean
  /** Bytes that the kernel has not taken yet. */
  readonly pending: number
  /** True after `promote`: the bytes given to `onData` stay untouched while this wire is paused. */
  readonly isPrivate: boolean
  /** Copies and sends. False: the source should pause until `onDrain`. */
  send(bytes: Uint8Array, start: number, end: number): boolean
  /** Sends without a copy. False: the bytes must not be touched until `onDrain`. */
  lend(bytes: Uint8Array, start: number, end: number): boolean
  /** Sends FIN after what was sent so far; reading goes on. */
  finish(): void
  /** Lets go at once; what was not yet taken by the kernel is lost. */
  close(): void
  /** Ends with RST. */
  reset(): void
  pause(): void
  resume(): void
  /** From now on reads go to a large buffer of this wire's own: for bulk. May be refused. */
  promote(): void
  demote(): void
}

export interface DialHandler {
  onConnect(wire: Wire): void
  onFail(error: Error): void
}

/** A connection attempt that can be given up. */
export interface Dialling {
  cancel(): void
}

export interface Transport {
  /** Makes one attempt. Time limits are the caller's. `onConnect` must set the wire's handler. */
  dial(target: Target, handler: DialHandler): Dialling
  /** Takes over the connections of a listening server. `onWire` must set the wire's handler. */
  adopt(server: Server, onWire: (wire: Wire, socket: Socket) => void): void
}
