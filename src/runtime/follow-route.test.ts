// Tests what routes do besides choosing a cluster: changes on the way, answers of their own, faults, copies, and CORS.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { HeaderValueOption_HeaderAppendAction as Append } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type Route, type RouteActionSchema, RouteSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { CorsPolicySchema } from '../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js'
import { HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js'
import { compile, type HttpPlan, type RequestDecision, type Runtime } from './index.ts'
import { type Call, play, tell } from './play.test-kit.ts'
import {
  dnsCluster,
  duration,
  dynamicCluster,
  http1,
  httpManager,
  chain,
  type Init,
  listener,
  otherHosts,
  refTo,
  routeTable,
  snapshotOf,
  staticCluster,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

const usual = {
  retryOn: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
  numRetries: 2,
}
const toC = { clusterSpecifier: { case: 'cluster', value: 'c' }, retryPolicy: usual } as const
const wild = 'outbound|8080||*.wild.test'

/** `a.test` has this one route. */
function runtimeOf(init: Init<typeof RouteSchema>): Runtime {
  const match = init.match ?? { pathSpecifier: { case: 'prefix' as const, value: '/' } }
  const route = create(RouteSchema, { name: 'r', ...init, match })
  const { metadata } = virtualHost('x', [], [], refTo('VirtualService/a/v', { field: 'spec.http[0]' }))
  if (metadata) route.metadata = metadata
  const port80 = listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [chain([httpManager('80')])] })
  return compile(
    snapshotOf({
      listeners: [virtualOutbound(), port80],
      routes: [routeTable('80', [virtualHost('a', ['a.test'], [route]), otherHosts()])],
      clusters: [
        staticCluster('c', ['203.0.113.1:80']),
        staticCluster('d', ['203.0.113.2:80']),
        dnsCluster('named', ['copy.test:80']),
        dynamicCluster(wild),
      ],
    }),
    { addresses: [] },
  ).runtime
}

function forwarding(action: Init<typeof RouteActionSchema>, more: Init<typeof RouteSchema> = {}): Init<typeof RouteSchema> {
  return { ...more, action: { case: 'route', value: { ...toC, ...action } } }
}

function end(route: Init<typeof RouteSchema>, call: Partial<Call> = {}): Exclude<RequestDecision, { verdict: 'gather' }> {
  return play(runtimeOf(route), { to: '192.0.2.1:80', says: http1('a.test'), ...call }).end
}

function planOf(route: Init<typeof RouteSchema>, call: Partial<Call> = {}): HttpPlan | undefined {
  const decision = end(route, call)
  if (decision.verdict !== 'forward') throw new Error(`expected forward, got ${decision.verdict} ${decision.reason.text}`)
  return decision.http
}

const prefix = (value: string): Init<typeof RouteSchema> => ({ match: { pathSpecifier: { case: 'prefix', value } } })

describe('what changes nothing', () => {
  test('a plain route has no plan', () => {
    expect(end(forwarding({}))).toHaveProperty('http', undefined)
  })
  test('a plan that is the same for all is made once', () => {
    const runtime = runtimeOf(forwarding({ hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'b.test' } }))
    const [one, two] = [1, 2].map(() => play(runtime, { to: '192.0.2.1:80', says: http1('a.test') }).end)
    expect(one).toMatchObject({ http: { authority: 'b.test' } })
    expect(one && 'http' in one && two && 'http' in two && one.http === two.http).toBe(true)
  })
})

describe('the path', () => {
  const regex = (expression: string, substitution: string) => ({ regexRewrite: { pattern: { regex: expression }, substitution } })
  const cases: Record<string, { route: Init<typeof RouteSchema>; path: string; becomes: string }> = {
    'a prefix, as text': { route: forwarding({ prefixRewrite: '/new' }, prefix('/old')), path: '/older?q=1', becomes: '/newer?q=1' },
    'a prefix of everything': { route: forwarding({ prefixRewrite: '/all' }), path: '/any/thing', becomes: '/allany/thing' },
    'a whole path': {
      route: forwarding({ prefixRewrite: '/b' }, { match: { pathSpecifier: { case: 'path', value: '/a' } } }),
      path: '/a?x',
      becomes: '/b?x',
    },
    'what an expression matched is the whole path': {
      route: forwarding({ prefixRewrite: '/b' }, { match: { pathSpecifier: { case: 'safeRegex', value: { regex: '/a.*' } } } }),
      path: '/abc?x',
      becomes: '/b?x',
    },
    'groups of an expression': {
      route: forwarding(regex('^/v([0-9]+)/(.*)$', '/\\2/\\1')),
      path: '/v7/x?y=/v8/z',
      becomes: '/x/7?y=/v8/z',
    },
    'every match': { route: forwarding(regex('a', 'bb')), path: '/aXa', becomes: '/bbXbb' },
    'an empty match': { route: forwarding(regex('x|$', '-')), path: '/axxb', becomes: '/a--b-' },
    'an empty match behind a match does not count': { route: forwarding(regex('x|$', '-')), path: '/ax', becomes: '/a-' },
    'the whole match, and a backslash': { route: forwarding(regex('/a', '\\0\\\\')), path: '/a', becomes: '/a\\' },
    'nothing matches': { route: forwarding(regex('zz', 'y')), path: '/a', becomes: '/a' },
  }
  test.each(Object.entries(cases))('%s', (_name, { route, path, becomes }) => {
    expect(planOf(route, { path })?.path ?? path).toBe(becomes)
  })

  test('one that no request can carry is refused, with its words', () => {
    expect(end(forwarding(regex('^/', '')), { path: '/a' })).toMatchObject({
      verdict: 'deny',
      reason: { code: 'not-supported', text: 'the rule rewrites the path to "a", which no request can carry', by: { name: 'v' } },
    })
  })
})

describe('headers', () => {
  const set = (key: string, value: string) => ({ header: { key, value }, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD })
  const add = (key: string, value: string) => ({ header: { key, value }, appendAction: Append.APPEND_IF_EXISTS_OR_ADD })
  const route = forwarding(
    {},
    {
      requestHeadersToAdd: [add('x-added', 'a'), set('X-Set', 's'), set('x-empty', '')],
      requestHeadersToRemove: ['X-Gone'],
      responseHeadersToAdd: [set('server', 'mine')],
    },
  )
  test('removed, then replaced, then added; an empty value changes nothing', () => {
    expect(planOf(route)).toEqual({
      requestHeaders: [
        { kind: 'remove', name: 'x-gone' },
        { kind: 'set', name: 'x-set', value: 's' },
        { kind: 'append', name: 'x-added', value: 'a' },
      ],
      responseHeaders: [{ kind: 'set', name: 'server', value: 'mine' }],
    })
  })

  test('those of a weighted destination come first, so that the route has the last word', () => {
    const weighted = forwarding(
      {
        clusterSpecifier: {
          case: 'weightedClusters',
          value: {
            clusters: [
              { name: 'gone', weight: 0, requestHeadersToAdd: [set('x-to', 'gone')] },
              { name: 'c', weight: 1, requestHeadersToAdd: [set('x-to', 'c')] },
              { name: 'd', weight: 3, hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'd.test' } },
            ],
          },
        },
      },
      { requestHeadersToAdd: [set('x-all', 'r')] },
    )
    expect([planOf(weighted, { random: 0.2 }), planOf(weighted, { random: 0.3 })]).toEqual([
      {
        requestHeaders: [
          { kind: 'set', name: 'x-to', value: 'c' },
          { kind: 'set', name: 'x-all', value: 'r' },
        ],
      },
      { authority: 'd.test', requestHeaders: [{ kind: 'set', name: 'x-all', value: 'r' }] },
    ])
  })

  const formats: Record<string, { value: string; becomes: string | undefined }> = {
    'a percent sign': { value: '100%%', becomes: '100%' },
    'a header of the request': { value: 'for %REQ(X-User)%!', becomes: 'for me!' },
    'the second choice': { value: '%REQ(x-none?x-user)%', becomes: 'me' },
    'a length': { value: '%REQ(x-user):1%', becomes: 'm' },
    'pseudo headers': { value: '%REQ(:METHOD)% %REQ(:authority)%%REQ(:path)%', becomes: 'GET a.test/p?q=1' },
    'an absent header makes nothing': { value: '%REQ(x-none)%', becomes: '' },
    addresses: {
      value: '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS%',
      becomes: '198.18.0.11:40000 198.18.0.11 192.0.2.1:80',
    },
    'the protocol': { value: '%PROTOCOL%', becomes: 'HTTP/1.1' },
    'what only the answer would tell': { value: '%RESPONSE_CODE%', becomes: undefined },
    'what only the upstream would tell': { value: '%UPSTREAM_HOST%', becomes: undefined },
    'a lone percent sign': { value: '100% of', becomes: undefined },
  }
  test.each(Object.entries(formats))('a value with %s', (_name, { value, becomes }) => {
    const decision = end(forwarding({}, { requestHeadersToAdd: [set('x-a', value)] }), {
      path: '/p?q=1',
      headers: { 'x-user': ['me', 'you'] },
    })
    if (becomes === undefined) return expect(decision).toMatchObject({ verdict: 'deny', reason: { code: 'not-supported' } })
    const changes = becomes === '' ? [] : [{ kind: 'set', name: 'x-a', value: becomes }]
    expect(decision).toMatchObject({ verdict: 'forward', http: { requestHeaders: changes } })
  })

  const refused: Record<string, Init<typeof RouteSchema>> = {
    'a name that is none': { requestHeadersToAdd: [set('a b', 'c')] },
    framing: { requestHeadersToAdd: [set('Transfer-Encoding', 'chunked')] },
    'the proxy’s own': { requestHeadersToRemove: ['x-sallyport-flow'] },
    'a value with a line end': { responseHeadersToAdd: [set('x-a', 'b\r\nc: d')] },
    'a value made of what the same rule removes': { requestHeadersToRemove: ['x-a'], requestHeadersToAdd: [set('x-b', '%REQ(x-a)%')] },
  }
  test.each(Object.entries(refused))('%s is refused', (_name, more) => {
    expect(end(forwarding({}, more))).toMatchObject({ verdict: 'deny', reason: { code: 'not-supported' } })
  })
})

describe('retries', () => {
  const cases: Record<string, { policy: Init<typeof RouteActionSchema>['retryPolicy']; becomes: unknown }> = {
    'Istio’s default goes without saying': { policy: usual, becomes: undefined },
    none: { policy: undefined, becomes: { retries: 0 } },
    statuses: {
      policy: { retryOn: ',retriable-status-codes', numRetries: 3, retriableStatusCodes: [503, 429] },
      becomes: { retries: 3, on: new Set(['retriable-status-codes']), statuses: new Set([503, 429]) },
    },
    'statuses without the word for them': {
      policy: { retryOn: '5xx', retriableStatusCodes: [418] },
      becomes: { retries: 1, statuses: new Set() },
    },
    times: {
      policy: { ...usual, perTryTimeout: duration(300), retryBackOff: { baseInterval: duration(100) } },
      becomes: { perTry: 300, backOff: { base: 100, max: 1000 } },
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { policy, becomes }) => {
    const plan = planOf(forwarding({ retryPolicy: policy }))
    if (becomes === undefined) expect(plan).toBeUndefined()
    else expect(plan).toMatchObject({ retry: becomes })
  })
})

const location = (decision: RequestDecision): string | undefined =>
  decision.verdict === 'answer' ? decision.headers.find(([name]) => name === 'location')?.[1] : decision.verdict

describe('redirects', () => {
  const to = (value: unknown, more: Init<typeof RouteSchema> = {}) =>
    ({ ...more, action: { case: 'redirect', value } }) as Init<typeof RouteSchema>
  const path = (value: string) => ({ pathRewriteSpecifier: { case: 'pathRedirect', value } })
  const scheme = (value: string) => ({ schemeRewriteSpecifier: { case: 'schemeRedirect', value } })
  const cases: Record<string, { route: Init<typeof RouteSchema>; host?: string; becomes: string }> = {
    'a path, with the query': { route: to(path('/b')), becomes: 'http://a.test/b?q=1' },
    'a path with a query of its own': { route: to(path('/b?own')), becomes: 'http://a.test/b?own' },
    'a host': { route: to({ hostRedirect: 'other.test:8080' }), becomes: 'http://other.test:8080/x?q=1' },
    'a scheme keeps the port': { route: to(scheme('https')), host: 'a.test:8080', becomes: 'https://a.test:8080/x?q=1' },
    'a scheme does not keep the usual port of the other': {
      route: to(scheme('https')),
      host: 'a.test:80',
      becomes: 'https://a.test/x?q=1',
    },
    'a port replaces the port': { route: to({ portRedirect: 81 }), host: 'a.test:80', becomes: 'http://a.test:81/x?q=1' },
    'a prefix': {
      route: to({ pathRewriteSpecifier: { case: 'prefixRewrite', value: '/y' } }, prefix('/x')),
      becomes: 'http://a.test/y?q=1',
    },
    'without the query': { route: to({ ...path('/b'), stripQuery: true }), becomes: 'http://a.test/b' },
  }
  test.each(Object.entries(cases))('%s', (_name, { route, host, becomes }) => {
    const decision = end(route, { path: '/x?q=1', says: http1(host ?? 'a.test') })
    expect([decision.verdict, location(decision)]).toEqual(['answer', becomes])
  })

  test('the status, and whose word it is', () => {
    expect(end(to({ ...path('/b'), responseCode: 4 }))).toMatchObject({
      status: 308,
      details: 'direct_response',
      flag: '-',
      delay: 0,
      route: 'r',
      reason: { code: 'answered', text: 'redirected with 308 by VirtualService a/v (spec.http[0])' },
    })
  })
})

describe('direct responses', () => {
  const says = (status: number, text = '', more: Init<typeof RouteSchema> = {}): Init<typeof RouteSchema> => ({
    ...more,
    action: { case: 'directResponse', value: { status, body: { specifier: { case: 'inlineString', value: text } } } },
  })
  test('a body is plain text', () => {
    const answer = end(says(200, 'hello'))
    expect(answer).toMatchObject({ verdict: 'answer', status: 200, headers: [['content-type', 'text/plain']] })
    expect(answer.verdict === 'answer' && Buffer.from(answer.body).toString()).toBe('hello')
  })
  test('unless the route says what it is', () => {
    const type = { header: { key: 'content-type', value: 'text/html' }, appendAction: Append.APPEND_IF_EXISTS_OR_ADD }
    expect(end(says(200, '<p>', { responseHeadersToAdd: [type] }))).toMatchObject({
      headers: [],
      responseHeaders: [{ kind: 'append', name: 'content-type', value: 'text/html' }],
    })
    expect(end(says(200, '', { responseHeadersToAdd: [type] }))).not.toHaveProperty('responseHeaders')
  })
  test('what has been created, and what has moved, is where the request was', () => {
    expect([location(end(says(201), { path: '/p?q' })), location(end(says(301))), location(end(says(200)))]).toEqual([
      'http://a.test/p?q',
      'http://a.test/',
      undefined,
    ])
  })
  test('204 has no body', () => {
    const answer = end(says(204, 'text'))
    expect(answer.verdict === 'answer' && answer.body.length).toBe(0)
  })
})

describe('faults', () => {
  const fault = (init: Init<typeof HTTPFaultSchema>, route: Init<typeof RouteSchema> = forwarding({})): Init<typeof RouteSchema> => ({
    ...route,
    typedPerFilterConfig: { 'envoy.filters.http.fault': anyPack(HTTPFaultSchema, create(HTTPFaultSchema, init)) },
  })
  const delay = (numerator: number) =>
    ({ faultDelaySecifier: { case: 'fixedDelay', value: duration(900) }, percentage: { numerator } }) as const
  const abort = (numerator: number, status = 418) =>
    ({ errorType: { case: 'httpStatus', value: status }, percentage: { numerator } }) as const
  const grpc = { errorType: { case: 'grpcStatus', value: 14 }, percentage: { numerator: 100 } } as const
  const cases: Record<string, { fault: Init<typeof HTTPFaultSchema>; chance?: Record<string, number>; becomes: string }> = {
    'a share is not said: nothing happens': { fault: { abort: { errorType: abort(0).errorType } }, becomes: 'forward' },
    'below the share': { fault: { abort: abort(30) }, chance: { abort: 0.29 }, becomes: 'answer 418 FI fault_filter_abort 0' },
    'above the share': { fault: { abort: abort(30) }, chance: { abort: 0.3 }, becomes: 'forward' },
    'a delay': { fault: { delay: delay(100) }, becomes: 'forward 900' },
    'a delay that is not drawn': { fault: { delay: delay(50) }, chance: { delay: 0.5 }, becomes: 'forward' },
    both: { fault: { delay: delay(100), abort: abort(100) }, becomes: 'answer 418 DI,FI fault_filter_abort 900' },
    'each by its own chance': {
      fault: { delay: delay(50), abort: abort(50) },
      chance: { delay: 0.9 },
      becomes: 'answer 418 FI fault_filter_abort 0',
    },
    'a gRPC status': { fault: { abort: grpc }, becomes: 'answer 200 FI fault_filter_abort 0 grpc 14' },
    'for one destination only': { fault: { abort: abort(100), upstreamCluster: 'x' }, becomes: 'deny not-supported' },
    'a status that is none': { fault: { abort: abort(100, 600) }, becomes: 'deny not-supported' },
  }
  test.each(Object.entries(cases))('%s', (_name, { fault: init, chance = {}, becomes }) => {
    const decision = end(fault(init), { chance })
    const told =
      decision.verdict === 'answer'
        ? `answer ${decision.status} ${decision.flag} ${decision.details} ${decision.delay}${decision.grpcStatus === undefined ? '' : ` grpc ${decision.grpcStatus}`}`
        : decision.verdict === 'deny'
          ? `deny ${decision.reason.code}`
          : ['forward', ...(decision.http?.delay === undefined ? [] : [decision.http.delay])].join(' ')
    expect(told).toBe(becomes)
  })

  test('says so in its words, with the changes of the route', () => {
    const set = { header: { key: 'x-a', value: 'b' }, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD }
    const answer = end(fault({ abort: abort(100) }, forwarding({}, { responseHeadersToAdd: [set] })))
    expect(answer).toMatchObject({
      headers: [['content-type', 'text/plain']],
      responseHeaders: [{ kind: 'set', name: 'x-a', value: 'b' }],
      reason: { text: 'aborted on purpose with 418 by VirtualService a/v (spec.http[0])' },
    })
    expect(answer.verdict === 'answer' && Buffer.from(answer.body).toString()).toBe('fault filter abort')
  })

  test('goes before an answer of the route', () => {
    const gone: Init<typeof RouteSchema> = { action: { case: 'directResponse', value: { status: 404 } } }
    expect(tell(play(runtimeOf(fault({ abort: abort(100) }, gone)), { to: '192.0.2.1:80', says: http1('a.test') }))).toBe('answer 418 FI')
    expect(end(fault({ delay: delay(100) }, gone))).toMatchObject({ status: 404, delay: 900, flag: 'DI' })
  })
})

describe('copies', () => {
  const mirror = (cluster: string, numerator?: number) => ({
    cluster,
    disableShadowHostSuffixAppend: true,
    ...(numerator !== undefined && { runtimeFraction: { defaultValue: { numerator } } }),
  })
  const copies = (route: Init<typeof RouteSchema>, call: Partial<Call> = {}): string[] =>
    (planOf(route, call)?.mirrors ?? []).map(({ cluster, targets, connect }) => `${cluster.name} ${JSON.stringify(targets)} ${connect}`)
  const toD = 'd [{"ip":"203.0.113.2","port":80}] 10000'
  const cases: Record<string, { mirrors: readonly ReturnType<typeof mirror>[]; call?: Partial<Call>; becomes: readonly string[] }> = {
    'all, when no share is said': { mirrors: [mirror('d')], call: { chance: { 'mirror 0': 0.99 } }, becomes: [toD] },
    'a share': { mirrors: [mirror('d', 10)], call: { chance: { 'mirror 0': 0.1 } }, becomes: [] },
    'each by its own chance': { mirrors: [mirror('d', 10), mirror('d', 10)], call: { chance: { 'mirror 0': 0.1 } }, becomes: [toD] },
    'a destination that nobody knows is left out': { mirrors: [mirror('gone'), mirror('d')], becomes: [toD] },
    'a name is asked for': {
      mirrors: [mirror('named')],
      call: { resolver: { 'copy.test': ['203.0.113.8'] } },
      becomes: ['named [{"ip":"203.0.113.8","port":80}] 10000'],
    },
    'a name that fails is left out': { mirrors: [mirror('named')], becomes: [] },
    'a wildcard does not take another name': { mirrors: [mirror(wild)], call: { resolver: { 'a.test': ['203.0.113.8'] } }, becomes: [] },
  }
  test.each(Object.entries(cases))('%s', (_name, { mirrors, call, becomes }) => {
    expect(copies(forwarding({ requestMirrorPolicies: [...mirrors] }), call)).toEqual(becomes)
  })
})

describe('a name that a rule gives', () => {
  const renamed = (authority: string) =>
    forwarding({
      clusterSpecifier: { case: 'cluster', value: wild },
      hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority },
    })
  const resolver = { 'x.wild.test': ['203.0.113.7'], 'evil.test': ['203.0.113.66'], 'a.test': ['203.0.113.67'] }
  const cases: Record<string, { authority: string; becomes: string }> = {
    'is dialled where the wildcard covers it': { authority: 'x.wild.test:99', becomes: `forward ${wild} -> 203.0.113.7:8080` },
    'opens no other host': { authority: 'evil.test', becomes: 'deny destination-mismatch 403 -' },
    'nor the apex': { authority: 'wild.test', becomes: 'deny destination-mismatch 403 -' },
  }
  test.each(Object.entries(cases))('%s', (_name, { authority, becomes }) => {
    expect(tell(play(runtimeOf(renamed(authority)), { to: '192.0.2.1:80', says: http1('a.test'), resolver }))).toBe(becomes)
  })
})

describe('CORS', () => {
  const cors = (init: Init<typeof CorsPolicySchema> = {}): Init<typeof RouteSchema> => ({
    ...forwarding({}),
    typedPerFilterConfig: {
      'envoy.filters.http.cors': anyPack(
        CorsPolicySchema,
        create(CorsPolicySchema, {
          allowOriginStringMatch: [{ matchPattern: { case: 'exact', value: 'http://good.test' } }],
          allowMethods: 'GET,PUT',
          allowHeaders: 'x-one',
          exposeHeaders: 'x-two',
          maxAge: '60',
          allowCredentials: true,
          ...init,
        }),
      ),
    },
  })
  const preflight = (origin: string): Partial<Call> => ({
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-three' },
  })

  test('a preflight request is answered', () => {
    expect(end(cors(), preflight('http://good.test'))).toMatchObject({
      verdict: 'answer',
      status: 200,
      details: 'cors_response',
      headers: [
        ['access-control-allow-origin', 'http://good.test'],
        ['access-control-allow-credentials', 'true'],
        ['access-control-allow-methods', 'GET,PUT'],
        ['access-control-allow-headers', 'x-one'],
        ['access-control-max-age', '60'],
      ],
    })
  })
  test('of another origin it is the destination’s to answer, unless the policy says otherwise', () => {
    expect(end(cors(), preflight('http://bad.test'))).toHaveProperty('http', undefined)
    const ignored = end(cors({ forwardNotMatchingPreflights: false }), preflight('http://bad.test'))
    expect(ignored).toMatchObject({ verdict: 'answer', status: 200 })
    expect(ignored.verdict === 'answer' && ignored.headers.map(([name]) => name)).not.toContain('access-control-allow-origin')
  })
  test('stars stand for what is asked', () => {
    const answer = end(
      cors({ allowMethods: '*', allowHeaders: '*', allowOriginStringMatch: [{ matchPattern: { case: 'exact', value: '*' } }] }),
      preflight('http://any.test'),
    )
    expect(answer).toMatchObject({
      headers: expect.arrayContaining([
        ['access-control-allow-origin', 'http://any.test'],
        ['access-control-allow-methods', 'PUT'],
        ['access-control-allow-headers', 'x-three'],
      ]),
    })
  })
  test('other requests go on, and their responses say who may read them', () => {
    expect(planOf(cors(), { headers: { origin: 'http://good.test' } })?.responseHeaders).toEqual([
      { kind: 'set', name: 'access-control-allow-origin', value: 'http://good.test' },
      { kind: 'set', name: 'access-control-allow-credentials', value: 'true' },
      { kind: 'set', name: 'access-control-expose-headers', value: 'x-two' },
    ])
    expect(planOf(cors(), { headers: { origin: 'http://bad.test' } })).toBeUndefined()
    expect(end(cors(), { method: 'OPTIONS', headers: { origin: 'http://good.test' } }).verdict).toBe('forward')
  })
  test('a fault goes first', () => {
    const both = cors()
    const init = { abort: { errorType: { case: 'httpStatus', value: 503 }, percentage: { numerator: 100 } } } as const
    const config = { ...both.typedPerFilterConfig, 'envoy.filters.http.fault': anyPack(HTTPFaultSchema, create(HTTPFaultSchema, init)) }
    expect(end({ ...both, typedPerFilterConfig: config }, preflight('http://good.test'))).toMatchObject({ status: 503, flag: 'FI' })
  })
})

test('a route of another control plane that says nothing of retries does not try again', () => {
  const plain = { case: 'route', value: { clusterSpecifier: toC.clusterSpecifier } } as Route['action']
  expect(planOf({ action: plain })).toMatchObject({ retry: { retries: 0 } })
})
