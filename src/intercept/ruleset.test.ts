// Holds the order and the completeness of the capture rules; tests/netns holds what the kernel makes of them.
import { describe, expect, test } from 'vitest'
import { type CapturePorts, captureChains, loopbackBatch, ownAddresses, renderRuleset } from './index.ts'

const ports: CapturePorts = { tcp4: 1001, dnsUdp4: 1002, dnsTcp4: 1003, ipv6: { tcp: 2001, dnsUdp: 2002, dnsTcp: 2003 } }
const withoutIpv6: CapturePorts = { tcp4: 1001, dnsUdp4: 1002, dnsTcp4: 1003 }

function rules(chain: string, of: CapturePorts = ports): readonly string[] {
  return captureChains(of)
    .filter(({ name }) => name === chain)
    .flatMap((found) => found.rules.map((rule) => rule.match))
}

function position(chain: string, part: string): number {
  const at = rules(chain).findIndex((rule) => rule.includes(part))
  expect(at, `no rule of ${chain} says ${part}`).toBeGreaterThanOrEqual(0)
  return at
}

describe('capture', () => {
  test('questions are taken before loopback is let pass: resolvers listen at 127.0.0.53', () => {
    expect(position('capture', 'redirect to :1002')).toBeLessThan(position('capture', '127.0.0.0/8'))
    expect(position('capture', 'redirect to :1003')).toBeLessThan(position('capture', '127.0.0.0/8'))
    expect(position('capture', 'redirect to :2002')).toBeLessThan(position('capture', '::1'))
  })

  test('loopback is let pass before all TCP is taken', () => {
    expect(position('capture', '127.0.0.0/8')).toBeLessThan(position('capture', 'redirect to :1001'))
    expect(position('capture', '::1')).toBeLessThan(position('capture', 'redirect to :2001'))
  })

  test('each family goes to its own sockets', () => {
    for (const rule of rules('capture').filter((match) => match.includes('redirect')))
      expect(rule).toMatch(rule.includes('ipv4') ? /:100\d$/ : /:200\d$/)
  })

  test('without IPv6 no rule redirects it', () => {
    expect(rules('capture', withoutIpv6).join()).not.toContain('ip6')
  })
})

describe('gate', () => {
  test('what no rule accepts is dropped, should the last rule ever be gone', () => {
    expect(captureChains(ports).find(({ name }) => name === 'gate')?.policy).toBe('drop')
  })

  test('the last word is a refusal of everything', () => {
    expect(rules('gate').at(-1)).toBe('counter name refusals reject')
  })

  test('a connection straight to a listener is refused before loopback is accepted', () => {
    expect(position('gate', 'tcp dport { 1001, 1003 } reject')).toBeLessThan(position('gate', 'ip daddr { 127.0.0.0/8'))
    expect(position('gate', 'tcp dport { 2001, 2003 } reject')).toBeLessThan(position('gate', 'ip6 daddr { ::1'))
    expect(position('gate', 'ct status dnat accept')).toBeLessThan(position('gate', 'reject'))
  })

  test('counting never decides: a full set must not let anything through', () => {
    for (const rule of rules('gate').filter((match) => match.includes('update'))) expect(rule).not.toMatch(/accept|reject|drop/)
  })

  test('the gate names IPv6 even where capture does not', () => {
    expect(rules('gate', withoutIpv6).join()).toContain('@refused6')
  })
})

test('every rule has a name of its own in its chain, which is what a read-back compares', () => {
  for (const chain of captureChains(ports)) {
    const names = chain.rules.map((rule) => rule.name)
    expect(new Set(names).size).toBe(names.length)
  }
  const text = renderRuleset(ports)
  expect(text.match(/comment "/g)).toHaveLength(captureChains(ports).flatMap((chain) => chain.rules).length)
})

test('sets are bounded and forget', () => {
  const sets = renderRuleset(ports).match(/set \w+ \{[^}]*\}/g) ?? []
  expect(sets).toHaveLength(4)
  for (const set of sets) expect(set).toMatch(/size 1024; .*timeout 10m/)
})

test('links: every address is local, and a global one makes resolvers look names up', () => {
  expect(loopbackBatch(true).split('\n')).toEqual(
    expect.arrayContaining([
      `addr add ${ownAddresses.ipv4}/32 dev lo`,
      expect.stringMatching(/^route add local 0\.0\.0\.0\/0/),
      expect.stringMatching(/^route add local ::\/0/),
    ]),
  )
  expect(loopbackBatch(false)).not.toContain('::')
})
