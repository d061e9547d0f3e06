// Holds in which order targets are dialled.
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../base/index.ts'
import type { Target } from '../../runtime/index.ts'
import { Balancer } from './balance.ts'
import { formatTarget } from './dial.ts'

function targets(...texts: string[]): Target[] {
  return texts.map((text) => parseAddress(text) ?? { pipe: text })
}

function turns(count: number, ...texts: string[]): string[] {
  const balancer = new Balancer()
  const all = targets(...texts)
  return Array.from({ length: count }, () => balancer.order('cluster', all).map(formatTarget).join(' '))
}

describe('Balancer', () => {
  it('begins with each target in turn', () => {
    expect(turns(4, '10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1')).toEqual([
      '10.0.0.1:1 10.0.0.2:1 10.0.0.3:1',
      '10.0.0.2:1 10.0.0.3:1 10.0.0.1:1',
      '10.0.0.3:1 10.0.0.1:1 10.0.0.2:1',
      '10.0.0.1:1 10.0.0.2:1 10.0.0.3:1',
    ])
  })

  it('keeps the family that is preferred in front', () => {
    expect(turns(2, '10.0.0.1:1', '10.0.0.2:1', '[2001:db8::1]:1')).toEqual([
      '10.0.0.1:1 10.0.0.2:1 [2001:db8::1]:1',
      '10.0.0.2:1 10.0.0.1:1 [2001:db8::1]:1',
    ])
    expect(turns(2, '[2001:db8::1]:1', '10.0.0.1:1')).toEqual(['[2001:db8::1]:1 10.0.0.1:1', '[2001:db8::1]:1 10.0.0.1:1'])
  })

  it('counts for each cluster apart, and copes with fewer targets than before', () => {
    const balancer = new Balancer()
    balancer.order('a', targets('10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'))
    balancer.order('a', targets('10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'))
    expect(balancer.order('b', targets('10.0.0.1:1', '10.0.0.2:1')).map(formatTarget)).toEqual(['10.0.0.1:1', '10.0.0.2:1'])
    expect(balancer.order('a', targets('10.0.0.1:1', '10.0.0.2:1')).map(formatTarget)).toEqual(['10.0.0.1:1', '10.0.0.2:1'])
  })
})
