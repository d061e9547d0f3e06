// Compiles a retry policy into the plan that the executor follows.
import type { RetryPolicy } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { RetryPlan } from './decision.ts'
import { memoized } from './memo.ts'
import { milliseconds } from './milliseconds.ts'

/** Istio's, for routes that say nothing: failures before anything was sent, and what HTTP/2 and gRPC say of the like. */
export const defaultRetries: RetryPlan = {
  retries: 2,
  on: new Set(['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes']),
  statuses: new Set(),
  perTry: 0,
  backOff: { base: 25, max: 250 },
}

/** A route without a policy does not try again. */
export const noRetries: RetryPlan = { retries: 0, on: new Set(), statuses: new Set(), perTry: 0, backOff: { base: 25, max: 250 } }

/** Undefined for Istio's default, which needs no words. */
export function compileRetry(policy: RetryPolicy | undefined): RetryPlan | undefined {
  return policy ? compilePolicy(policy).plan : noRetries
}

/** Most routes share one policy. */
const compilePolicy = memoized((policy: RetryPolicy): { readonly plan: RetryPlan | undefined } => {
  const on = new Set(
    policy.retryOn
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  )
  const { baseInterval, maxInterval } = policy.retryBackOff ?? {}
  // Envoy: 25 ms and ten times the base, which is at least one.
  const base = Math.max(1, baseInterval ? milliseconds(baseInterval) : defaultRetries.backOff.base)
  const plan: RetryPlan = {
    retries: policy.numRetries ?? 1,
    on,
    statuses: new Set(on.has('retriable-status-codes') ? policy.retriableStatusCodes : []),
    perTry: policy.perTryTimeout ? milliseconds(policy.perTryTimeout) : 0,
    backOff: { base, max: maxInterval ? Math.max(base, milliseconds(maxInterval)) : base * 10 },
  }
  return { plan: isDefault(plan) ? undefined : plan }
})

function isDefault({ retries, on, statuses, perTry, backOff }: RetryPlan): boolean {
  const { backOff: usual } = defaultRetries
  if (retries !== defaultRetries.retries || perTry !== 0 || statuses.size > 0) return false
  if (backOff.base !== usual.base || backOff.max !== usual.max || on.size !== defaultRetries.on.size) return false
  return [...on].every((word) => defaultRetries.on.has(word))
}
