// Defines what a wire asks of the socket below it, whatever that is made of.
import type { Socket } from 'node:net'
import type { Address } from '../base/index.ts'

/** Hears of a socket. */
export interface StreamOwner {
  /** Where the next bytes are read to. Undefined: to where the last were, which spares looking into it. */
  nextBuffer(): Uint8Array | undefined
  /** So many bytes stand at the beginning of the buffer that was named last. */
  onRead(bytes: Uint8Array, length: number): void
  /** The peer has sent its last byte. */
  onEnd(): void
  /** All that was written has gone to the kernel. */
  onDrain(): void
  /** The socket is gone. Called once, never from within a call of the owner's, and nothing after it. */
  onClosed(error: Error | undefined): void
}

export interface StreamConnect {
  onConnect(): void
  onFail(error: Error): void
}

/** A socket of TCP or Unix. */
export interface ByteStream {
  /** While it is connected; otherwise -1. */
  readonly descriptor: number
  /** Neither ended nor destroyed by us. */
  readonly isWritable: boolean
  /** Written bytes that the kernel has not taken. */
  readonly unsent: number
  readonly local: Address | undefined
  readonly remote: Address | undefined
  /** The bytes must stay as they are until `onDrain`. */
  write(bytes: Uint8Array): void
  /** Sends FIN after what was written. Once the peer's has come too, the socket is let go of. */
  end(): void
  /** Lets go at once; what the kernel has not taken is lost. */
  destroy(error?: Error): void
  /** As `destroy`, with RST where there is such a thing. */
  reset(): void
  pause(): void
  resume(): void
  /** As a socket of Node, for TLS: this is not to be used any more. */
  release(): Socket
}
