// Defines what the outside servers note of each thing they see, one line of JSON a thing.

/** Addresses are `ip:port`, IPv6 in brackets; a peer is the address alone. */
export type Seen =
  | { readonly proto: 'ready' }
  | SeenRequest
  | { readonly proto: 'tcp'; readonly local: string; readonly peer: string; readonly received: string; readonly bytes: number }
  | { readonly proto: 'dns'; readonly question: string; readonly peer: string }
  | { readonly proto: 'tls-error' | 'http-error' | 'world-error'; readonly local?: string; readonly peer?: string; readonly error: string }

export interface SeenRequest {
  readonly proto: 'http' | 'https'
  readonly version: string
  readonly method: string
  readonly target: string
  readonly local: string
  readonly peer: string
  readonly headers: readonly (readonly [string, string])[]
  readonly bodyLength: number
  readonly sni?: string
  /** Which of the certificates was shown. */
  readonly certificate?: string
}

export function isRequest(seen: Seen): seen is SeenRequest {
  return seen.proto === 'http' || seen.proto === 'https'
}
