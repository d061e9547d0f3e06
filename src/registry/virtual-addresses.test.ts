// Holds the addresses given to names to Istio’s, and that no new name takes an address from another.
import { fnv1a32 } from '../base/index.ts'
import { describe, expect, test } from 'vitest'
import { allocateLikeIstio, type Claimant, StableAddresses, type VirtualAddresses } from './virtual-addresses.ts'

/** The address of each that claims one. */
function allocateStable(claimants: readonly Claimant[]): (claimant: Claimant) => VirtualAddresses | undefined {
  const addresses = new StableAddresses(claimants)
  return (claimant) => addresses.of(claimant)
}

const claimant = (namespace: string, host: string): Claimant => ({ namespace, host, slotHash: fnv1a32(`${namespace}/${host}`) })

/** Published with Istio's own allocator. */
const vectors: Record<string, readonly [namespace: string, host: string, v4: string, v6?: string]> = {
  'a host in no namespace': ['', 'foo.com', '240.240.227.81', '2001:2::f0f0:e351'],
  'a low last octet': ['', 'a.com', '240.240.109.8'],
  'another host': ['', 'c.com', '240.240.234.51'],
  'a host in namespace a': ['a', 'a.example.com', '240.240.134.206'],
  'the same host in namespace b': ['b', 'a.example.com', '240.240.41.100'],
  'a host with a number': ['', 'a17061.example.com', '240.240.25.11'],
  'another host with a number': ['', 'a44155.example.com', '240.240.31.17'],
}

describe('as Istio', () => {
  test.each(Object.entries(vectors))('%s', (_, [namespace, host, v4, v6]) => {
    const key = `${namespace}/${host}`
    const found = allocateLikeIstio([key]).get(key)
    expect(found?.v4).toBe(v4)
    if (v6 !== undefined) expect(found?.v6).toBe(v6)
  })

  test('a key that stands there twice has the address of the slot that is met first', () => {
    expect(allocateLikeIstio(['default/istio.io', 'default/istio.io']).get('default/istio.io')?.v4).toBe('240.240.91.120')
  })
})

describe('stable', () => {
  test.each(Object.entries(vectors))('%s has the address that Istio gives it', (_, [namespace, host, v4]) => {
    const one = claimant(namespace, host)
    expect(allocateStable([one])(one)?.v4).toBe(v4)
  })

  test('two declarations of one host share an address, and it is the one that each would have alone', () => {
    const alone = claimant('default', 'istio.io')
    const find = allocateStable([alone, claimant('default', 'istio.io')])
    expect(find(claimant('default', 'istio.io'))).toEqual(allocateStable([alone])(alone))
  })

  test('another name never moves an older one, and no two names share an address', () => {
    const names = Array.from({ length: 3000 }, (_, i) => claimant('default', `host-${i}.test`))
    const few = allocateStable(names.slice(0, 1500))
    const all = allocateStable(names)
    for (const name of names.slice(0, 1500)) expect(all(name)).toEqual(few(name))
    expect(new Set(names.map((name) => all(name)?.v4)).size).toBe(names.length)
    expect(new Set(names.map((name) => all(name)?.v6)).size).toBe(names.length)
  })

  test('addresses lie in the reserved ranges and never end in 0 or 255', () => {
    const names = Array.from({ length: 2000 }, (_, i) => claimant('x', `n${i}.test`))
    const find = allocateStable(names)
    for (const name of names) {
      const { v4 = '', v6 = '' } = find(name) ?? {}
      const last = Number(v4.split('.')[3])
      expect(v4.startsWith('240.240.') && last > 0 && last < 255).toBe(true)
      expect(v6.startsWith('2001:2::f0f0:')).toBe(true)
    }
  })

  test('who did not claim has none', () => {
    expect(allocateStable([claimant('a', 'a.test')])(claimant('a', 'b.test'))).toBeUndefined()
  })

  test('when all are given, the next one has none', () => {
    const names = Array.from({ length: 65_100 }, (_, i) => claimant('', `n${i}.test`))
    const find = allocateStable(names)
    expect(find(names[0]!)).toBeDefined()
    expect(find(names.at(-1)!)).toBeUndefined()
  })
})
