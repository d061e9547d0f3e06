// Judges by a route's retry plan whether a failed try of a request is made again, and after what pause.
import type { RetryPlan } from '../../runtime/index.ts'

/** How one try ended before anything was passed on to the client. */
export type TryEnd =
  | { readonly kind: 'connect' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'per-try-timeout' }
  | { readonly kind: 'response'; readonly status: number; readonly grpcStatus: string | undefined }

/** Envoy's conditions, by its `RetryStateImpl`: `5xx` and `gateway-error` cover every failure without a response too. */
export function isRetriable(plan: RetryPlan, end: TryEnd): boolean {
  const { on } = plan
  if (end.kind === 'response') return isRetriableResponse(plan, end.status, end.grpcStatus)
  if (on.has('5xx') || on.has('gateway-error') || on.has('reset')) return true
  return end.kind === 'connect' && (on.has('connect-failure') || on.has('reset-before-request'))
}

function isRetriableResponse({ on, statuses }: RetryPlan, status: number, grpcStatus: string | undefined): boolean {
  if (on.has('5xx') && status >= 500 && status < 600) return true
  if (on.has('gateway-error') && status >= 502 && status <= 504) return true
  if (on.has('retriable-4xx') && status === 409) return true
  if (on.has('retriable-status-codes') && statuses.has(status)) return true
  const word = grpcStatus === undefined ? undefined : grpcConditions[grpcStatus]
  return word !== undefined && on.has(word)
}

/** `grpc-status` of a response that consists of a head only. */
const grpcConditions: Readonly<Record<string, string>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
}

/** Envoy's fully jittered exponential back-off. `retry` counts from 0, `random` is in [0, 1). */
export function backOffMs({ backOff }: RetryPlan, retry: number, random: number): number {
  return Math.floor(random * Math.min(backOff.max, backOff.base * 2 ** Math.min(retry, 30)))
}
