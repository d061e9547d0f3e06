// Defines what a backend of sockets must do, so that policy and codecs see bytes and never a socket.
import type { Server } from 'node:net'
import type { PeerCertificate, SecureContext } from 'node:tls'
import type { Address } from '../base/index.ts'
import type { ClientCertificate } from '../flow/index.ts'
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

/** The handler of a wire between two owners: what arrives then has no taker. */
export const nobody: WireHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
}

/** One end of a TCP connection or Unix socket, in clear or in TLS. */
export interface Wire {
  handler: WireHandler
  readonly local: Address | undefined
  /** As records write it. */
  readonly localText: string | undefined
  readonly remote: Address | undefined
  /** The SPIFFE identity that the peer of a connection in TLS has proven. */
  readonly principal: string | undefined
  /** The one that was proven to the peer. */
  readonly ownPrincipal: string | undefined
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

/** What a TLS connection is to be; all but the session is the same for every connection of its kind. */
export interface TlsSetup {
  readonly context: SecureContext
  /** Empty: no name is asked for. */
  readonly serverName: string
  readonly alpn: readonly string[]
  /** False: whatever certificate comes is taken. */
  readonly isVerified: boolean
  /** Certificates are vouched for by the mesh: what they say of an identity counts. */
  readonly isMesh: boolean
  /** Says in Envoy's words what is wrong with the names of a certificate whose chain is in order. */
  judgeNames(certificate: PeerCertificate): string | undefined
  /** A session to resume, of a connection whose certificate was found to be in order. */
  readonly session: Buffer | undefined
  keepSession(session: Buffer): void
}

/** How TLS ends here: the same for every connection of its kind. */
export interface ServerTlsSetup {
  readonly context: SecureContext
  /** What may be spoken inside, as far as the client has offered it; empty: nothing is said of it. */
  readonly alpn: readonly string[]
  /** The client is asked for a certificate, which has to be in order. */
  readonly asksForCertificate: boolean
  /** It may show none. */
  readonly mayLackCertificate: boolean
  /** It is vouched for by the mesh: what it says of an identity counts. */
  readonly isMesh: boolean
  /** Says in Envoy's words what is wrong with the names of a certificate whose chain is in order. */
  judgeNames(certificate: PeerCertificate): string | undefined
}

export interface SecureHandler {
  /** The handler has to be set. */
  onSecure(wire: Wire, certificate: ClientCertificate | undefined): void
  onFail(error: Error): void
}

export interface DialOptions {
  /** Goes ahead of everything, in clear. */
  readonly preamble?: Uint8Array
  readonly tls?: TlsSetup
  /** The kernel asks whether the peer lives after so many milliseconds of silence. */
  readonly keepAliveMs?: number
  /** Called once when a connection that was made is gone, after its handler's `onClose`. */
  readonly onGone?: () => void
}

export interface Transport {
  /** Makes one attempt. Time limits are the caller's. `onConnect` must set the wire's handler. With TLS it comes when the certificate is judged. */
  dial(target: Target, handler: DialHandler, options?: DialOptions): Dialling
  /** Ends the TLS of an accepted connection, of which `first` has been read: `wire` is not to be used any more. Time limits are the caller's. */
  endTls(wire: Wire, first: Uint8Array, setup: ServerTlsSetup, handler: SecureHandler): Dialling
  /** Takes over the connections of a listening server. `onWire` must set the wire's handler; the descriptor is the connection's. */
  adopt(server: Server, onWire: (wire: Wire, descriptor: number) => void): void
}
