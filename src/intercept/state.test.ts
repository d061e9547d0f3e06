// Holds what is concluded from the rules that the kernel gives back.
import { describe, expect, test } from 'vitest'
import { type CapturePorts, captureChains, compareCapture, readCapture } from './index.ts'

const ports: CapturePorts = { tcp4: 1001, dnsUdp4: 1002, dnsTcp4: 1003 }

type Json = Record<string, unknown>

/** As `nft -j list table` prints them, reduced to what is read; `handle` is what changes from one installation to the next. */
function listing(change: (objects: Json[]) => Json[] = (objects) => objects, handle = 1): string {
  const chains = captureChains(ports).flatMap((chain) => {
    const [, type, , hook, , prio] = chain.hook.split(' ')
    const head = { family: 'inet', table: 'sallyport', name: chain.name, handle, type, hook, prio: Number(prio), policy: chain.policy }
    const rules = chain.rules.map((rule) => ({ rule: { chain: chain.name, comment: rule.name, handle, expr: [{ text: rule.match }] } }))
    return [{ chain: head }, ...rules]
  })
  const sets = [
    set('refused4', [element(['udp', '8.8.8.8', 443], 3), element(['udp', '9.9.9.9', 53000], 1)]),
    set('refused6', []),
    set('bare4', [element(['icmp', '8.8.8.8'], 2), element([253, '8.8.4.4'], 1)]),
    set('bare6', undefined),
  ]
  const counter = { counter: { name: 'refusals', handle, packets: 7, bytes: 99 } }
  return JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...change([counter, ...sets, ...chains])] })
}

function set(name: string, elem: unknown): Json {
  return { set: { name, type: ['inet_proto', 'ipv4_addr'], ...(elem === undefined ? {} : { elem }) } }
}

function element(concat: readonly unknown[], packets: number): Json {
  return { elem: { val: { concat }, expires: 599, counter: { packets, bytes: 1 } } }
}

function without(comment: string) {
  return (objects: Json[]) => objects.filter((object) => !JSON.stringify(object).includes(`"comment":"${comment}"`))
}

const wrong: Record<string, { change: (objects: Json[]) => Json[]; says: RegExp }> = {
  'a missing rule': { change: without('tcp4'), says: /chain capture has the rules/ },
  'a missing last rule': { change: without('refuse bare'), says: /chain gate has the rules/ },
  'a missing chain': {
    change: (objects) => objects.filter((object) => !JSON.stringify(object).includes('"gate"')),
    says: /chain gate is missing/,
  },
  'another policy': { change: replaced('"policy":"drop"', '"policy":"accept"'), says: /policy accept instead of drop/ },
  'another hook': { change: replaced('"hook":"output","prio":0', '"hook":"input","prio":0'), says: /hook input/ },
  'another priority': { change: replaced('"prio":-100', '"prio":100'), says: /priority 100/ },
  'a chain of somebody else': {
    change: (objects) => [...objects, { chain: { name: 'mine', type: 'nat', hook: 'output', prio: 1 } }],
    says: /mine is not ours/,
  },
  'nothing at all': { change: () => [], says: /chain capture is missing/ },
}

function replaced(from: string, to: string) {
  return (objects: Json[]): Json[] => JSON.parse(JSON.stringify(objects).replace(from, to))
}

describe('compared with what was meant', () => {
  test('untouched rules agree', () => {
    expect(compareCapture(readCapture(listing()), ports)).toEqual([])
  })

  test.each(Object.entries(wrong))('%s is seen', (_name, { change, says }) => {
    expect(compareCapture(readCapture(listing(change)), ports).join('; ')).toMatch(says)
  })
})

describe('the fingerprint', () => {
  const first = readCapture(listing()).fingerprint
  test('does not depend on counts', () => {
    const later = readCapture(listing((objects) => JSON.parse(JSON.stringify(objects).replaceAll('"packets":', '"packets":1')), 77))
    expect(later.fingerprint.replaceAll('"handle":77', '"handle":1')).toBe(first)
  })

  test('shows that a rule says something else under its old name', () => {
    expect(readCapture(listing(replaced(':1001', ':9'))).fingerprint).not.toBe(first)
  })
})

test('reads counts by protocol, destination and port', () => {
  const { refused, refusedTotal } = readCapture(listing())
  expect(refused).toEqual([
    { protocol: 'udp', destination: '8.8.8.8', port: 443, packets: 3 },
    { protocol: 'udp', destination: '9.9.9.9', port: 53000, packets: 1 },
    { protocol: 'icmp', destination: '8.8.8.8', port: 0, packets: 2 },
    { protocol: '253', destination: '8.8.4.4', port: 0, packets: 1 },
  ])
  expect(refusedTotal).toBe(7)
})

test('what is no JSON is an error, not an empty table', () => {
  expect(() => readCapture('nft: no such table')).toThrow(/not JSON/)
})
