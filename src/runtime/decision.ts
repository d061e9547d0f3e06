// Defines what a decision can be; the executor does nothing that is not said here.
import type { FlowPath, Reason, ResponseFlag } from '../flow/index.ts'
import type { CompiledCluster, CompiledHttpManager } from './compiled.ts'
import type { Target } from './target.ts'

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
  readonly cluster?: string
  readonly route?: string
}

export interface Forward {
  readonly verdict: 'forward'
  readonly reason: Reason
  readonly cluster: CompiledCluster
  /** Judged candidates in order of preference: the executor dials these and no others. Never empty. */
  readonly targets: readonly Target[]
  readonly path: FlowPath
  readonly timeouts: Timeouts
  readonly route?: string
}

export interface Passthrough {
  readonly verdict: 'passthrough'
  readonly reason: Reason
  readonly cluster: CompiledCluster
  readonly targets: readonly Target[]
  readonly path: FlowPath
  readonly timeouts: Timeouts
  readonly route?: string
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

export type ConnectionDecision = Deny | Forward | Passthrough | Gather | ServeHttp
export type RequestDecision = Deny | Forward | Passthrough | Gather
