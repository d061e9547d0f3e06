// Defines the probes that a workload plays and what it says of each, in the words of the recorded scenarios.

interface ProbeBase {
  readonly id: string
  /** `HOST:PORT`, a name or an address; IPv6 in brackets. */
  readonly dial: string
  /** Seconds, for each wait. */
  readonly timeout?: number
  /** Play it so often, `concurrency` at a time. */
  readonly count?: number
  readonly concurrency?: number
}

export interface HttpProbe extends ProbeBase {
  /** `h2c`: HTTP/2 in clear, of which method, path, headers and body are looked at. */
  readonly kind: 'http' | 'https' | 'h2c'
  readonly method?: string
  readonly path?: string
  readonly version?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  /** These bytes instead of a request made of the fields above. */
  readonly raw?: string
  readonly sni?: string
  readonly alpn?: readonly string[]
}

export interface TcpProbe extends ProbeBase {
  readonly kind: 'tcp'
  readonly send?: string
  readonly serverFirst?: boolean
  readonly tls?: boolean
  readonly sni?: string
}

export interface RedisProbe extends ProbeBase {
  readonly kind: 'redis'
}

/** Sends one piece after the other, each when it has been quiet for a while after the one before. */
export interface ConversationProbe extends ProbeBase {
  readonly kind: 'conversation'
  readonly sends: readonly string[]
  readonly quietMs?: number
}

/** A ClientHello alone, cut into segments of `pieces` bytes or TLS records of `records` bytes. */
export interface ClientHelloProbe extends ProbeBase {
  readonly kind: 'clienthello'
  readonly sni: string
  readonly pieces?: number
  readonly records?: number
}

/** Opens a connection and keeps it under this probe's id. */
export interface HoldProbe extends ProbeBase {
  readonly kind: 'hold'
  readonly send: string
}

/** Speaks again on a held connection. */
export interface HeldProbe extends Omit<ProbeBase, 'dial'> {
  readonly kind: 'held'
  readonly of: string
  readonly send: string
}

export type Probe = HttpProbe | TcpProbe | RedisProbe | ConversationProbe | ClientHelloProbe | HoldProbe | HeldProbe

/**
 * `answered` · `closed` (no byte came back) · `timeout` · `refused` · `no-route` · `no-name` · `alert` ·
 * `handshake-` before one of these, or `handshake-tls-error:REASON` · `error:CODE`.
 */
export interface ProbeResult {
  readonly outcome: string
  readonly status?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  readonly statuses?: readonly number[]
  readonly data?: string
  readonly firstLine?: string
  /** Redis: whether PING was answered, and the ends of the connection as Redis sees them. */
  readonly pong?: boolean
  readonly peer?: string
  readonly local?: string
}

/** What the client prints for a probe; `many` when it had a count. */
export type ProbeReport = (ProbeResult | { readonly many: readonly ProbeResult[] }) & { readonly ms: number }
