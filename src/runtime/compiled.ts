// Describes the compiled runtime as the executor sees it: what it may read besides decisions.
import type { Ip } from '../base/index.ts'
import type { OriginRef, PlacedRef } from '../flow/index.ts'
import type { Target } from './target.ts'
import type { Balancing, HashRule, OutlierPlan, PoolPlan, Http2Plan, ProxyHeaderKind, TlsPlan } from './upstream-plan.ts'

export interface CompiledCluster {
  readonly name: string
  readonly ref?: OriginRef
  /** Leads to an egress gateway. */
  readonly gateway: boolean
  /** A PROXY protocol header goes ahead of the bytes: connections are of one client alone. */
  readonly proxyProtocol: false | ProxyHeaderKind
  /** Absent: plain bytes. */
  readonly tls?: TlsPlan
  /** Absent: HTTP/1.1. */
  readonly http2?: Http2Plan
  /** Absent: in turn. */
  readonly balancing?: Balancing
  /** With `hash`; absent: any endpoint will do. */
  readonly hash?: HashRule
  readonly pool?: PoolPlan
  readonly outlier?: OutlierPlan
}

/** One HTTP connection manager, as far as the codec needs it. */
export interface CompiledHttpManager {
  readonly routeConfig: string
  /** What becomes of the request's path before it is matched and forwarded. */
  readonly pathNormalization: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes'
  /** Gateways use the peer's address as the trusted client address and append it to x-forwarded-for. */
  readonly useRemoteAddress: boolean
  readonly serverName: string
  /** Requests tell the origin what the client has proven by a certificate; absent: nothing is told. */
  readonly clientCert?: ClientCertDetails | undefined
}

/** Beside its hash, which is always told. */
export interface ClientCertDetails {
  readonly subject: boolean
  readonly uri: boolean
  readonly dns: boolean
}

/** A listener that is bound for real (gateway). */
export interface BoundListener {
  readonly name: string
  readonly bind: Target
  /** A PROXY protocol v2 header is expected ahead of the bytes. */
  readonly proxyProtocol: boolean
  readonly ref?: OriginRef
}

/** What the workload's DNS answers for one declared name. */
export interface DeclaredName {
  readonly host: string
  /** Addresses to answer with; empty = answer with what the name resolves to. */
  readonly addresses: readonly Ip[]
}

export interface Runtime {
  readonly version: number
  readonly strict: boolean
  readonly outboundPolicy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  /**
   * Which names are declared is known. Another control plane does not tell it: names then resolve by the workload's ordinary rules, and
   * what they lead to is judged when it is connected to.
   */
  readonly knowsNames: boolean
  readonly boundListeners: readonly BoundListener[]
  /** The declared name that covers `name` (exact first, then the longest wildcard). */
  declaredName(name: string): DeclaredName | undefined
  /** The declared name that has `ip` as its address, virtual or given. */
  nameOfAddress(ip: Ip): string | undefined
  /** Joins a stable reference with the place it has now. */
  placed(ref: OriginRef): PlacedRef
}

/** What the node knows of itself, for the judgement of addresses. */
export interface NodeFacts {
  readonly addresses: readonly Ip[]
}
