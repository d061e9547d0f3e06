// Holds the counts of a cluster: what is let in, what has to wait, and in which order it has its turn.
import { describe, expect, it } from 'vitest'
import { parseAddress, TestClock } from '../../base/index.ts'
import type { CompiledCluster, PoolPlan, Target } from '../../runtime/index.ts'
import { Admission } from './admission.ts'
import { type ClusterState, ClusterStates } from './cluster-state.ts'
import { targetKey } from './target-key.ts'

function target(text: string): Target {
  return parseAddress(text) ?? { pipe: text }
}

const [one, two] = [target('10.0.0.1:80'), target('10.0.0.2:80')]

function setUp(changes: Partial<CompiledCluster> = {}): { state: ClusterState; cluster: CompiledCluster } {
  const cluster = { name: 'c', gateway: false, proxyProtocol: false, ...changes } as const
  return { state: new ClusterStates(new TestClock()).of(cluster), cluster }
}

describe('retries', () => {
  const cases: Record<string, { readonly pool: PoolPlan | undefined; readonly requests: number; readonly allowed: number }> = {
    'as many as are said': { pool: { retries: 2 }, requests: 10, allowed: 2 },
    'a share of what is under way': { pool: { retryBudget: { percent: 20, least: 1 } }, requests: 20, allowed: 4 },
    'so many in any case': { pool: { retryBudget: { percent: 20, least: 3 } }, requests: 5, allowed: 3 },
    'a budget counts in place of a number': { pool: { retries: 1, retryBudget: { percent: 50, least: 0 } }, requests: 4, allowed: 2 },
    'without limit': { pool: undefined, requests: 1, allowed: 20 },
  }
  for (const [name, { pool, requests, allowed }] of Object.entries(cases)) {
    it(`under way: ${name}`, () => {
      const { state } = setUp()
      for (let i = 0; i < requests; i++) state.beginRequest(pool)
      let begun = 0
      while (begun < 20 && state.beginRetry(pool)) begun++
      expect(begun).toBe(allowed)
      state.endRetry()
      expect(state.beginRetry(pool)).toBe(true)
    })
  }
})

describe('requests without a connection', () => {
  /** What each of them is told, one after the other. */
  function approach(pool: PoolPlan, targets: readonly Target[]): { told: string[]; turns: number[]; state: ClusterState } {
    const { state, cluster } = setUp({ pool })
    const turns: number[] = []
    const told = targets.map((each, index) => {
      const way = new Admission(state, cluster).approach(each, targetKey(each), () => turns.push(index))
      if (way === 'dial') state.beginConnection(each)
      return way
    })
    return { told, turns, state }
  }

  it('dial while there may be more connections, then wait, then are one too many', () => {
    expect(approach({ connections: 1, pending: 1 }, [one, one, one, one]).told).toEqual(['dial', 'wait', 'overflow', 'overflow'])
  })

  it('may dial one beyond the limit of those that wait', () => {
    expect(approach({ pending: 1 }, [one, one, one]).told).toEqual(['dial', 'dial', 'overflow'])
  })

  it('get a connection to a target that has none, whatever the limit is (as Envoy)', () => {
    expect(approach({ connections: 1 }, [one, two, two]).told).toEqual(['dial', 'dial', 'wait'])
  })

  it('have their turn in order when a connection ends, and out of order when one of theirs is free', () => {
    const { turns, state } = approach({ connections: 2 }, [one, two, one, two, one])
    expect([state.isInTheWay(targetKey(one)), state.isInTheWay('other')]).toEqual([false, true])
    state.wake(targetKey(two))
    state.endConnection(one)
    state.endConnection(two)
    expect(turns).toEqual([3, 2, 4])
  })
})

describe('what is remembered', () => {
  it('is kept for a cluster of the same name, and forgotten of addresses that are gone', () => {
    const states = new ClusterStates(new TestClock())
    const cluster: CompiledCluster = { name: 'c', gateway: false, proxyProtocol: false }
    const state = states.of(cluster)
    expect(states.of({ ...cluster, gateway: true })).toBe(state)
    for (let i = 0; i < 1000; i++) {
      const each = target(`10.1.${i >> 8}.${i & 255}:80`)
      state.endUse(state.beginUse(each))
    }
    expect(state.hosts).toBeLessThan(100)
    expect(state.isIdle).toBe(true)
  })
})
