// Says how the connections to a cluster are made, shared out, counted and given up: what a DestinationRule or another control plane asks for.
import { credentialNames } from '../xds/index.ts'

/** What goes ahead of the bytes: `hop` is version 2 with the id of our flow, for a gateway of our own. */
export type ProxyHeaderKind = 'hop' | 'v1' | 'v2'

/** One name that a certificate may have. `kind` absent: a name of any kind. */
export interface SanRule {
  readonly kind?: 'dns' | 'uri' | 'email' | 'ip'
  readonly match: 'exact' | 'prefix' | 'suffix' | 'contains'
  readonly value: string
  readonly ignoreCase: boolean
}

/** A secret, by the name that a secret service has for it. */
export interface SecretRef {
  readonly secret: string
}

/** A chain with its key: files that the proxy reads, or a secret. */
export type CertificateSource = { readonly chain: string; readonly key: string } | SecretRef

/** Whom to trust: a file, `system` for the bundle of the machine, or a secret. */
export type RootsSource = string | SecretRef

/** A mesh has roots of its own, whose certificates are for identities; those of files and of a `credentialName` vouch for names. */
export function areOfMesh(roots: RootsSource | undefined): boolean {
  return typeof roots === 'object' && credentialNames.parse(roots.secret) === undefined
}

/** TLS that ends here. */
export interface ServerTlsPlan {
  readonly certificate: CertificateSource
  /** Clients are asked for a certificate that these vouch for. Absent: none is asked for. */
  readonly roots?: RootsSource
  /** Who shows none is let in as somebody who has proven nothing. */
  readonly mayLackCertificate?: true
  readonly crl?: string
  /** One of them has to be in it; empty: any will do. */
  readonly sans: readonly SanRule[]
  readonly alpn: readonly string[]
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
  /** For TLS 1.2; absent: OpenSSL's own. */
  readonly ciphers?: readonly string[]
}

/** TLS that is begun on behalf of the client. */
export interface TlsPlan {
  /** The server name that is asked for; absent: see `autoSni`. */
  readonly sni?: string
  /** The cluster's own host, where it is one name: it stands for the request's where bytes are no requests. */
  readonly host?: string
  /** The host of the request's authority is asked for. */
  readonly autoSni: boolean
  /** The certificate has to be for the host of the request's authority. */
  readonly autoSan: boolean
  /** One of them has to be in the certificate; empty: what `autoSan` or `sni` says. */
  readonly sans: readonly SanRule[]
  /** Absent: the certificate is not looked at. */
  readonly roots?: RootsSource
  readonly crl?: string
  readonly certificate?: CertificateSource
  readonly alpn: readonly string[]
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** How HTTP/2 is spoken to a cluster. Times in milliseconds. */
export interface Http2Plan {
  /** `like-client`: HTTP/1.1 for clients that speak that. */
  readonly when: 'always' | 'like-client'
  /** At most so many requests at once on one connection. */
  readonly streams?: number
  /** A ping is sent after so long a silence, and has to be answered in time. */
  readonly ping?: { readonly interval: number; readonly timeout: number }
}

export type Balancing = 'round-robin' | 'least-request' | 'random' | 'hash'

/** What of a request leads to the same endpoint each time; bytes that are no request have their source only. Names of headers are in lower case. */
export interface HashRule {
  readonly by: 'header' | 'cookie' | 'query' | 'source'
  readonly name: string
}

/** Limits of a whole cluster; absent = no limit said. Times in milliseconds. */
export interface PoolPlan {
  readonly connections?: number
  /** Requests that wait for a connection. */
  readonly pending?: number
  /** Requests under way. */
  readonly requests?: number
  /** Retries under way. */
  readonly retries?: number
  /** The same by what is under way: a share of it in percent, and so many in any case; counts in place of `retries`. */
  readonly retryBudget?: { readonly percent: number; readonly least: number }
  readonly requestsPerConnection?: number
  /** A connection without a request is closed after it; 0 = never. */
  readonly idle?: number
  /** A connection is closed after it. */
  readonly duration?: number
  /** The kernel asks whether the other side still lives after so long a silence. */
  readonly keepAlive?: number
}

/** Envoy's outlier detection, as far as Istio sets it. A count of 0 switches its detector off. Times in milliseconds. */
export interface OutlierPlan {
  readonly consecutive5xx: number
  readonly consecutiveGateway: number
  readonly consecutiveLocal: number
  /** Failures to connect are counted apart from answers. */
  readonly splitLocal: boolean
  readonly interval: number
  readonly baseEjection: number
  readonly maxEjection: number
  readonly maxEjectionPercent: number
  /** Below this share of healthy hosts ejections are not looked at. */
  readonly panicPercent: number
}
