// Proves which failures each of Envoy's retry conditions covers, and how long the pauses get.
import { describe, expect, it } from 'vitest'
import type { RetryPlan } from '../../runtime/index.ts'
import { backOffMs, isRetriable, type TryEnd } from './retry-policy.ts'

function plan(on: string, statuses: readonly number[] = []): RetryPlan {
  return {
    retries: 2,
    on: new Set(on.split(',').filter((word) => word !== '')),
    statuses: new Set(statuses),
    perTry: 0,
    backOff: { base: 25, max: 250 },
  }
}

const ends = {
  connect: { kind: 'connect' },
  reset: { kind: 'reset' },
  timeout: { kind: 'per-try-timeout' },
  409: { kind: 'response', status: 409, grpcStatus: undefined },
  500: { kind: 'response', status: 500, grpcStatus: undefined },
  503: { kind: 'response', status: 503, grpcStatus: undefined },
  200: { kind: 'response', status: 200, grpcStatus: undefined },
  unavailable: { kind: 'response', status: 200, grpcStatus: '14' },
  cancelled: { kind: 'response', status: 200, grpcStatus: '1' },
} as const satisfies Record<string, TryEnd>

describe('isRetriable', () => {
  const cases: Record<string, { readonly plan: RetryPlan; readonly covers: readonly string[] }> = {
    'nothing covers nothing': { plan: plan(''), covers: [] },
    'connect-failure covers connecting only': { plan: plan('connect-failure'), covers: ['connect'] },
    'reset-before-request covers what never got away': { plan: plan('reset-before-request'), covers: ['connect'] },
    'reset covers every end without a response': { plan: plan('reset'), covers: ['connect', 'reset', 'timeout'] },
    '5xx covers those and server errors': { plan: plan('5xx'), covers: ['connect', 'reset', 'timeout', '500', '503'] },
    'gateway-error covers those and 502 to 504': { plan: plan('gateway-error'), covers: ['connect', 'reset', 'timeout', '503'] },
    'retriable-4xx covers 409': { plan: plan('retriable-4xx'), covers: ['409'] },
    'retriable-status-codes covers what is listed': {
      plan: plan('retriable-status-codes', [503, 200]),
      covers: ['503', '200', 'unavailable', 'cancelled'],
    },
    'a list of codes alone is no condition': { plan: plan('', [503]), covers: [] },
    'refused-stream is of HTTP/2': { plan: plan('refused-stream'), covers: [] },
    'unavailable and cancelled are of gRPC': { plan: plan('unavailable,cancelled'), covers: ['unavailable', 'cancelled'] },
  }
  for (const [name, { plan: retry, covers }] of Object.entries(cases)) {
    it(name, () => {
      const covered = Object.entries(ends).filter(([, end]) => isRetriable(retry, end))
      expect(covered.map(([end]) => end).toSorted()).toEqual(covers.toSorted())
    })
  }
})

describe('backOffMs', () => {
  it('is drawn between nothing and a bound that doubles up to the largest', () => {
    const retry = plan('5xx')
    expect([0, 1, 2, 3, 4, 100].map((count) => backOffMs(retry, count, 0.999999))).toEqual([24, 49, 99, 199, 249, 249])
    expect(backOffMs(retry, 3, 0)).toBe(0)
  })
})
