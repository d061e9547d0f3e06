// Defines what an exchange may ask of the client's connection that it runs on.
import type { Arrival } from '../arrival.ts'
import type { Wire } from '../transport.ts'
import type { Piece } from './tunnel.ts'

/** Why the client's bytes are not wanted just now; reading goes on when no reason is left. */
export const pauseReasons = { decision: 1, upstreamFull: 2, pipeline: 4 } as const

export type PauseReason = keyof typeof pauseReasons

export interface ClientSide {
  readonly wire: Wire
  readonly arrival: Arrival
  /** Id of the connection, as records name it. */
  readonly id: string
  /** Its request came by a stream of HTTP/2. */
  readonly speaksHttp2: boolean
  /** Keys of pooled upstream connections that serve this client only. */
  readonly privateKeys: Set<string>
  readonly isPaused: boolean
  pause(reason: PauseReason): void
  resume(reason: PauseReason): void
  /** The exchange is ready to go on with bytes that were held. */
  proceed(): void
  /** Something moved: idle limits begin anew. */
  touch(): void
  /** The wire goes over to whoever asks, who gets what was held of the client's bytes; no request is read any more. */
  handOver(): Piece
  /** The exchange is recorded. `keepAlive` false: nothing more is served on this connection. */
  onExchangeOver(keepAlive: boolean): void
}
