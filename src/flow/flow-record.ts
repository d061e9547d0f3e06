// Defines the one record that every connection, request and refused packet ends in; plain data that can be logged, shipped and shown.
import type { PlacedRef, ReasonCode } from './reason.ts'
import type { ResponseFlag } from './response-flag.ts'

export type Verdict = 'allow' | 'deny'

/** The way the bytes took: straight to the destination, through an egress gateway, to the dialled address under ALLOW_ANY, or nowhere. */
export type FlowPath = 'direct' | 'gateway' | 'passthrough' | 'none'

export type FlowProtocol = 'http' | 'http2' | 'tls' | 'tcp' | 'udp' | 'icmp' | 'dns' | 'unknown'

/** Whose flow it is: a sidecar's workload, or what a gateway knows of its caller. */
export interface FlowSource {
  readonly namespace: string
  readonly workload: string
  readonly labels: Readonly<Record<string, string>>
  /** `ip:port`, or `unix` for a hop over a Unix socket that told no address. */
  readonly address: string
  /** A certificate has proven `principal`, and `namespace` with it; otherwise a gateway writes what the hop told it. */
  readonly authenticated: boolean
  /** The SPIFFE identity in the certificate that was shown. */
  readonly principal?: string
}

export interface FlowRecord {
  readonly id: string
  /** `connection`: one TCP or TLS connection; `request`: one HTTP request; `packets`: packets refused in the seal, coalesced; `query`: a DNS question that was refused. */
  readonly kind: 'connection' | 'request' | 'packets' | 'query'
  /** Id of the connection that a request came on. */
  readonly connection?: string | undefined
  /** Id of the same flow's record at the hop before (a gateway's record names the sidecar's). */
  readonly parent?: string | undefined
  readonly role: 'sidecar' | 'gateway'
  /** Milliseconds since the epoch. */
  readonly opened: number
  readonly closed: number
  readonly durationMs: number
  readonly source: FlowSource
  /** The destination that the client dialled, `ip:port`. */
  readonly destination: string
  readonly protocol: FlowProtocol
  /** Host of the request or name of the virtual address dialled. */
  readonly host?: string | undefined
  readonly sni?: string | undefined
  readonly method?: string | undefined
  readonly requestPath?: string | undefined
  readonly verdict: Verdict
  readonly reason: { readonly code: ReasonCode; readonly text: string }
  readonly by?: PlacedRef | undefined
  readonly path: FlowPath
  readonly cluster?: string | undefined
  /** `ip:port` or Unix socket path that was dialled. */
  readonly upstream?: string | undefined
  /** The local `ip:port` of the upstream connection: with `upstream`, `source` and `destination` the four addresses that join two hops. */
  readonly upstreamLocal?: string | undefined
  /** The SPIFFE identity in the certificate of who answered there. */
  readonly upstreamPrincipal?: string | undefined
  /** True when an address other than the client's destination was dialled. */
  readonly redialled: boolean
  /** Bytes from the client and to the client. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly status?: number | undefined
  readonly flag: ResponseFlag
  /** Envoy's response code details or a transport error in words. */
  readonly details?: string | undefined
  /** How many packets or queries this record stands for. */
  readonly count?: number | undefined
}

/** What went into an access log line beyond the flow record, in Envoy's words. */
export interface AccessDetails {
  readonly httpVersion: string
  readonly originalPath: string
  readonly xForwardedFor: string
  readonly userAgent: string
  readonly requestId: string
  readonly authority: string
  readonly upstreamServiceTime: string
  readonly downstreamLocal: string
  readonly downstreamRemote: string
  readonly routeName: string
  readonly transportFailure: string
  /** Headers that an access log asks for beyond these, by name in lower case. */
  readonly requestHeaders?: ReadonlyMap<string, string>
  readonly responseHeaders?: ReadonlyMap<string, string>
}
