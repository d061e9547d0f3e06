// Tests what compiling reports, what it shares with the runtime before, and what the executor reads from it.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { type Ip, parseIp } from '../base/index.ts'
import { ProxyProtocolConfig_Version } from '../xds/gen/envoy/config/core/v3/proxy_protocol_pb.js'
import { RBACSchema } from '../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js'
import { ProxyProtocolSchema } from '../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { compile, decide, type Rejection } from './index.ts'
import { play, tell } from './play.test-kit.ts'
import {
  blackHole,
  catchAll,
  chain,
  connection,
  customCluster,
  dnsCluster,
  edsCluster,
  endpointsOf,
  gatewayListener,
  httpChain,
  listener,
  passthrough,
  refTo,
  routeTable,
  routeTo,
  type SnapshotParts,
  snapshotOf,
  staticCluster,
  tcpChain,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

const node = { addresses: [] }

describe('rejections', () => {
  const rbac = anyPack(RBACSchema, create(RBACSchema, { statPrefix: 'x' }))
  const cases: Record<string, { parts: SnapshotParts; rejected: readonly Partial<Rejection>[] }> = {
    'nothing to reject': {
      parts: {
        listeners: [virtualOutbound(), listener('l', ['0.0.0.0:80'], { chains: [httpChain('80')], otherwise: catchAll() })],
        routes: [routeTable('80', [virtualHost('a', ['a.test'], [routeTo('c')])])],
        clusters: [blackHole(), edsCluster('c')],
        endpoints: [endpointsOf('c', ['203.0.113.1:80'])],
        names: { 'a.test': [] },
      },
      rejected: [],
    },
    'an unknown filter, with the declaration that it stands for': {
      parts: {
        listeners: [listener('l', ['0.0.0.0:80'], { chains: [tcpChain('c'), chain([rbac], { said: refTo('ServiceEntry/a/x') })] })],
        clusters: [edsCluster('c')],
        endpoints: [endpointsOf('c', [])],
      },
      rejected: [
        { type: 'listener', resource: 'l', path: 'filter_chains[1].filter_chain_match' },
        { type: 'listener', resource: 'l', path: 'filter_chains[1]', ref: { kind: 'ServiceEntry', namespace: 'a', name: 'x' } },
      ],
    },
    'clusters that do not exist': {
      parts: {
        listeners: [listener('l', ['0.0.0.0:80'], { chains: [tcpChain({ a: 1, b: 1 })], otherwise: httpChain('80') })],
        routes: [routeTable('80', [virtualHost('a', ['a.test'], [routeTo('c')])])],
      },
      rejected: [
        { type: 'listener', resource: 'l', path: 'filter_chains[0]', message: 'there is no cluster "a"' },
        { type: 'listener', resource: 'l', path: 'filter_chains[0]', message: 'there is no cluster "b"' },
        { type: 'route', resource: '80', path: 'virtual_hosts[0].routes[0]', message: 'there is no cluster "c"' },
      ],
    },
    'a route table that does not exist': {
      parts: { listeners: [listener('l', ['0.0.0.0:80'], { chains: [httpChain('80')] })] },
      rejected: [{ type: 'listener', resource: 'l', path: 'filter_chains[0]', message: 'there is no route table "80"' }],
    },
    'an unknown type of cluster': {
      parts: { clusters: [customCluster('c', 'envoy.clusters.redis')] },
      rejected: [{ type: 'cluster', resource: 'c', path: '', message: 'the cluster type "envoy.clusters.redis" is not carried out' }],
    },
    'endpoints that are none': {
      parts: {
        clusters: [edsCluster('c'), dnsCluster('d', ['*.x.test:80'])],
        endpoints: [endpointsOf('c', ['203.0.113.1:80', 'a.test:80', '203.0.113.1:0'])],
      },
      rejected: [
        { type: 'endpoints', resource: 'c', path: 'endpoints[0].lb_endpoints[1]' },
        { type: 'endpoints', resource: 'c', path: 'endpoints[0].lb_endpoints[2]' },
        { type: 'cluster', resource: 'd', path: 'load_assignment.endpoints[0].lb_endpoints[0]' },
      ],
    },
    'endpoints that are missing': { parts: { clusters: [edsCluster('c')] }, rejected: [{ type: 'endpoints', resource: 'c', path: '' }] },
    'two listeners on one address': {
      parts: { listeners: [listener('l', ['0.0.0.0:80']), listener('m', ['[::]:80', '203.0.113.1:80'])] },
      rejected: [{ type: 'listener', resource: 'm', path: 'address' }],
    },
    'an address that is none': {
      parts: { listeners: [listener('l', ['a.test:80'])] },
      rejected: [{ type: 'listener', resource: 'l', path: 'address' }],
    },
    'one domain twice': {
      parts: { routes: [routeTable('80', [virtualHost('a', ['a.test'], []), virtualHost('b', ['A.test'], [])])] },
      rejected: [{ type: 'route', resource: '80', path: 'virtual_hosts[1].domains' }],
    },
    'TLS that is required of some': {
      parts: { routes: [routeTable('80', [virtualHost('a', ['a.test'], []), { ...virtualHost('b', ['b.test'], []), requireTls: 1 }])] },
      rejected: [{ type: 'route', resource: '80', path: 'virtual_hosts[1].require_tls' }],
    },
    'a name with an address that is none': {
      parts: { names: { 'a.test': ['203.0.113.0/24'] } },
      rejected: [{ type: 'name', resource: 'a.test', path: 'endpoint.address_list.address[0]' }],
    },
    'what the control plane refuses itself is no news': {
      parts: { listeners: [listener('l', ['0.0.0.0:80'], { chains: [chain([rbac], { said: { refuse: 'not-supported' } })] })] },
      rejected: [],
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { parts, rejected }) => {
    const found = compile(snapshotOf(parts), node).rejected
    expect(found).toMatchObject(rejected)
    expect(found).toHaveLength(rejected.length)
  })
})

describe('sharing', () => {
  const shared = listener('l', ['0.0.0.0:80'], { chains: [httpChain('80')] })
  const cluster = edsCluster('c')
  const endpoints = endpointsOf('c', ['203.0.113.1:80'])
  const names = snapshotOf({ names: { 'a.test': ['203.0.113.1'] } }).names
  const parts = {
    listeners: [shared, listener('m', ['0.0.0.0:81'], { chains: [tcpChain('c')] })],
    clusters: [cluster],
    endpoints: [endpoints],
    routes: [routeTable('80', [])],
  }
  const before = compile({ ...snapshotOf(parts), names }, node).runtime
  const clusterOf = (runtime: typeof before) => {
    const decision = decide(runtime, connection({ to: '192.0.2.1:81' }))
    return decision.verdict === 'forward' ? decision.cluster : undefined
  }
  const managerOf = (runtime: typeof before) => {
    const decision = decide(runtime, connection({ to: '192.0.2.1:80' }))
    return decision.verdict === 'http' ? decision.manager : undefined
  }

  test('unchanged resources keep their compiled form', () => {
    const after = compile({ ...snapshotOf({ ...parts, version: 2 }), names }, node, before).runtime
    expect(after).not.toBe(before)
    expect(clusterOf(after)).toBe(clusterOf(before))
    expect(managerOf(after)).toBe(managerOf(before))
    expect(managerOf(after)).toBeDefined()
  })

  test('endpoints that change make the cluster new, and nothing else', () => {
    const after = compile({ ...snapshotOf({ ...parts, endpoints: [endpointsOf('c', ['203.0.113.2:80'])] }), names }, node, before).runtime
    expect(clusterOf(after)).not.toBe(clusterOf(before))
    expect(managerOf(after)).toBe(managerOf(before))
    expect(tell(play(after, { to: '192.0.2.1:81' }))).toBe('forward c -> 203.0.113.2:80')
    expect(tell(play(before, { to: '192.0.2.1:81' }))).toBe('forward c -> 203.0.113.1:80')
  })

  test('the runtime before changes nothing about the outcome', () => {
    const snapshot = { ...snapshotOf(parts), names }
    expect(compile(snapshot, node, before).rejected).toEqual(compile(snapshot, node).rejected)
    expect(compile(snapshot, node, before).runtime.declaredName('a.test')).toEqual(before.declaredName('a.test'))
  })
})

describe('what the runtime says of itself', () => {
  const cases: Record<string, { parts: SnapshotParts; strict: boolean; outboundPolicy: string; knowsNames?: boolean }> = {
    'strict and closed, by our metadata': { parts: { listeners: [virtualOutbound()] }, strict: true, outboundPolicy: 'REGISTRY_ONLY' },
    'lax and open, by our metadata': {
      parts: { listeners: [virtualOutbound({ policy: 'ALLOW_ANY', strictness: 'istio' })] },
      strict: false,
      outboundPolicy: 'ALLOW_ANY',
    },
    'nothing: strict and closed': { parts: {}, strict: true, outboundPolicy: 'REGISTRY_ONLY' },
    'another control plane’s open catch-all': {
      parts: {
        listeners: [listener('x', ['0.0.0.0:15001'], { useOriginalDst: true, chains: [tcpChain('PassthroughCluster')] })],
        clusters: [passthrough()],
      },
      strict: true,
      outboundPolicy: 'ALLOW_ANY',
      knowsNames: false,
    },
    'a lax gateway': {
      parts: { listeners: [gatewayListener('g', '0.0.0.0:80', { said: { strictness: 'istio' } })] },
      strict: false,
      outboundPolicy: 'REGISTRY_ONLY',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { parts, strict, outboundPolicy, knowsNames = true }) => {
    const { runtime } = compile(snapshotOf(parts), node)
    expect([runtime.strict, runtime.outboundPolicy, runtime.knowsNames]).toEqual([strict, outboundPolicy, knowsNames])
  })
})

describe('names and places', () => {
  const { runtime } = compile(
    snapshotOf({
      version: 7,
      names: { 'a.test': ['240.240.0.1', '2001:2::1'], 'b.test': ['240.240.0.1'], '*.x.test': ['203.0.113.9'], 'deep.x.test': [] },
      origins: {
        'ServiceEntry/a/x': { source: 'x.yaml', line: 3, placeOf: (field) => ({ line: field === 'spec.hosts[0]' ? 9 : 0, column: 5 }) },
      },
    }),
    node,
  )
  const ip = (text: string): Ip => parseIp(text) ?? (text as Ip)

  test('a declared name is found by itself, then by the longest wildcard', () => {
    expect(runtime.version).toBe(7)
    expect(runtime.declaredName('A.test.')).toEqual({ host: 'a.test', addresses: ['240.240.0.1', '2001:2::1'] })
    expect(runtime.declaredName('deep.x.test')?.host).toBe('deep.x.test')
    expect(runtime.declaredName('any.deep.x.test')?.host).toBe('*.x.test')
    expect(runtime.declaredName('x.test')).toBeUndefined()
  })
  test('an address leads to the first exact name that has it', () => {
    expect([runtime.nameOfAddress(ip('240.240.0.1')), runtime.nameOfAddress(ip('2001:2::1'))]).toEqual(['a.test', 'a.test'])
    expect([runtime.nameOfAddress(ip('203.0.113.9')), runtime.nameOfAddress(ip('203.0.113.1'))]).toEqual([undefined, undefined])
  })
  test('a reference is joined with the place it has now', () => {
    const ref = { kind: 'ServiceEntry', namespace: 'a', name: 'x' }
    expect(runtime.placed(ref)).toEqual({ ...ref, file: 'x.yaml', line: 3 })
    expect(runtime.placed({ ...ref, field: 'spec.hosts[0]' })).toMatchObject({ file: 'x.yaml', line: 9, column: 5 })
    expect(runtime.placed({ ...ref, name: 'gone' })).toEqual({ ...ref, name: 'gone' })
  })
})

describe('the PROXY protocol', () => {
  test('is expected where the listener says so', () => {
    const filter = {
      name: 'proxy_protocol',
      configType: { case: 'typedConfig', value: anyPack(ProxyProtocolSchema, create(ProxyProtocolSchema)) },
    } as const
    const { runtime, rejected } = compile(
      snapshotOf({ listeners: [gatewayListener('g', '/run/g.sock', { listenerFilters: [filter] })] }),
      node,
    )
    expect([runtime.boundListeners[0]?.proxyProtocol, rejected]).toEqual([true, []])
  })

  const socket = (version: ProxyProtocolConfig_Version) => {
    const value = anyPack(ProxyProtocolUpstreamTransportSchema, create(ProxyProtocolUpstreamTransportSchema, { config: { version } }))
    return { name: 'upstream_proxy_protocol', configType: { case: 'typedConfig', value } } as const
  }
  const hop = (version: ProxyProtocolConfig_Version) =>
    compile(
      snapshotOf({
        listeners: [virtualOutbound(), listener('l', ['0.0.0.0:80'], { chains: [tcpChain('c')] })],
        clusters: [
          staticCluster('c', ['/run/g.sock'], { transportSocket: socket(version), said: refTo('Gateway/a/g', { gateway: true }) }),
        ],
      }),
      node,
    ).runtime

  test('is sent where the cluster says so', () => {
    const { end } = play(hop(ProxyProtocolConfig_Version.V2), { to: '192.0.2.1:80' })
    expect(end).toMatchObject({
      verdict: 'forward',
      path: 'gateway',
      targets: [{ pipe: '/run/g.sock' }],
      cluster: { proxyProtocol: 'hop', gateway: true },
    })
  })
  test('in its first version is sent as well', () => {
    const { end } = play(hop(ProxyProtocolConfig_Version.V1), { to: '192.0.2.1:80' })
    expect(end).toMatchObject({ verdict: 'forward', cluster: { proxyProtocol: 'v1' } })
  })
})
