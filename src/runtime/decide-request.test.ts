// Tests what becomes of HTTP requests: virtual hosts, routes, their actions, and the names that must agree.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { Route, VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { VirtualHostSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RBACSchema } from '../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js'
import type { HttpConnectionManagerSchema } from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { compile, decide, decideRequest, type Runtime } from './index.ts'
import { type Call, play, tell } from './play.test-kit.ts'
import {
  answer,
  chain,
  connection,
  duration,
  dynamicCluster,
  dnsCluster,
  gatewayListener,
  http1,
  httpChain,
  httpManager,
  type Init,
  listener,
  otherHosts,
  passthrough,
  type PolicyParts,
  refTo,
  request,
  route,
  routeTable,
  routeTo,
  type SnapshotParts,
  snapshotOf,
  staticCluster,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

const c = staticCluster('c', ['203.0.113.1:80'], { said: refTo('ServiceEntry/a/c') })

interface Parts extends PolicyParts {
  readonly hosts: readonly VirtualHost[]
  readonly more?: SnapshotParts
  readonly table?: Parameters<typeof routeTable>[2]
  readonly manager?: Init<typeof HttpConnectionManagerSchema>
  readonly listeners?: readonly Listener[]
}

/** Port 80 is plain HTTP with these virtual hosts. */
function runtimeOf({ hosts, more, table, manager, listeners, ...policy }: Parts): Runtime {
  const port80 = listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [chain([httpManager('80', manager)])] })
  return compile(
    snapshotOf({
      listeners: [virtualOutbound(policy), port80, ...(listeners ?? [])],
      routes: [routeTable('80', hosts, table)],
      ...more,
      clusters: [c, passthrough(), ...(more?.clusters ?? [])],
    }),
    { addresses: [] },
  ).runtime
}

function ask(runtime: Runtime, authority: string, call: Partial<Call> = {}): string {
  return tell(play(runtime, { to: '192.0.2.1:80', says: http1(authority), ...call }))
}

const forwarded = 'forward c -> 203.0.113.1:80'
const blocked = 'deny not-declared 403 -'

describe('virtual hosts', () => {
  const runtime = runtimeOf({
    hosts: [
      virtualHost('a', ['a.test', 'a.test.', '203.0.113.30', '[2001:db8::1]'], [routeTo('c')]),
      virtualHost('b', ['b.test'], [routeTo('c')]),
      virtualHost('wild', ['*.wild.test'], [routeTo('c')]),
      virtualHost('narrow', ['*.no.wild.test'], [answer(404, { said: { refuse: 'not-declared' } })]),
      otherHosts(),
    ],
  })
  const cases: Record<string, { authority: string; becomes: string }> = {
    'an exact host': { authority: 'a.test', becomes: forwarded },
    'case is ignored': { authority: 'A.TEST', becomes: forwarded },
    'a port is ignored': { authority: 'a.test:8080', becomes: forwarded },
    'a port that is none is ignored': { authority: 'a.test:http', becomes: forwarded },
    'an empty port is ignored': { authority: 'a.test:', becomes: forwarded },
    'one trailing dot, where it is listed': { authority: 'a.test.', becomes: forwarded },
    'one trailing dot, where it is not': { authority: 'b.test.', becomes: blocked },
    'two trailing dots': { authority: 'a.test..', becomes: blocked },
    'user info': { authority: 'me@a.test', becomes: blocked },
    'two hosts joined by a comma': { authority: 'a.test,b.test', becomes: blocked },
    'an address that is listed': { authority: '203.0.113.30:80', becomes: forwarded },
    'an IPv6 address that is listed': { authority: '[2001:DB8::1]:80', becomes: forwarded },
    'a wildcard, any depth': { authority: 'x.y.wild.test', becomes: forwarded },
    'a wildcard, not its apex': { authority: 'wild.test', becomes: blocked },
    'the narrower wildcard wins': { authority: 'x.no.wild.test', becomes: 'deny not-declared 404 -' },
    'an unknown host': { authority: 'evil.test', becomes: blocked },
    'no host': { authority: '', becomes: blocked },
  }
  test.each(Object.entries(cases))('%s', (_name, { authority, becomes }) => {
    expect(ask(runtime, authority)).toBe(becomes)
  })

  test('ports count where the table says so', () => {
    const strictPorts = runtimeOf({ hosts: [virtualHost('a', ['a.test:81'], [routeTo('c')])], table: { ignorePortInHostMatching: false } })
    expect([ask(strictPorts, 'a.test:81'), ask(strictPorts, 'a.test')]).toEqual([forwarded, 'deny not-declared 403 NR'])
  })
})

describe('routes', () => {
  const path = (value: string) => ({ match: { pathSpecifier: { case: 'prefix', value } as const } })
  const runtime = runtimeOf({
    hosts: [
      virtualHost(
        'a',
        ['a.test'],
        [
          routeTo('c', path('/first')),
          answer(503, { ...path('/no'), said: refTo('VirtualService/a/v', { refuse: 'not-supported', refuseText: 'spec.http[1].fault' }) }),
          routeTo('gone', { ...path('/gone'), name: 'to-gone' }),
          routeTo({ c: 1, gone: 3 }, path('/weighted')),
        ],
        refTo('VirtualService/a/v'),
      ),
    ],
  })
  const cases: Record<string, { call: Partial<Call>; becomes: string }> = {
    'the first that matches': { call: { path: '/first/x?q=1' }, becomes: forwarded },
    'the query is not looked at': { call: { path: '/?/first' }, becomes: 'deny no-route 404 NR' },
    'no route': { call: { path: '/other' }, becomes: 'deny no-route 404 NR' },
    'a route that is refused, with the status that stands there': { call: { path: '/no' }, becomes: 'deny not-supported 503 -' },
    'a cluster that does not exist': { call: { path: '/gone' }, becomes: 'deny no-cluster 503 NC' },
    'weights: the first quarter': { call: { path: '/weighted', random: 0.24 }, becomes: forwarded },
    'weights: the rest': { call: { path: '/weighted', random: 0.25 }, becomes: 'deny no-cluster 503 NC' },
    CONNECT: { call: { method: 'CONNECT', path: '/first' }, becomes: 'deny protocol-not-supported 404 NR' },
  }
  test.each(Object.entries(cases))('%s', (_name, { call, becomes }) => {
    expect(ask(runtime, 'a.test', call)).toBe(becomes)
  })

  test('a route table that is missing', () => {
    const lost = runtimeOf({ hosts: [], listeners: [listener('l', ['0.0.0.0:81'], { chains: [httpChain('81')] })] })
    expect(ask(lost, 'a.test', { to: '192.0.2.1:81' })).toBe('deny not-supported 404 NR')
  })

  test('a route table that stands in the manager itself', () => {
    const inline = {
      routeSpecifier: { case: 'routeConfig', value: routeTable('own', [virtualHost('a', ['a.test'], [routeTo('c')])]) },
    } as const
    expect(ask(runtimeOf({ hosts: [], manager: inline }), 'a.test')).toBe(forwarded)
  })

  test('a new runtime governs the next request of a connection', () => {
    const before = runtimeOf({ hosts: [virtualHost('a', ['a.test'], [routeTo('c')]), otherHosts()] })
    const after = runtimeOf({ hosts: [otherHosts()] })
    const on = connection({ to: '192.0.2.1:80' })
    const served = decide(before, on)
    if (served.verdict !== 'http') throw new Error(served.verdict)
    const verdicts = [before, after].map((runtime) => decideRequest(runtime, served.manager, request(on, 'a.test')).verdict)
    expect(verdicts).toEqual(['forward', 'deny'])
  })
})

describe('what never widens', () => {
  const toC = { case: 'cluster', value: 'c' } as const
  const rbac = anyPack(RBACSchema, create(RBACSchema))
  const routes: Record<string, Route> = {
    'a redirect to no host': route({ case: 'redirect', value: { hostRedirect: 'x y' } } as Route['action']),
    'no action': route({ case: undefined }),
    'an answer from a file': route({
      case: 'directResponse',
      value: { status: 200, body: { specifier: { case: 'filename', value: '/etc/passwd' } } },
    } as Route['action']),
    'a status that is none': answer(600),
    'a path rewrite by a template': routeTo('c', { action: { clusterSpecifier: toC, pathRewrite: '/x' } }),
    'a path rewrite with a space': routeTo('c', { action: { clusterSpecifier: toC, prefixRewrite: '/x y' } }),
    'a substitution that RE2 would not take': routeTo('c', {
      action: { clusterSpecifier: toC, regexRewrite: { pattern: { regex: 'a' }, substitution: '\\x' } },
    }),
    'a group that the expression does not have': routeTo('c', {
      action: { clusterSpecifier: toC, regexRewrite: { pattern: { regex: '(a)' }, substitution: '\\2' } },
    }),
    'a host rewrite by a header': routeTo('c', {
      action: { clusterSpecifier: toC, hostRewriteSpecifier: { case: 'hostRewriteHeader', value: 'x' } },
    }),
    'a host rewrite to what is no host': routeTo('c', {
      action: { clusterSpecifier: toC, hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'x\r\ny: z' } },
    }),
    'a mirror under another name': routeTo('c', { action: { clusterSpecifier: toC, requestMirrorPolicies: [{ cluster: 'c' }] } }),
    'a rate limit': routeTo('c', { action: { clusterSpecifier: toC, rateLimits: [{}] } }),
    'endpoints by metadata': routeTo('c', { action: { clusterSpecifier: toC, metadataMatch: {} } }),
    'a cluster by header': routeTo('c', { action: { clusterSpecifier: { case: 'clusterHeader', value: 'x' } } }),
    'headers to add': Object.assign(routeTo('c'), { requestHeadersToAdd: [{}] }),
    'configuration for a filter': Object.assign(routeTo('c'), { typedPerFilterConfig: { 'envoy.filters.http.rbac': rbac } }),
    'a match on what a filter found': routeTo('c', { match: { dynamicMetadata: [{}] } }),
    'a header that says where the message ends': Object.assign(routeTo('c'), { requestHeadersToRemove: ['Content-Length'] }),
  }
  test.each(Object.entries(routes))('%s is refused, and not passed to the next route', (_name, first) => {
    const runtime = runtimeOf({ hosts: [virtualHost('a', ['a.test'], [first, routeTo('c')]), otherHosts()] })
    expect(ask(runtime, 'a.test')).toBe('deny not-supported 403 -')
  })

  const hosts: Record<string, Init<typeof VirtualHostSchema>> = {
    'TLS that is required of some': { requireTls: 1 },
    'the generic matcher': { matcher: {} },
    'a rate limit': { rateLimits: [{}] },
    'headers to remove': { responseHeadersToRemove: ['x'] },
    'configuration for a filter': { typedPerFilterConfig: { x: rbac } },
  }
  test.each(Object.entries(hosts))('a virtual host with %s', (_name, fields) => {
    const host = create(VirtualHostSchema, { name: 'a', domains: ['a.test'], routes: [routeTo('c')], ...fields })
    expect(ask(runtimeOf({ hosts: [host, otherHosts()] }), 'a.test')).toBe('deny not-supported 403 -')
  })

  test('a virtual host that requires TLS sends plain requests there, whatever route they would have had, and carries the others', () => {
    const secured = create(VirtualHostSchema, {
      name: 'a',
      domains: ['a.test'],
      requireTls: 2,
      routes: [routeTo('c', { match: { pathSpecifier: { case: 'prefix', value: '/c' } } })],
    })
    const runtime = runtimeOf({ hosts: [secured, otherHosts()] })
    const asked = (target: string, authority = 'a.test', scheme: 'http' | 'https' = 'http') =>
      play(runtime, { to: '192.0.2.1:80', says: http1(authority), path: target, scheme }).end
    for (const [authority, target] of [
      ['a.test', '/c?x=1'],
      ['A.test:8080', '/other'],
    ] as const)
      expect(asked(target, authority)).toMatchObject({
        verdict: 'answer',
        status: 301,
        headers: [['location', `https://${authority}${target}`]],
        details: 'direct_response',
      })
    expect(asked('/c', 'a.test', 'https')).toMatchObject({ verdict: 'forward' })
    expect(asked('/other', 'a.test', 'https')).toMatchObject({ verdict: 'deny', reason: { code: 'no-route' } })
  })

  const managers: Record<string, Init<typeof HttpConnectionManagerSchema>> = {
    'a filter that protects': { httpFilters: [{ name: 'rbac', configType: { case: 'typedConfig', value: rbac } }] },
    'routes by scope': { routeSpecifier: { case: 'scopedRoutes', value: {} } },
    'no routes': { routeSpecifier: { case: undefined } },
    'HTTP/2 only': { codecType: 2 },
    'paths with escaped slashes refused': { pathWithEscapedSlashesAction: 2 },
  }
  test.each(Object.entries(managers))('a manager with %s', (_name, manager) => {
    const runtime = runtimeOf({ hosts: [virtualHost('a', ['a.test'], [routeTo('c')])], manager })
    expect(ask(runtime, 'a.test')).toBe('deny not-supported 403 -')
  })

  const tables: Record<string, Parameters<typeof routeTable>[2]> = {
    'hosts by another header': { vhostHeader: 'x-host' },
    'headers to add': { requestHeadersToAdd: [{}] },
    'a mirror': { requestMirrorPolicies: [{ cluster: 'c' }] },
  }
  test.each(Object.entries(tables))('a table with %s', (_name, table) => {
    const runtime = runtimeOf({ hosts: [virtualHost('a', ['a.test'], [routeTo('c')])], ...(table && { table }) })
    expect(ask(runtime, 'a.test')).toBe('deny not-supported 403 -')
  })

  test('a filter that Envoy would pass by is passed by', () => {
    const manager = {
      httpFilters: [
        { name: 'x', isOptional: true },
        { name: 'y', disabled: true },
      ],
    }
    expect(ask(runtimeOf({ hosts: [virtualHost('a', ['a.test'], [routeTo('c')])], manager }), 'a.test')).toBe(forwarded)
  })
})

describe('names that must agree (strict)', () => {
  const parts: Parts = {
    hosts: [
      virtualHost('a:80', ['a.test', 'a', '240.240.0.1'], [routeTo('c')]),
      virtualHost('b:80', ['b.test'], [routeTo('c')]),
      virtualHost('wild:80', ['*.wild.test'], [routeTo('c')]),
      otherHosts(),
    ],
    more: { names: { 'a.test': ['240.240.0.1'], 'b.test': ['240.240.0.2'] } },
  }
  const at = (virtualName: string, to: string) => ({ virtualName, to })
  const cases: Record<string, { authority: string; call: Partial<Call>; becomes: string }> = {
    'the host of the virtual address': { authority: 'a.test', call: at('a.test', '240.240.0.1:80'), becomes: forwarded },
    'the host of another': { authority: 'a.test', call: at('b.test', '240.240.0.2:80'), becomes: 'deny name-mismatch 403 -' },
    'a declared host at a refusal address': {
      authority: 'a.test',
      call: at('evil.test', '240.250.0.1:80'),
      becomes: 'deny name-mismatch 403 -',
    },
    'an undeclared host at a refusal address is undeclared': {
      authority: 'evil.test',
      call: at('evil.test', '240.250.0.1:80'),
      becomes: blocked,
    },
    'a short form of the same virtual host': { authority: 'a', call: at('a.test', '240.240.0.1:80'), becomes: forwarded },
    'the virtual address itself': { authority: '240.240.0.1', call: at('a.test', '240.240.0.1:80'), becomes: forwarded },
    'one name of a wildcard is not another': {
      authority: 'x.wild.test',
      call: at('y.wild.test', '240.250.0.1:80'),
      becomes: 'deny name-mismatch 403 -',
    },
    'an ordinary address stands for no name': { authority: 'a.test', call: { to: '198.51.100.1:80' }, becomes: forwarded },
  }
  test.each(Object.entries(cases))('%s', (_name, { authority, call, becomes }) => {
    expect(ask(runtimeOf(parts), authority, call)).toBe(becomes)
  })

  test('under istio nobody compares them', () => {
    expect(ask(runtimeOf({ ...parts, strictness: 'istio' }), 'a.test', at('b.test', '240.240.0.2:80'))).toBe(forwarded)
  })

  test('a virtual address is passed through by its name under ALLOW_ANY', () => {
    const runtime = runtimeOf({ hosts: [otherHosts({ policy: 'ALLOW_ANY' })], policy: 'ALLOW_ANY' })
    const resolver = { 'a.test': ['203.0.113.9'] }
    expect(ask(runtime, 'a.test', { ...at('a.test', '240.240.0.1:80'), resolver })).toBe('passthrough PassthroughCluster -> 203.0.113.9:80')
  })
})

describe('dynamic names', () => {
  const runtime = runtimeOf({
    hosts: [virtualHost('w', ['*.wild.test'], [routeTo('outbound|8080||*.wild.test')])],
    more: { clusters: [dynamicCluster('outbound|8080||*.wild.test')] },
  })
  const cases: Record<string, { authority: string; answers: readonly string[]; becomes: string }> = {
    'the port of the authority is not dialled': {
      authority: 'a.wild.test:22',
      answers: ['203.0.113.9'],
      becomes: 'forward outbound|8080||*.wild.test -> 203.0.113.9:8080',
    },
    'private addresses are not reached': { authority: 'a.wild.test', answers: ['192.168.0.1'], becomes: 'deny private-address 403 UH' },
  }
  test.each(Object.entries(cases))('%s', (_name, { authority, answers, becomes }) => {
    expect(ask(runtime, authority, { resolver: { 'a.wild.test': answers } })).toBe(becomes)
  })
})

describe('at a gateway', () => {
  const runtime = compile(
    snapshotOf({
      listeners: [gatewayListener('0.0.0.0_8080', '0.0.0.0:8080', { chains: [httpChain('http.8080')], said: { strictness: 'strict' } })],
      routes: [routeTable('http.8080', [virtualHost('a:80', ['a.test'], [routeTo('c'), routeTo('d')], refTo('VirtualService/a/v'))])],
      clusters: [c],
    }),
    { addresses: [] },
  ).runtime
  const on = { to: '10.0.0.1:8080', listener: '0.0.0.0_8080' }
  const cases: Record<string, { authority: string; becomes: string }> = {
    'a host that is bound here': { authority: 'a.test', becomes: forwarded },
    'one that is not': { authority: 'b.test', becomes: 'deny no-route 404 NR' },
    'a trailing dot': { authority: 'a.test.', becomes: 'deny no-route 404 NR' },
  }
  test.each(Object.entries(cases))('%s', (_name, { authority, becomes }) => {
    expect(ask(runtime, authority, on)).toBe(becomes)
  })
})

describe('what goes into answer and record', () => {
  const rule = refTo('VirtualService/a/v', { field: 'spec.http[0]' })
  const said = refTo('ServiceEntry/a/se')
  const times = { timeout: duration(2500), idleTimeout: duration(100) }
  const runtime = runtimeOf({
    hosts: [
      virtualHost(
        'v',
        ['v.test'],
        [routeTo('c', { name: 'rule', said: rule, action: { clusterSpecifier: { case: 'cluster', value: 'c' }, ...times } })],
        said,
      ),
      virtualHost('plain', ['plain.test'], [routeTo('c')], said),
      virtualHost('bare', ['bare.test'], [routeTo('c')]),
      virtualHost('lost', ['lost.test'], [routeTo('lost', { name: 'r' })], said),
      virtualHost('none', ['none.test'], [], said),
      otherHosts(),
    ],
    more: {
      names: { 'plain.test': [], 'tls-only.test': [] },
      clusters: [dnsCluster('lost', ['nowhere.test:80'], { said: refTo('ServiceEntry/b/other') })],
    },
    manager: { streamIdleTimeout: duration(9000) },
  })
  const end = (authority: string, call: Partial<Call> = {}) => play(runtime, { to: '192.0.2.1:80', says: http1(authority), ...call }).end

  test('a rule names itself', () => {
    expect(end('v.test')).toMatchObject({
      route: 'rule',
      reason: { code: 'declared', text: 'routed by VirtualService a/v (spec.http[0])', by: { field: 'spec.http[0]' } },
      timeouts: { connect: 10_000, request: 2500, idle: 100 },
    })
  })
  test('without a rule, the declaration of the host', () => {
    expect(end('plain.test')).toMatchObject({
      reason: { text: 'declared by ServiceEntry a/se' },
      timeouts: { request: 0, idle: 9000 },
    })
  })
  test('without either, the declaration of the cluster', () => {
    expect(end('bare.test').reason.by).toEqual({ kind: 'ServiceEntry', namespace: 'a', name: 'c' })
  })
  test('a host that nothing declares', () => {
    expect(end('d2iq.com').reason).toEqual({
      code: 'not-declared',
      text: 'no ServiceEntry declares host "d2iq.com" for HTTP on port 80 and the outbound policy is REGISTRY_ONLY',
      by: { kind: 'ConfigMap', namespace: 'istio-system', name: 'istio' },
    })
    expect(end('d2iq.com')).toMatchObject({ explain: true, details: 'direct_response', route: 'block_all', flag: '-' })
  })
  test('a host that is declared for something else', () => {
    expect(end('tls-only.test').reason.text).toBe(
      'host "tls-only.test" is declared, but not for HTTP on port 80, and the outbound policy is REGISTRY_ONLY',
    )
  })
  test('a host without a matching rule', () => {
    expect(end('none.test', { path: '/x?y' })).toMatchObject({
      details: 'route_not_found',
      reason: { code: 'no-route', text: 'no rule for host "none.test" matches GET /x', by: { name: 'se' } },
    })
  })
  test('a name that fails', () => {
    expect(end('lost.test', { resolver: { 'nowhere.test': 'NXDOMAIN' } })).toMatchObject({
      status: 503,
      details: 'no_healthy_upstream',
      cluster: 'lost',
      route: 'r',
      reason: { code: 'name-unresolved', text: '"nowhere.test" could not be resolved: NXDOMAIN', by: { name: 'se' } },
    })
  })
  test('a timeout that nobody says is Envoy’s', () => {
    const [first] = [routeTo('c', { action: { clusterSpecifier: { case: 'cluster', value: 'c' }, timeout: undefined } })]
    const played = play(runtimeOf({ hosts: [virtualHost('a', ['a.test'], [first])] }), { to: '192.0.2.1:80', says: http1('a.test') })
    expect(played.end).toMatchObject({ timeouts: { request: 15_000 } })
  })
})
