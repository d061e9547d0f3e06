// Holds every limit of the executor in one place, so that no buffer and no wait in this room is without one.

export interface Limits {
  /** Bytes of one HTTP head, request or response. */
  readonly headBytes: number
  /** Header lines of one HTTP head. */
  readonly headers: number
  /** Requests under way on one connection of HTTP/2. */
  readonly http2Streams: number
  /** Bytes kept while a connection is being decided. */
  readonly firstBytes: number
  /** Wait for the first bytes where the decision names no time of its own. */
  readonly firstBytesMs: number
  /** From a ClientHello to the end of the handshake. */
  readonly tlsHandshakeMs: number
  /** From a request's first byte to the end of its head. */
  readonly headMs: number
  /** While a body of known length is awaited, so many bytes of it must come in so much time. */
  readonly bodyMs: number
  readonly bodyBytes: number
  /** Between two requests of a connection. */
  readonly keepAliveMs: number
  /** Silence of both sides of a request that is under way. */
  readonly streamIdleMs: number
  /** Silence of both sides of a TCP connection. */
  readonly tcpIdleMs: number
  readonly connectMs: number
  readonly connectAttempts: number
  /** Idle upstream connections kept for one cluster and target, how many in all, and for how long. */
  readonly poolPerTarget: number
  readonly poolTotal: number
  readonly poolIdleMs: number
  /** How long a connection that was refused may go on talking into the void. */
  readonly lingerMs: number
  readonly lingerBytes: number
  /** How many such times an unsent answer may make no progress. */
  readonly lingerStalls: number
  /** Connections that are open at one time. */
  readonly connections: number
  /** Requests that are under way at one time. */
  readonly requests: number
  /** With fewer requests under way none has to wait for want of time. */
  readonly calmRequests: number
  /** How long the event loop may be at one turn before further requests have to wait for another. */
  readonly turnMs: number
  /** Who has waited for longer is served only when there is nothing else to do, and not at all while the queue does not become empty. */
  readonly turnGraceMs: number
  /** Requests that have waited for so long are turned away. */
  readonly turnWaitMs: number
  /** A PROXY protocol header has to be complete within this time. */
  readonly proxyHeaderMs: number
  /** Bytes of a request's body that are kept to send it again; a longer one is sent once. */
  readonly replayBytes: number
  /** Bytes that may wait for a mirror that is slower than its request; then it is given up. */
  readonly mirrorBytes: number
  /** A mirror has to be answered within this time where its route names none. */
  readonly mirrorMs: number
  /** A client that has closed its side, and whose request is not on its way after this time, counts as gone. */
  readonly halfClosedMs: number
  /** How often a listener that could not be bound is tried again. */
  readonly rebindMs: number
}

/** No looser than Envoy's recommended settings for an edge, except where Istio switches a time limit off: there it is long. */
export const defaultLimits: Limits = {
  headBytes: 65_536,
  headers: 100,
  http2Streams: 100,
  firstBytes: 65_536,
  firstBytesMs: 60_000,
  tlsHandshakeMs: 10_000,
  headMs: 60_000,
  bodyMs: 60_000,
  bodyBytes: 6000,
  keepAliveMs: 60_000,
  streamIdleMs: 3_600_000,
  tcpIdleMs: 3_600_000,
  connectMs: 10_000,
  connectAttempts: 3,
  poolPerTarget: 512,
  poolTotal: 2048,
  poolIdleMs: 60_000,
  lingerMs: 1000,
  lingerBytes: 262_144,
  lingerStalls: 60,
  connections: 20_000,
  requests: 10_000,
  calmRequests: 64,
  turnMs: 1,
  turnGraceMs: 8,
  turnWaitMs: 100,
  proxyHeaderMs: 5000,
  replayBytes: 262_144,
  mirrorBytes: 262_144,
  mirrorMs: 15_000,
  halfClosedMs: 1000,
  rebindMs: 1000,
}
