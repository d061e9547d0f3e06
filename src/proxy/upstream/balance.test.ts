// Holds in which order the targets of a cluster are dialled.
import { describe, expect, it } from 'vitest'
import { parseAddress, TestClock } from '../../base/index.ts'
import type { Balancing, CompiledCluster, Target } from '../../runtime/index.ts'
import { ClusterStates } from './cluster-state.ts'
import { targetKey } from './target-key.ts'

function targets(...texts: string[]): Target[] {
  return texts.map((text) => {
    const [place = '', weight] = text.split('*')
    const target = parseAddress(place) ?? { pipe: place }
    return weight === undefined ? target : { ...target, weight: Number(weight) }
  })
}

function clusterOf(balancing: Balancing | undefined, name = 'cluster'): CompiledCluster {
  return { name, gateway: false, proxyProtocol: false, ...(balancing && { balancing }) }
}

/** Draws these numbers again and again. */
function drawing(...numbers: number[]): () => number {
  let next = 0
  return () => numbers[next++ % numbers.length] ?? 0
}

function orders(count: number, balancing: Balancing, all: readonly Target[], random = drawing(0)): string[] {
  const states = new ClusterStates(new TestClock(), random)
  const cluster = clusterOf(balancing)
  return Array.from({ length: count }, () => states.of(cluster).order(cluster, all).map(targetKey).join(' '))
}

const three = targets('10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1')

/** How often each target came first. */
function firsts(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const line of lines) counts[line.split(' ')[0] ?? ''] = (counts[line.split(' ')[0] ?? ''] ?? 0) + 1
  return counts
}

describe('round robin', () => {
  it('begins with each target in turn', () => {
    expect(orders(4, 'round-robin', three)).toEqual([
      '10.0.0.1:1 10.0.0.2:1 10.0.0.3:1',
      '10.0.0.2:1 10.0.0.3:1 10.0.0.1:1',
      '10.0.0.3:1 10.0.0.1:1 10.0.0.2:1',
      '10.0.0.1:1 10.0.0.2:1 10.0.0.3:1',
    ])
  })

  it('gives turns by weight, and never all of them in a row', () => {
    const lines = orders(10, 'round-robin', targets('10.0.0.1:1*3', '10.0.0.2:1*1', '10.0.0.3:1*1'))
    expect(firsts(lines)).toEqual({ '10.0.0.1:1': 6, '10.0.0.2:1': 2, '10.0.0.3:1': 2 })
    expect(lines.slice(0, 5).map((line) => line[7])).toEqual(['1', '2', '1', '3', '1'])
  })

  it('keeps to the family that is preferred, and tries the other in between', () => {
    expect(orders(2, 'round-robin', targets('10.0.0.1:1', '10.0.0.2:1', '[2001:db8::1]:1'))).toEqual([
      '10.0.0.1:1 [2001:db8::1]:1 10.0.0.2:1',
      '10.0.0.2:1 [2001:db8::1]:1 10.0.0.1:1',
    ])
    expect(orders(2, 'round-robin', targets('[2001:db8::1]:1', '10.0.0.1:1'))).toEqual([
      '[2001:db8::1]:1 10.0.0.1:1',
      '[2001:db8::1]:1 10.0.0.1:1',
    ])
  })

  it('counts for each cluster apart, and copes with fewer targets than before', () => {
    const states = new ClusterStates(new TestClock())
    const [a, b] = [clusterOf(undefined, 'a'), clusterOf(undefined, 'b')]
    const first = (cluster: CompiledCluster, all: readonly Target[]): string =>
      states.of(cluster).order(cluster, all).slice(0, 1).map(targetKey).join()
    expect([first(a, three), first(a, three), first(b, three)]).toEqual(['10.0.0.1:1', '10.0.0.2:1', '10.0.0.1:1'])
    expect(first(a, three.slice(0, 2))).toBe('10.0.0.1:1')
  })

  it('leaves lower priorities to the end', () => {
    const low: Target[] = targets('10.0.0.9:1').map((target) => ({ ...target, priority: 1 }))
    expect(orders(2, 'round-robin', [...three.slice(0, 2), ...low])).toEqual([
      '10.0.0.1:1 10.0.0.2:1 10.0.0.9:1',
      '10.0.0.2:1 10.0.0.1:1 10.0.0.9:1',
    ])
  })
})

describe('random', () => {
  it('takes the one that was drawn', () => {
    expect(firsts(orders(4, 'random', three, drawing(0.99, 0, 0.5, 0.4)))).toEqual({ '10.0.0.3:1': 1, '10.0.0.1:1': 1, '10.0.0.2:1': 2 })
  })
})

describe('by hash', () => {
  const cluster = clusterOf('hash')
  const all = targets(...Array.from({ length: 10 }, (_, index) => `10.0.0.${index + 1}:80`))
  const keys = Array.from({ length: 2000 }, (_, index) => `user-${index}`)
  const firstOf = (among: readonly Target[], key: string | undefined): string =>
    new ClusterStates(new TestClock(), drawing(0.35)).of(cluster).order(cluster, among, undefined, key).slice(0, 1).map(targetKey).join()

  it('leads a key to the same target each time, and keys to all targets alike', () => {
    const met = keys.map((key) => firstOf(all, key))
    expect(keys.map((key) => firstOf(all.toReversed(), key))).toEqual(met)
    for (const count of Object.values(firsts(met))) expect(count).toBeGreaterThan(140)
  })

  it('moves only the keys of a target that goes', () => {
    const gone = targetKey(all[3] ?? { pipe: '' })
    const left = all.filter((target) => targetKey(target) !== gone)
    for (const key of keys) if (firstOf(all, key) !== gone) expect(firstOf(left, key)).toBe(firstOf(all, key))
  })

  it('gives a target its weight in keys', () => {
    const met = firsts(keys.map((key) => firstOf(targets('10.0.0.1:80*3', '10.0.0.2:80*1'), key)))
    expect((met['10.0.0.1:80'] ?? 0) / keys.length).toBeCloseTo(0.75, 1)
  })

  it('takes any target for what has no key', () => {
    expect(firstOf(all, undefined)).toBe('10.0.0.4:80')
  })
})

describe('least request', () => {
  const cluster = clusterOf('least-request')

  it('takes of two that were drawn the one with less to do', () => {
    const state = new ClusterStates(new TestClock(), drawing(0, 0.9)).of(cluster)
    const [first] = three
    const load = first && state.beginUse(first)
    expect(state.order(cluster, three).map(targetKey)[0]).toBe('10.0.0.3:1')
    if (load) state.endUse(load)
    expect(state.order(cluster, three).map(targetKey)[0]).toBe('10.0.0.1:1')
  })

  it('shares by weight, and less to whom has more to do', () => {
    const weighted = targets('10.0.0.1:1*4', '10.0.0.2:1*1')
    const state = new ClusterStates(new TestClock()).of(cluster)
    const turns = (): Record<string, number> =>
      firsts(Array.from({ length: 10 }, () => state.order(cluster, weighted).map(targetKey).join(' ')))
    expect(turns()).toEqual({ '10.0.0.1:1': 8, '10.0.0.2:1': 2 })
    const [heavy] = weighted
    for (let i = 0; heavy && i < 3; i++) state.beginUse(heavy)
    expect(turns()).toEqual({ '10.0.0.1:1': 5, '10.0.0.2:1': 5 })
  })
})
