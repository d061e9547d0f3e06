// Tests what becomes of connections beyond the table of REGISTRY_ONLY: names that must agree, refusals, gateways, and every kind of cluster.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { type Ip, parseIp } from '../base/index.ts'
import { RBACSchema } from '../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js'
import { FilterConfigSchema } from '../xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js'
import { compile, decide, type Runtime } from './index.ts'
import { type Call, play, tell } from './play.test-kit.ts'
import {
  blackHole,
  catchAll,
  chain,
  connection,
  dnsCluster,
  duration,
  dynamicCluster,
  gatewayListener,
  http1,
  httpChain,
  listener,
  originalDstCluster,
  otherBytes,
  passthrough,
  ranges,
  refTo,
  silent,
  type SnapshotParts,
  snapshotOf,
  staticCluster,
  tcpChain,
  tcpProxy,
  tls,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

function runtimeOf(parts: SnapshotParts, own: readonly string[] = []): Runtime {
  const addresses = own.flatMap((text): Ip[] => [parseIp(text) ?? ('' as Ip)])
  return compile(snapshotOf(parts), { addresses }).runtime
}

/** A sidecar with one chain that takes everything on port 9000, and the clusters given. */
function sidecar(parts: SnapshotParts, chainTo: Parameters<typeof tcpChain>[0], own?: readonly string[]): Runtime {
  const taking = listener('0.0.0.0_9000', ['0.0.0.0:9000'], { chains: [tcpChain(chainTo, { said: refTo('ServiceEntry/a/it') })] })
  return runtimeOf({ ...parts, listeners: [virtualOutbound(), taking, ...(parts.listeners ?? [])] }, own)
}

const here: Call = { to: '192.0.2.1:9000' }

describe('what never widens', () => {
  const rbac = anyPack(RBACSchema, create(RBACSchema, { statPrefix: 'x' }))
  const target = staticCluster('c', ['203.0.113.1:1'])
  const cases: Record<string, Parameters<typeof listener>[2]> = {
    'an unknown network filter ahead of the proxy': { chains: [chain([rbac, tcpProxy('c')])] },
    'an unknown network filter instead of the proxy': { chains: [chain([rbac])] },
    'no filter at all': { chains: [chain([])] },
    'bytes that are no message': { chains: [chain([{ ...tcpProxy('c'), value: Uint8Array.of(255, 255, 255) }])] },
    'a tunnel': { chains: [chain([tcpProxy('c', { tunnelingConfig: { hostname: 'x:1' } })])] },
    'endpoints chosen by metadata': { chains: [chain([tcpProxy('c', { metadataMatch: {} })])] },
    'a lifetime': { chains: [chain([tcpProxy('c', { maxDownstreamConnectionDuration: duration(1) })])] },
    'a match by source': { chains: [tcpChain('c', { match: { sourcePrefixRanges: ranges('10.0.0.0/8') } })] },
    'a match by source beside one without': {
      chains: [tcpChain('c'), tcpChain('c', { match: { sourcePorts: [1] } })],
    },
    'a match by address suffix': { chains: [tcpChain('c', { match: { addressSuffix: '10.0.0.0' } })] },
    'TLS to be terminated': { chains: [Object.assign(tcpChain('c'), { transportSocket: { name: 'tls' } })] },
    'an unknown listener filter': { chains: [tcpChain('c')], listenerFilters: [{ name: 'envoy.filters.listener.geoip' }] },
    'the generic matcher': { chains: [tcpChain('c')], filterChainMatcher: {} },
    'a reason that nobody knows': { chains: [tcpChain('c', { said: { refuse: 'because' } })] },
    'a reason that would allow': { chains: [tcpChain('c', { said: { refuse: 'declared' } })] },
  }

  test.each(Object.entries(cases))('%s', (_name, parts) => {
    const { runtime, rejected } = compile(
      snapshotOf({
        listeners: [virtualOutbound({ policy: 'ALLOW_ANY' }), listener('it', ['0.0.0.0:9000'], parts)],
        clusters: [target, passthrough()],
      }),
      { addresses: [] },
    )
    expect(tell(play(runtime, here))).toBe('deny not-supported 0 -')
    if (!parts?.chains?.some((each) => each.metadata)) expect(rejected.map(({ resource }) => resource)).toContain('it')
  })
})

describe('refusals said by the configuration', () => {
  test('a chain: its reason, its text, its declaration', () => {
    const said = refTo('VirtualService/a/x', { field: 'spec.tcp[0]', refuse: 'ambiguous-destination', refuseText: 'two hosts on one port' })
    const taking = listener('it', ['0.0.0.0:9000'], { chains: [tcpChain('c', { said })] })
    const { end } = play(runtimeOf({ listeners: [virtualOutbound(), taking], clusters: [] }), here)
    expect(end.reason).toEqual({
      code: 'ambiguous-destination',
      text: 'two hosts on one port',
      by: { kind: 'VirtualService', namespace: 'a', name: 'x', field: 'spec.tcp[0]' },
    })
  })

  test('a cluster: whatever leads there', () => {
    const said = refTo('DestinationRule/a/x', { refuse: 'not-supported', refuseText: 'spec.trafficPolicy.tls is not carried out' })
    const { end } = play(sidecar({ clusters: [staticCluster('c', ['203.0.113.1:1'], { said })] }, 'c'), here)
    expect(end.reason).toMatchObject({
      code: 'not-supported',
      text: 'spec.trafficPolicy.tls is not carried out',
      by: { kind: 'DestinationRule' },
    })
  })
})

describe('names that must agree (strict)', () => {
  const shop = (host: string) =>
    tcpChain(`outbound|443||${host}`, { match: { serverNames: [host] }, said: refTo(`ServiceEntry/a/${host}`) })
  const parts: SnapshotParts = {
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_443', ['0.0.0.0:443'], { chains: [shop('a.test'), shop('b.test')], otherwise: catchAll() }),
    ],
    clusters: [blackHole(), dnsCluster('outbound|443||a.test', ['a.test:443']), dnsCluster('outbound|443||b.test', ['b.test:443'])],
    names: { 'a.test': ['240.240.0.1'], 'b.test': ['240.240.0.2'], 'twin.test': ['240.240.0.1'] },
  }
  const resolver = { 'a.test': ['203.0.113.1'], 'b.test': ['203.0.113.2'] }
  const cases: Record<string, { call: Call; becomes: string }> = {
    'the name of the virtual address': {
      call: { to: '240.240.0.1:443', virtualName: 'a.test', says: tls('A.test') },
      becomes: 'forward outbound|443||a.test -> 203.0.113.1:443',
    },
    'the name of another virtual address': {
      call: { to: '240.240.0.2:443', virtualName: 'b.test', says: tls('a.test') },
      becomes: 'deny name-mismatch 0 -',
    },
    'the name at a refusal address': {
      call: { to: '240.250.0.9:443', virtualName: 'evil.test', says: tls('a.test') },
      becomes: 'deny name-mismatch 0 -',
    },
    'another name that has the address too': {
      call: { to: '240.240.0.1:443', virtualName: 'twin.test', says: tls('a.test') },
      becomes: 'forward outbound|443||a.test -> 203.0.113.1:443',
    },
    'an ordinary address stands for no name': {
      call: { to: '203.0.113.77:443', says: tls('a.test') },
      becomes: 'forward outbound|443||a.test -> 203.0.113.1:443',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { call, becomes }) => {
    expect(tell(play(runtimeOf(parts), { resolver, ...call }))).toBe(becomes)
  })

  test('under istio nobody compares them', () => {
    const lax = runtimeOf({ ...parts, listeners: [virtualOutbound({ strictness: 'istio' }), ...(parts.listeners ?? []).slice(1)] })
    const call = { to: '240.240.0.2:443', virtualName: 'b.test', says: tls('a.test'), resolver }
    expect(tell(play(lax, call))).toBe('forward outbound|443||a.test -> 203.0.113.1:443')
  })

  test('passed through under ALLOW_ANY they must agree as well', () => {
    const open = runtimeOf({
      listeners: [
        virtualOutbound({ policy: 'ALLOW_ANY' }),
        listener('0.0.0.0_443', ['0.0.0.0:443'], { chains: [shop('b.test')], otherwise: catchAll('ALLOW_ANY') }),
      ],
      clusters: [passthrough()],
      names: { 'a.test': ['240.240.0.1'] },
    })
    const call = { to: '240.240.0.1:443', virtualName: 'a.test', resolver }
    expect(tell(play(open, { ...call, says: tls('a.test') }))).toBe('passthrough PassthroughCluster -> 203.0.113.1:443')
    expect(tell(play(open, { ...call, says: tls('evil.test') }))).toBe('deny name-mismatch 0 -')
  })
})

describe('a declared address that is asked for something else', () => {
  const at = (policy: 'REGISTRY_ONLY' | 'ALLOW_ANY', fallback = true) =>
    runtimeOf({
      listeners: [
        virtualOutbound({ policy }),
        listener('203.0.113.50_443', ['203.0.113.50:443'], {
          chains: [tcpChain('c', { match: { serverNames: ['vip.test'] } })],
          ...(fallback && { otherwise: catchAll(policy) }),
        }),
      ],
      clusters: [blackHole(), passthrough(), staticCluster('c', ['203.0.113.51:443'])],
      names: { 'vip.test': ['203.0.113.50'] },
    })
  const to = '203.0.113.50:443'
  const cases: Record<string, { runtime: Runtime; says: Call['says']; becomes: string; text: string }> = {
    'another server name': {
      runtime: at('REGISTRY_ONLY'),
      says: tls('evil.test'),
      becomes: 'deny name-mismatch 0 UH',
      text: '203.0.113.50:443, which belongs to "vip.test", does not take the server name "evil.test"',
    },
    'no server name': {
      runtime: at('REGISTRY_ONLY'),
      says: tls(),
      becomes: 'deny not-declared 0 UH',
      text: '203.0.113.50:443, which belongs to "vip.test", is declared, but for something else than TLS without a server name',
    },
    'plain HTTP': {
      runtime: at('REGISTRY_ONLY'),
      says: http1('vip.test'),
      becomes: 'deny not-declared 403 UH',
      text: '203.0.113.50:443, which belongs to "vip.test", is declared, but for something else than plain HTTP',
    },
    'another server name, and nothing that catches it': {
      runtime: at('ALLOW_ANY', false),
      says: tls('evil.test'),
      becomes: 'deny name-mismatch 0 NR',
      text: '203.0.113.50:443, which belongs to "vip.test", does not take the server name "evil.test"',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { runtime, says, becomes, text }) => {
    const played = play(runtime, { to, ...(says && { says }) })
    expect([tell(played), played.end.reason.text]).toEqual([becomes, text])
  })
})

describe('names that the flow carries', () => {
  const wild = (more = {}) =>
    runtimeOf({
      listeners: [
        virtualOutbound(),
        listener('0.0.0.0_443', ['0.0.0.0:443'], {
          chains: [tcpChain('outbound|8443||*.x.test', { match: { serverNames: ['*.x.test'] } })],
        }),
      ],
      clusters: [dynamicCluster('outbound|8443||*.x.test', more)],
    })
  const cases: Record<string, { sni: string; answers: readonly string[] | string; privateNames?: string; becomes: string }> = {
    'are resolved and dialled at the declared port': {
      sni: 'A_1.x.test',
      answers: ['203.0.113.1'],
      becomes: 'forward outbound|8443||*.x.test -> 203.0.113.1:8443',
    },
    'never lead to private addresses': { sni: 'a.x.test', answers: ['10.0.0.1'], becomes: 'deny private-address 0 UH' },
    'unless the mesh says so': {
      sni: 'a.x.test',
      answers: ['10.0.0.1', '127.0.0.1'],
      privateNames: 'allow',
      becomes: 'forward outbound|8443||*.x.test -> 10.0.0.1:8443',
    },
    'have to exist': { sni: 'a.x.test', answers: 'NXDOMAIN', becomes: 'deny name-unresolved 0 UH' },
    'have to be names': { sni: '*.x.test', answers: [], becomes: 'deny name-unresolved 0 UH' },
  }
  test.each(Object.entries(cases))('%s', (_name, { sni, answers, privateNames, becomes }) => {
    const runtime = wild(privateNames === undefined ? {} : { said: { privateNames } })
    const call = { to: '192.0.2.1:443', says: tls(sni), resolver: { [sni.toLowerCase()]: answers } }
    expect(tell(play(runtime, call))).toBe(becomes)
  })

  test('take the port that the filter for server names says', () => {
    const filter = anyPack(FilterConfigSchema, create(FilterConfigSchema, { portSpecifier: { case: 'portValue', value: 9443 } }))
    const named = chain([filter, tcpProxy('dfp')], { match: { serverNames: ['*.x.test'] } })
    const runtime = runtimeOf({
      listeners: [virtualOutbound(), listener('l', ['0.0.0.0:443'], { chains: [named] })],
      clusters: [dynamicCluster('dfp')],
    })
    const call = { to: '192.0.2.1:443', says: tls('a.x.test'), resolver: { 'a.x.test': ['203.0.113.1'] } }
    expect(tell(play(runtime, call))).toBe('forward dfp -> 203.0.113.1:9443')
  })
})

describe('addresses that are never reached', () => {
  const declared = (match: string | undefined, at = '0.0.0.0:80', own: readonly string[] = []) =>
    runtimeOf(
      {
        listeners: [
          virtualOutbound(),
          listener('l', [at], { chains: [tcpChain('c', match === undefined ? {} : { match: { prefixRanges: ranges(match) } })] }),
        ],
        clusters: [originalDstCluster('c')],
      },
      own,
    )
  const metadata = { to: '169.254.169.254:80' }
  const cases: Record<string, { runtime: Runtime; call: Call; becomes: string }> = {
    'a declaration of any address does not name them': {
      runtime: declared('0.0.0.0/0'),
      call: metadata,
      becomes: 'deny private-address 0 UH',
    },
    'a declared range does': { runtime: declared('169.254.169.0/24'), call: metadata, becomes: 'forward c -> 169.254.169.254:80' },
    'a declared address does': {
      runtime: declared(undefined, '169.254.169.254:80'),
      call: metadata,
      becomes: 'forward c -> 169.254.169.254:80',
    },
    'the node’s own, by any address': {
      runtime: declared('0.0.0.0/0', '0.0.0.0:80', ['198.51.100.7']),
      call: { to: '198.51.100.7:80' },
      becomes: 'deny private-address 0 UH',
    },
    'the node’s own, declared': {
      runtime: declared('198.51.100.7/32', '0.0.0.0:80', ['198.51.100.7']),
      call: { to: '198.51.100.7:80' },
      becomes: 'forward c -> 198.51.100.7:80',
    },
    'private ones are not among them': { runtime: declared('0.0.0.0/0'), call: { to: '10.0.0.1:80' }, becomes: 'forward c -> 10.0.0.1:80' },
  }
  test.each(Object.entries(cases))('%s', (_name, { runtime, call, becomes }) => {
    expect(tell(play(runtime, call))).toBe(becomes)
  })
})

describe('hosts without addresses', () => {
  const open = (host: string, to: string) => tcpChain(to, { said: refTo(`ServiceEntry/a/${host}`, { resolvesTo: host }) })
  const runtime = runtimeOf({
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_25', ['0.0.0.0:25'], { chains: [open('old.test', 'old'), open('new.test', 'new')], otherwise: catchAll() }),
      listener('0.0.0.0_26', ['0.0.0.0:26'], { chains: [open('static.test', 'static')], otherwise: catchAll() }),
      listener('0.0.0.0_27', ['0.0.0.0:27'], { otherwise: open('old.test', 'old') }),
    ],
    clusters: [
      blackHole(),
      dnsCluster('old', ['old.test:25']),
      dnsCluster('new', ['new.test:25']),
      staticCluster('static', ['203.0.113.9:26']),
    ],
  })
  const resolver = { 'old.test': ['203.0.113.1'], 'new.test': ['203.0.113.2', '203.0.113.1'], 'static.test': ['203.0.113.10'] }
  const cases: Record<string, { call: Call; becomes: string; asks: readonly string[] }> = {
    'the oldest first': { call: { to: '203.0.113.1:25' }, becomes: 'forward old -> 203.0.113.1:25', asks: ['addresses old.test'] },
    'then the next': {
      call: { to: '203.0.113.2:25' },
      becomes: 'forward new -> 203.0.113.2:25 203.0.113.1:25',
      asks: ['addresses old.test', 'addresses new.test'],
    },
    'none of them': {
      call: { to: '203.0.113.3:25', says: otherBytes },
      becomes: 'deny destination-mismatch 0 UH',
      asks: ['addresses old.test', 'addresses new.test', 'first-bytes 250'],
    },
    'a client that names another host has not dialled wrong': {
      call: { to: '203.0.113.3:25', says: tls('evil.test') },
      becomes: 'deny not-declared 0 UH',
      asks: ['addresses old.test', 'addresses new.test', 'first-bytes 250'],
    },
    'a declared endpoint, without asking': { call: { to: '203.0.113.9:26' }, becomes: 'forward static -> 203.0.113.9:26', asks: [] },
    'an address of the name, to the declared endpoint': {
      call: { to: '203.0.113.10:26' },
      becomes: 'forward static -> 203.0.113.9:26',
      asks: ['addresses static.test'],
    },
    'a refusal address asks for no name': {
      call: { to: '240.250.0.1:25', virtualName: 'evil.test' },
      becomes: 'deny not-declared 0 UH',
      asks: ['first-bytes 250'],
    },
    'a default that asks for a name is no default': {
      call: { to: '203.0.113.3:27' },
      becomes: 'deny destination-mismatch 0 UH',
      asks: ['addresses old.test', 'first-bytes 250'],
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { call, becomes, asks }) => {
    const played = play(runtime, { resolver, ...call })
    expect([tell(played), played.asked]).toEqual([becomes, asks])
  })

  test('a name that leads inside is refused although the client dialled its address', () => {
    const played = play(runtime, { to: '169.254.169.254:25', resolver: { ...resolver, 'old.test': ['169.254.169.254'] } })
    expect(tell(played)).toBe('deny private-address 0 UH')
  })
})

describe('a gateway', () => {
  const runtime = runtimeOf({
    listeners: [
      gatewayListener('0.0.0.0_8443', '0.0.0.0:8443', {
        chains: [tcpChain('c', { match: { serverNames: ['a.test'] } })],
        said: refTo('Gateway/a/g', { strictness: 'strict', field: 'spec.servers[0]' }),
      }),
      gatewayListener('0.0.0.0_8080', '/run/g/80.sock', { chains: [httpChain('http.8080')] }),
      gatewayListener('0.0.0.0_9000', '0.0.0.0:9000', { chains: [tcpChain('lost')] }),
    ],
    clusters: [staticCluster('c', ['203.0.113.1:443']), originalDstCluster('lost')],
  })
  const cases: Record<string, { call: Call; becomes: string }> = {
    'a name that it has': {
      call: { to: '10.0.0.1:8443', listener: '0.0.0.0_8443', says: tls('a.test') },
      becomes: 'forward c -> 203.0.113.1:443',
    },
    'a name that it has not': {
      call: { to: '10.0.0.1:8443', listener: '0.0.0.0_8443', says: tls('b.test') },
      becomes: 'deny no-filter-chain 0 NR',
    },
    'a listener that is gone': { call: { to: '10.0.0.1:1', listener: 'gone', says: tls('a.test') }, becomes: 'deny no-filter-chain 0 NR' },
    'a dialled address: there is none': { call: { to: '10.0.0.1:9000', listener: '0.0.0.0_9000' }, becomes: 'deny no-endpoints 0 UH' },
    'a destination does not select a bound listener': {
      call: { to: '10.0.0.1:8443', says: tls('a.test') },
      becomes: 'deny no-configuration 0 -',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { call, becomes }) => {
    expect(tell(play(runtime, call))).toBe(becomes)
  })

  test('HTTP is served without looking at the bytes first', () => {
    const facts = connection({ to: '10.0.0.1:8080', listener: '0.0.0.0_8080' })
    expect(decide(runtime, facts)).toMatchObject({ verdict: 'http', manager: { routeConfig: 'http.8080', pathNormalization: 'base' } })
  })

  test('says what is to be bound', () => {
    expect(runtime.boundListeners).toMatchObject([
      { name: '0.0.0.0_8443', bind: { ip: '0.0.0.0', port: 8443 }, ref: { kind: 'Gateway', field: 'spec.servers[0]' } },
      { name: '0.0.0.0_8080', bind: { pipe: '/run/g/80.sock' }, proxyProtocol: false },
      { name: '0.0.0.0_9000' },
    ])
  })
})

describe('sentences', () => {
  const cases: Record<string, { call: Call; policy?: 'ALLOW_ANY'; text: string }> = {
    'an undeclared address': {
      call: { to: '203.0.113.9:6379', says: silent },
      text: 'no ServiceEntry declares 203.0.113.9:6379 and the outbound policy is REGISTRY_ONLY',
    },
    'an undeclared server name': {
      call: { to: '203.0.113.9:443', says: tls('evil.test') },
      text: 'no ServiceEntry declares host "evil.test" for TLS on port 443 and the outbound policy is REGISTRY_ONLY',
    },
    'a declared name on another port': {
      call: { to: '203.0.113.9:8443', says: tls('d2iq.com') },
      text: 'host "d2iq.com" is declared, but not for TLS on port 8443, and the outbound policy is REGISTRY_ONLY',
    },
    'an undeclared host': {
      call: { to: '203.0.113.9:8080', says: http1('Evil.test:8080') },
      text: 'no ServiceEntry declares host "evil.test" for HTTP on port 8080 and the outbound policy is REGISTRY_ONLY',
    },
    'a refusal address': {
      call: { to: '240.250.0.1:22', virtualName: 'evil.test' },
      text: 'no ServiceEntry declares host "evil.test" for TCP on port 22 and the outbound policy is REGISTRY_ONLY',
    },
    'HTTP/1.0': {
      call: { to: '203.0.113.9:80', says: { protocol: 'other', note: 'HTTP/1.0' } },
      text: 'no ServiceEntry declares 203.0.113.9:80 (HTTP/1.0) and the outbound policy is REGISTRY_ONLY',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { call, text }) => {
    const { end } = play(runtimeOf({ listeners: [virtualOutbound()], clusters: [blackHole()], names: { 'd2iq.com': [] } }), call)
    expect(end.reason).toEqual({ code: 'not-declared', text, by: { kind: 'ConfigMap', namespace: 'istio-system', name: 'istio' } })
  })

  test('an allow names who declared the destination', () => {
    const { end } = play(sidecar({ clusters: [staticCluster('c', ['203.0.113.1:1'])] }, 'c'), here)
    expect(end.reason).toEqual({
      code: 'declared',
      text: 'declared by ServiceEntry a/it',
      by: { kind: 'ServiceEntry', namespace: 'a', name: 'it' },
    })
  })

  test('a passthrough names who set the policy', () => {
    const runtime = runtimeOf({ listeners: [virtualOutbound({ policy: 'ALLOW_ANY' })], clusters: [passthrough()] })
    expect(play(runtime, here).end).toMatchObject({ path: 'passthrough', reason: { code: 'allow-any', by: { kind: 'ConfigMap' } } })
  })
})

describe('what the executor is told besides', () => {
  test('times and the way', () => {
    const taking = listener('it', ['0.0.0.0:9000'], { chains: [chain([tcpProxy('c', { idleTimeout: duration(1500) })])] })
    const said = refTo('ServiceEntry/a/gw', { gateway: true })
    const runtime = runtimeOf({
      listeners: [virtualOutbound(), taking],
      clusters: [staticCluster('c', ['203.0.113.1:1'], { connectTimeout: duration(2000), said })],
    })
    expect(play(runtime, here).end).toMatchObject({
      path: 'gateway',
      timeouts: { connect: 2000, request: 0, idle: 1500 },
      cluster: { gateway: true, proxyProtocol: false },
    })
  })

  test('HTTP/2 is served as HTTP/1.1 is', () => {
    const runtime = runtimeOf({ listeners: [virtualOutbound(), listener('it', ['0.0.0.0:9000'], { chains: [httpChain('r')] })] })
    const facts = connection({ to: here.to, first: { protocol: 'http2' } })
    expect(decide(runtime, facts)).toMatchObject({ verdict: 'http', manager: { routeConfig: 'r' } })
  })

  test('a client that says nothing is closed where Envoy would', () => {
    const taking = listener('it', ['0.0.0.0:9000'], {
      chains: [tcpChain('c', { match: { serverNames: ['a.test'] } }), tcpChain('c')],
      continueOnListenerFiltersTimeout: false,
      listenerFiltersTimeout: duration(700),
    })
    const runtime = runtimeOf({ listeners: [virtualOutbound(), taking], clusters: [staticCluster('c', ['203.0.113.1:1'])] })
    const played = play(runtime, here)
    expect([tell(played), played.asked]).toEqual(['deny no-filter-chain 0 NR', ['first-bytes 700']])
  })

  test('no configuration at all', () => {
    expect(tell(play(runtimeOf({}), { ...here, says: http1('a.test') }))).toBe('deny no-configuration 503 -')
  })

  test('a runtime of another making is refused, not believed', () => {
    const other = { version: 1, strict: false, outboundPolicy: 'ALLOW_ANY' } as Runtime
    expect(decide(other, connection(here))).toMatchObject({ verdict: 'deny', status: 0, reason: { code: 'internal-error' } })
  })
})
