// Defines what a decision can be; the executor does nothing that is not said here.
import type { FlowPath, OriginRef, Reason, ResponseFlag } from '../flow/index.ts'
import type { CompiledCluster, CompiledHttpManager } from './compiled.ts'
import type { Target } from './target.ts'
import type { ServerTlsPlan } from './upstream-plan.ts'

/** Times in milliseconds; 0 = no limit said (the executor's own limits still hold). */
export interface Timeouts {
  readonly connect: number
  /** Whole request, from the end of the request to the end of the response. */
  readonly request: number
  readonly idle: number
}

export interface Deny {
  readonly verdict: 'deny'
  readonly reason: Reason
  readonly flag: ResponseFlag
  /** Status for a client that speaks HTTP; 0 = close without a byte. */
  readonly status: number
  /** True: an answer says why (strict); false: empty body, as Istio. */
  readonly explain: boolean
  /** Envoy's response code details, such as `direct_response` or `route_not_found`. */
  readonly details: string
  readonly cluster?: string | undefined
  readonly route?: string | undefined
}

/** A change of one header, in the order of application; names are in lower case. */
export type HeaderChange =
  | { readonly kind: 'set' | 'append' | 'add-if-absent'; readonly name: string; readonly value: string }
  | { readonly kind: 'remove'; readonly name: string }

/** When and how often a failed request is tried again. Times in milliseconds; 0 = no limit said. */
export interface RetryPlan {
  /** Tries besides the first. */
  readonly retries: number
  /** Envoy's words: `connect-failure`, `5xx`, `gateway-error`, `reset`, `retriable-4xx`, `refused-stream`, `retriable-status-codes`. */
  readonly on: ReadonlySet<string>
  readonly statuses: ReadonlySet<number>
  readonly perTry: number
  /** Envoy's fully jittered exponential back-off: up to `base`, then doubled, never over `max`. */
  readonly backOff: { readonly base: number; readonly max: number }
}

/** A copy of the request that is sent elsewhere; what comes back is thrown away. */
export interface MirrorPlan {
  readonly cluster: CompiledCluster
  readonly targets: readonly Target[]
  readonly connect: number
}

/** What the route of a request changes besides choosing the destination. Absent parts change nothing. */
export interface HttpPlan {
  /** Path and query to send in place of the request's; the original goes along as x-envoy-original-path. */
  readonly path?: string
  /** Authority to send in place of the request's. */
  readonly authority?: string
  readonly requestHeaders?: readonly HeaderChange[]
  readonly responseHeaders?: readonly HeaderChange[]
  /** Absent: Istio's default for a route, which `defaultRetries` holds. */
  readonly retry?: RetryPlan
  /** Milliseconds to wait before anything is sent (fault injection). */
  readonly delay?: number
  readonly mirrors?: readonly MirrorPlan[]
}

/** The route answers by itself: a redirect, a direct response, an aborting fault, a preflight request. */
export interface Answer {
  readonly verdict: 'answer'
  readonly reason: Reason
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  /** For a client that speaks gRPC; absent: what the status means to it. */
  readonly grpcStatus?: number
  readonly flag: ResponseFlag
  /** Envoy's response code details: `direct_response`, `fault_filter_abort`, … */
  readonly details: string
  /** Milliseconds to wait first. */
  readonly delay: number
  readonly route?: string
  readonly responseHeaders?: readonly HeaderChange[]
}

export interface Forward {
  readonly verdict: 'forward'
  readonly reason: Reason
  readonly cluster: CompiledCluster
  /** Judged candidates in order of preference: the executor dials these and no others. Never empty. */
  readonly targets: readonly Target[]
  readonly path: FlowPath
  readonly timeouts: Timeouts
  readonly route?: string | undefined
  readonly http?: HttpPlan | undefined
}

export interface Passthrough {
  readonly verdict: 'passthrough'
  readonly reason: Reason
  readonly cluster: CompiledCluster
  readonly targets: readonly Target[]
  readonly path: FlowPath
  readonly timeouts: Timeouts
  readonly route?: string | undefined
  readonly http?: HttpPlan | undefined
}

/** Facts still missing. The executor learns them and asks again with more facts; asking is free of side effects. */
export interface Gather {
  readonly verdict: 'gather'
  /** `first-bytes`: classify what the client says first; `addresses`: resolve `name`. */
  readonly need: 'first-bytes' | 'addresses'
  readonly name?: string
  /** Milliseconds to wait before the fact becomes `silent` or `failed`; 0 = the executor's own limit. */
  readonly until: number
}

/** The connection carries HTTP requests: each one is decided on its own by `decide` with RequestFacts and this manager. */
export interface ServeHttp {
  readonly verdict: 'http'
  readonly manager: CompiledHttpManager
}

/** TLS ends here: with what the client has proven, decide again. */
export interface EndTls {
  readonly verdict: 'end-tls'
  readonly tls: ServerTlsPlan
  /** Who declares the server. */
  readonly ref?: OriginRef
}

export type ConnectionDecision = Deny | Forward | Passthrough | Gather | ServeHttp | EndTls
export type RequestDecision = Deny | Forward | Passthrough | Gather | Answer
