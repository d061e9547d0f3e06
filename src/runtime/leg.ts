// Describes the last stretch that a chain or route prescribes: which cluster, on whose word, and within what time.
import type { OriginRef, Reason } from '../flow/index.ts'
import type { ClusterChoice } from './cluster-choice.ts'
import type { HttpPlan } from './decision.ts'
import type { HttpRecipe } from './http-recipe.ts'

export interface Leg {
  readonly choice: ClusterChoice
  /** Who chose the cluster, when that is more than the cluster's own declaration: an allow and any failure behind it name them. */
  readonly ref?: OriginRef
  /** Prepared reason of an allow, made from `ref`. */
  readonly reason?: Reason
  /** Name of the route, for records. */
  readonly route?: string
  /** Milliseconds for the whole request; 0 = no limit. */
  readonly request: number
  /** Milliseconds without a byte; 0 = no limit; absent = the connection manager's. */
  readonly idle?: number
  /** Status that Envoy answers when the cluster does not exist. */
  readonly notFoundStatus: number
  /** Port that a dynamic cluster dials, when the chain says one. */
  readonly dynamicPort?: number
  /** What the route changes, where that is the same for every request and cluster. */
  readonly plan?: HttpPlan
  /** What it changes otherwise, for each cluster of `choice`. */
  readonly recipes?: readonly (HttpRecipe | undefined)[]
}
