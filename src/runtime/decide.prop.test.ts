// Tests by random facts that decisions are total, deny what is garbage, and never dial an address that was not judged.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Address, type Ip, parseIp } from '../base/index.ts'
import type { ConnectionFacts, FirstBytes, NameFacts, RequestFacts } from '../flow/index.ts'
import { classOf, compile, decide, decideRequest, type Runtime } from './index.ts'
import {
  blackHole,
  catchAll,
  dnsCluster,
  dynamicCluster,
  listener,
  otherHosts,
  passthrough,
  ranges,
  routeTable,
  routeTo,
  sniffedHttpChain,
  snapshotOf,
  staticCluster,
  tcpChain,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

const declared = ['203.0.113.40', '10.1.0.1']
const runtime = compile(
  snapshotOf({
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [sniffedHttpChain('80')], otherwise: catchAll() }),
      listener('0.0.0.0_443', ['0.0.0.0:443'], {
        chains: [
          tcpChain('exact', { match: { serverNames: ['a.test'] } }),
          tcpChain('outbound|443||*.wild.test', { match: { serverNames: ['*.wild.test'] } }),
          tcpChain('static', { match: { prefixRanges: ranges('10.0.0.0/8') } }),
        ],
        otherwise: catchAll(),
      }),
      listener('0.0.0.0_25', ['0.0.0.0:25'], { chains: [tcpChain('exact', { said: { resolvesTo: 'a.test' } })], otherwise: catchAll() }),
      listener('203.0.113.40_6379', ['203.0.113.40:6379'], { chains: [tcpChain('static')] }),
    ],
    routes: [
      routeTable('80', [
        virtualHost('a', ['a.test'], [routeTo('exact')]),
        virtualHost('wild', ['*.wild.test'], [routeTo('outbound|443||*.wild.test')]),
        otherHosts(),
      ]),
    ],
    clusters: [
      blackHole(),
      passthrough(),
      dnsCluster('exact', ['a.test:443']),
      dynamicCluster('outbound|443||*.wild.test'),
      staticCluster(
        'static',
        declared.map((ip) => `${ip}:6379`),
      ),
    ],
    names: { 'a.test': ['240.240.0.1'] },
  }),
  { addresses: [] },
).runtime

const name = fc.oneof(
  fc.constantFrom('a.test', 'x.wild.test', 'evil.test', 'A.TEST', 'a.test.', '*.wild.test', ''),
  fc.domain(),
  fc.string(),
)
const ip = fc
  .oneof(fc.constantFrom('203.0.113.40', '10.1.2.3', '240.240.0.1', '127.0.0.1', '169.254.169.254'), fc.ipV4(), fc.ipV6())
  .map((text) => parseIp(text))
const knownIp = ip.filter((each) => each !== undefined)
const address: fc.Arbitrary<Address> = fc.record({
  ip: knownIp,
  port: fc.oneof(fc.constantFrom(25, 80, 443, 6379, 15001), fc.integer({ min: 1, max: 65535 })),
})
const first: fc.Arbitrary<FirstBytes> = fc.oneof(
  fc.record({ protocol: fc.constant('tls' as const), alpn: fc.array(fc.constantFrom('h2', 'http/1.1', 'x')), sni: name }),
  fc.record({ protocol: fc.constant('tls' as const), alpn: fc.constant([]) }),
  fc.record({ protocol: fc.constant('http1' as const), method: fc.constantFrom('GET', 'CONNECT'), target: fc.string(), host: name }),
  fc.constantFrom<FirstBytes>({ protocol: 'http2' }, { protocol: 'other' }, { protocol: 'silent' }),
)
const names: fc.Arbitrary<NameFacts> = fc
  .option(
    fc.oneof(
      fc.record({ addresses: fc.array(knownIp, { maxLength: 4 }), expires: fc.constant(1) }),
      fc.record({ failed: fc.string(), expires: fc.constant(1) }),
    ),
  )
  .map((resolution) => () => resolution ?? undefined)
const connection: fc.Arbitrary<ConnectionFacts> = fc.record(
  {
    kind: fc.constant('connection' as const),
    source: address,
    destination: address,
    virtualName: name,
    first,
    names,
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: ['kind', 'source', 'destination', 'names', 'random'] },
)

test('every decision is one of the known ones, and an allow dials judged addresses only', () => {
  fc.assert(
    fc.property(connection, fc.string(), name, (facts, path, authority) => {
      const decision = decide(runtime, facts)
      if (decision.verdict !== 'http') return check(decision, facts)
      const request: RequestFacts = {
        kind: 'request',
        connection: facts,
        method: 'GET',
        authority,
        path,
        scheme: 'http',
        headers: () => [],
        chance: () => 0,
        names: facts.names,
        random: facts.random,
      }
      check(decideRequest(runtime, decision.manager, request), facts)
    }),
    { numRuns: 2000 },
  )
})

test('the same facts lead to the same decision', () => {
  fc.assert(
    fc.property(connection, (facts) => {
      expect(decide(runtime, facts)).toEqual(decide(runtime, facts))
    }),
  )
})

test('garbage is denied, and nothing throws', () => {
  const manager = { routeConfig: '80', pathNormalization: 'base', useRemoteAddress: false, serverName: 'envoy' } as const
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (garbage, more) => {
      const facts = garbage as ConnectionFacts
      expect(decide(runtime, facts).verdict).not.toMatch(/forward|passthrough/)
      expect(decide(more as Runtime, facts)).toMatchObject({ verdict: 'deny', reason: { code: 'internal-error' } })
      expect(decideRequest(runtime, manager, garbage as RequestFacts).verdict).toBe('deny')
    }),
    { numRuns: 500 },
  )
})

test('names that throw are a denial', () => {
  const facts: ConnectionFacts = {
    kind: 'connection',
    source: { ip: '198.18.0.11' as Ip, port: 1 },
    destination: { ip: '192.0.2.1' as Ip, port: 443 },
    first: { protocol: 'tls', sni: 'a.test', alpn: [] },
    names: () => {
      throw new Error('the resolver is gone')
    },
    random: 0,
  }
  expect(decide(runtime, facts)).toMatchObject({
    verdict: 'deny',
    status: 0,
    reason: { code: 'internal-error', text: expect.stringContaining('the resolver is gone') },
  })
})

/** REGISTRY_ONLY and strict: nothing is passed through, and only declared endpoints may be of a class that names do not reach. */
function check(decision: ReturnType<typeof decideRequest> | ReturnType<typeof decide>, facts: ConnectionFacts): void {
  expect(['deny', 'gather', 'forward']).toContain(decision.verdict)
  if (decision.verdict === 'gather') expect(decision.need === 'first-bytes' ? facts.first : facts.names('')).toBeUndefined()
  if (decision.verdict !== 'forward') return
  expect(decision.targets.length).toBeGreaterThan(0)
  for (const target of decision.targets) {
    if (!('ip' in target) || declared.includes(target.ip)) continue
    const kind = classOf(target.ip)
    expect(decision.cluster.name === 'exact' ? ['public', 'private'] : ['public']).toContain(kind)
  }
}
