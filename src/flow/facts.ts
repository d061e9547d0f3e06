// Holds what is known of a connection or request while it is being decided; absent means not gathered yet, never "none".
import type { Address, Ip } from '../base/index.ts'

/** What the first bytes of a connection turned out to be. */
export type FirstBytes =
  | { readonly protocol: 'tls'; readonly sni?: string; readonly alpn: readonly string[] }
  | { readonly protocol: 'http1'; readonly method: string; readonly target: string; readonly host?: string }
  | { readonly protocol: 'http2' }
  /** HTTP-like but not HTTP/1.1 that may be forwarded (HTTP/1.0, odd versions), or any other bytes. */
  | { readonly protocol: 'other'; readonly note?: string }
  /** The client said nothing within the time that the decision allowed. */
  | { readonly protocol: 'silent' }

/** Result of resolving a name: addresses in the resolver's order (empty = it has none), or a failure in words. */
export type Resolution =
  | { readonly addresses: readonly Ip[]; readonly expires: number }
  | { readonly failed: string; readonly expires: number }

/** What the executor has learnt of names so far; `undefined` = not asked yet. */
export type NameFacts = (name: string) => Resolution | undefined

/** What a client has shown, where it was asked for a certificate and that is in order. */
export interface ClientCertificate {
  /** DER. */
  readonly raw: Uint8Array
  /** The identity that was shown to it. */
  readonly by: string | undefined
}

/** What TLS that has ended here has proven of the client. */
export interface SecuredFacts {
  /** How it ended: the same settings as these have to hold as long as the connection lives. */
  readonly by: object
  /** The SPIFFE identity in the client's certificate, where it was asked for one. */
  readonly principal?: string
  readonly certificate?: ClientCertificate
}

export interface ConnectionFacts {
  readonly kind: 'connection'
  readonly source: Address
  /** The original destination at a sidecar; the local address at a gateway. */
  readonly destination: Address
  /** Name of the bound listener (gateway). Absent at a sidecar, where the destination selects the listener. */
  readonly listener?: string
  /** The name that DNS gave `destination` out for (virtual or refusal address). */
  readonly virtualName?: string
  readonly first?: FirstBytes
  /** `first` is then the ClientHello of that TLS. */
  readonly secured?: SecuredFacts
  readonly names: NameFacts
  /** 0 <= random < 1, drawn once per connection or request: picks among weighted clusters. */
  readonly random: number
}

/** 0 <= chance < 1, drawn once for each purpose and request, and the same each time it is asked for: `delay`, `abort`, `mirror 0`. */
export type Chance = (purpose: string) => number

export interface RequestFacts {
  readonly kind: 'request'
  readonly connection: ConnectionFacts
  readonly method: string
  /** Host header or the absolute form's authority, as sent. */
  readonly authority: string
  /** Path and query as they will be matched and forwarded (normalised). */
  readonly path: string
  readonly scheme: 'http' | 'https'
  /** The values of a header, one for each of its lines in order; the name in lower case. Empty: the request does not have it. */
  headers(name: string): readonly string[]
  /** As `Chance`. */
  chance(purpose: string): number
  readonly names: NameFacts
  readonly random: number
}
