// Holds the rules for VirtualService: what is refused, what is warned of, and with which words.
import { describe, expect, test } from 'vitest'
import { findingsOf } from './testdata/findings-of.ts'

interface Row {
  readonly spec: string
  readonly finds: readonly string[]
}

const to = 'route: [{destination: {host: a.test}}]'

const whole: Record<string, Row> = {
  'mesh leg and gateway leg are in order': {
    spec: `
      hosts: [a.test]
      gateways: [mesh, way-out]
      http:
      - {match: [{gateways: [mesh], port: 80}], route: [{destination: {host: gw.istio-system.svc.cluster.local, subset: a, port: {number: 80}}}]}
      - {match: [{gateways: [way-out], port: 80}], ${to}, timeout: 1m30s}`,
    finds: [],
  },
  'nothing to do': { spec: '{hosts: [a.test]}', finds: ['error spec: http, tcp or tls must be provided in virtual service'] },
  'everything, in the mesh': {
    spec: `{hosts: ['*'], http: [{${to}}]}`,
    finds: ['error spec.hosts[0]: wildcard host * is not allowed for virtual services bound to the mesh gateway'],
  },
  'everything, at a gateway': { spec: `{hosts: ['*'], gateways: [gw], http: [{${to}}]}`, finds: [] },
  'hosts that cover each other': {
    spec: `{hosts: [a.test, '*.test', A.test], http: [{${to}}]}`,
    finds: [
      'error spec.hosts[1]: duplicate hosts in virtual service: a.test & *.test',
      'error spec.hosts[2]: duplicate hosts in virtual service: a.test & A.test',
      'error spec.hosts[2]: duplicate hosts in virtual service: *.test & A.test',
    ],
  },
  'addresses as hosts, and names that are none': {
    spec: `{hosts: [203.0.113.5, 'a b'], http: [{${to}}]}`,
    finds: ['error spec.hosts[1]: domain name "a b" invalid (label "a b" invalid)'],
  },
  'gateway names': {
    spec: `{hosts: [a.test], gateways: ['a b', ns/gw, './gw', 'N S/gw', ns/, gw.ns.svc.cluster.local], http: [{${to}}]}`,
    finds: [
      'error spec.gateways[0]: domain name "a b" invalid (label "a b" invalid)',
      'error spec.gateways[3]: invalid value for namespace: "N S"',
      'error spec.gateways[4]: config namespace and gateway name cannot be empty',
      'warning spec.gateways[5]: using legacy gatewayName format "gw.ns.svc.cluster.local"; prefer the <namespace>/<name> format: "ns/gw"',
    ],
  },
  'a VirtualService that others delegate to': {
    spec: `{gateways: [gw], http: [{${to}}], tcp: [{${to}}]}`,
    finds: [
      'error spec.gateways: delegate virtual service must have no gateways specified',
      'error spec.tcp: delegate virtual service must have no tcp route specified',
    ],
  },
  'exportTo has no nobody': {
    spec: `{hosts: [a.test], exportTo: ['~'], http: [{${to}}]}`,
    finds: ['error spec.exportTo[0]: only .,*, or a valid DNS 1123 label is allowed as exportTo entry'],
  },
}

test('at a gateway, a claim of a token narrows in a way that is not carried out', () => {
  const spec = `{hosts: [a.test], gateways: [gw], http: [{match: [{headers: {'@request.auth.claims.sub': {exact: x}}}], ${to}}]}`
  expect(findingsOf('VirtualService', spec)).toEqual([
    'unsupported spec.http[0].match[0].headers["@request.auth.claims.sub"]: matching on claims of a token is not carried out yet: this rule and all that follow it refuse what no earlier rule takes',
  ])
})

describe('VirtualService', () => {
  test.each(Object.entries(whole))('%s', (_title, { spec, finds }) => {
    expect(findingsOf('VirtualService', spec)).toEqual(finds)
  })
})

/** One HTTP rule; what is found of it is said without `spec.http[0]`. */
const http: Record<string, Row> = {
  'neither route nor anything else': { spec: '{}', finds: ['error route: HTTP route, redirect or direct_response is required'] },
  'weights need not make a hundred': {
    spec: '{route: [{destination: {host: a}, weight: 80}, {destination: {host: b}, weight: 70}]}',
    finds: [],
  },
  'weights of nothing': {
    spec: '{route: [{destination: {host: a}}, {destination: {host: b}}]}',
    finds: ['error route: total destination weight = 0'],
  },
  destinations: {
    spec: "{route: [{destination: {host: '*'}, weight: -1}, {destination: {port: {number: 0}}, weight: 1}, {destination: {host: a.test, subset: 'A b'}}]}",
    finds: [
      'error route[0].destination.host: invalid destination host *',
      'error route[0].weight: weight -1 < 0',
      'error route[1].destination.host: empty domain name not allowed',
      'error route[1].destination.port.number: port number 0 must be in the range 1..65535',
      'error route[2].destination.subset: subset name is invalid: A b',
      'error route: total destination weight = 0',
    ],
  },
  timeouts: { spec: `{${to}, timeout: 0s}`, finds: ['error timeout: duration must be greater than 1ms'] },
  'matches that are carried out': {
    spec: `{match: [{uri: {prefix: ''}, ignoreUriCase: true, method: {exact: GET}, authority: {regex: 'a.*'}, sourceLabels: {app: x}, sourceNamespace: ns, name: m}], ${to}}`,
    finds: [],
  },
  'matches on more than the path': {
    spec: `{match: [{headers: {x-a: {exact: b}}, queryParams: {q: {}}, scheme: {exact: https}, statPrefix: s}], ${to}}`,
    finds: ['warning match[0].statPrefix: match[0].statPrefix is not carried out yet: metrics carry the name of the route instead'],
  },
  'matches that are wrong': {
    spec: `{match: [{uri: {regex: '['}, method: {prefix: ''}, authority: {exact: a, prefix: b}, port: 70000, sourceLabels: {'': b}, sourceNamespace: 'a b', gateways: ['a b']}], ${to}}`,
    finds: [
      'error match[0].authority.prefix: authority has exact and prefix; only one of exact, prefix, regex is allowed, because it would be open which of them counts',
      'error match[0].uri.regex: "uri": error parsing regexp: missing closing ]: `[`; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)',
      'error match[0].method.prefix: "method": prefix string match should not be empty',
      'error match[0].port: port number 70000 must be in the range 1..65535',
      'error match[0].sourceLabels: invalid tag key: ""',
      'error match[0].gateways[0]: domain name "a b" invalid (label "a b" invalid)',
      'error match[0].sourceNamespace: sourceNamespace match a b is invalid',
    ],
  },
  'a match that says nothing would match everything': {
    spec: `{match: [{uri: {}}], ${to}}`,
    finds: ['error match[0].uri: uri says nothing: one of exact, prefix, regex is needed'],
  },
  'what Envoy would refuse with all routes of the port is refused by itself: a redirect': {
    spec: '{redirect: {uri: /x, redirectCode: 304}}',
    finds: ['unsupported redirect.redirectCode: no redirect has the code 304; requests that this rule matches are refused'],
  },
  'what Envoy would refuse with all routes of the port is refused by itself: an answer': {
    spec: '{directResponse: {status: 600}}',
    finds: ['unsupported directResponse.status: no answer has the status 600; requests that this rule matches are refused'],
  },
  'header operations that are not carried out': {
    spec: `{headers: {request: {set: {'a b': c, x-a: '%UPSTREAM_HOST%', x-b: '100%% of %REQ(x-c)%', host: 'a b', X-Sallyport-Flow: f}}, response: {remove: [Connection]}}, ${to}}`,
    finds: [
      'unsupported headers.request.set["a b"]: "a b" is no name of a header: requests that this rule matches are refused',
      'unsupported headers.request.set.x-a: the operator %UPSTREAM_HOST% is not carried out: requests that this rule matches are refused',
      'unsupported headers.request.set.host: "a b" is no authority: requests that this rule matches are refused',
      'unsupported headers.request.set.X-Sallyport-Flow: the header "X-Sallyport-Flow" is the proxy\'s own: requests that this rule matches are refused',
      'unsupported headers.response.remove[0]: the header "Connection" belongs to the connection and is not changed: requests that this rule matches are refused',
    ],
  },
  'a claim of a token is for gateways': {
    spec: `{match: [{headers: {'@request.auth.claims.sub': {exact: x}, 'a b': {exact: y}}}], ${to}}`,
    finds: [
      'error match[0].headers["@request.auth.claims.sub"]: JWT claim based routing (key: @request.auth.claims.sub) is only supported for gateway, found no gateways: []',
      'error match[0].headers["a b"]: header name a b is not a valid header name',
    ],
  },
  redirect: {
    spec: `{redirect: {redirectCode: 400, scheme: ftp, uri: /x}, ${to}, fault: {}, rewrite: {}, directResponse: {status: 99}}`,
    finds: [
      'error redirect: HTTP route cannot contain both route and redirect',
      'error fault: HTTP route cannot contain both fault and redirect',
      'error rewrite: HTTP route rule cannot contain both rewrite and redirect',
      'error directResponse: HTTP route rule cannot contain both direct_response and redirect',
      'error fault: HTTP fault injection must have an abort and/or a delay',
      'error redirect.redirectCode: 400 is not a valid redirect code, must be 3xx',
      'error redirect.scheme: invalid redirect scheme, must be "http" or "https"',
      'error directResponse.status: HTTP status 99 is not in range 200-599',
      'error rewrite: rewrite must specify at least one of URI, UriRegexRewrite, or authority. Only one of URI or UriRegexRewrite may be specified',
    ],
  },
  'an answer of its own': {
    spec: `{directResponse: {status: 503, body: {string: ${'x'.repeat(110 * 1024)}}}, ${to}}`,
    finds: [
      'error directResponse: HTTP route cannot contain both route and direct_response',
      'warning directResponse.body: large direct_responses may impact control plane performance',
    ],
  },
  rewrite: {
    spec: `{rewrite: {uri: /x, uriRegexRewrite: {match: '['}, authority: b.test}, headers: {request: {set: {Host: c.test}}}, ${to}}`,
    finds: [
      'error rewrite.uriRegexRewrite: rewrite may only contain one of URI or UriRegexRewrite',
      'error rewrite.uriRegexRewrite: UriRegexRewrite requires both Rewrite and Match fields to be specified',
      'error headers.request.set.Host: authority header cannot be set multiple times: have "b.test", attempting to set "c.test"',
    ],
  },
  headers: {
    spec: `{headers: {request: {set: {':path': /x}, remove: [host]}, response: {add: {a: '100%'}}}, ${to}}`,
    finds: [
      'error headers.request.set[":path"]: invalid header ":path": header cannot have ":" prefix',
      'error headers.request.remove[0]: invalid header "host": cannot set Host header',
      'error headers.response.add.a: header value configuration: "100%" has an unescaped %',
    ],
  },
  retries: {
    spec: `{retries: {attempts: 0, retryOn: '503,reset, 5xx,299', perTryTimeout: 0.1ms}, ${to}}`,
    finds: [
      'error retries: http retry policy configured when attempts are set to 0 (disabled)',
      'error retries.perTryTimeout: duration must be greater than 1ms',
      'error retries.retryOn: " 5xx" is not a valid retryOn policy',
      'error retries.retryOn: "299" is not a valid retryOn policy',
    ],
  },
  fault: {
    spec: `{fault: {abort: {percentage: {value: 101}, grpcStatus: NOPE}, delay: {exponentialDelay: 1s}}, ${to}}`,
    finds: [
      'unsupported fault.delay.exponentialDelay: delay.exponentialDelay is understood but not carried out yet: requests that this rule matches are refused',
      'error fault.abort.percentage: percentage 101 is neither 0.0, nor in range [0.0001, 100.0]',
      `error fault.abort.grpcStatus: gRPC status "NOPE" is not supported. See https://github.com/grpc/grpc/blob/master/doc/statuscodes.md for a list of supported codes, for example 'NOT_FOUND'`,
      'error fault.delay.exponentialDelay: exponentialDelay not supported yet',
    ],
  },
  mirrors: {
    spec: `{mirror: {host: '*'}, mirrors: [{percentage: {value: 101}}], mirrorPercent: 101, ${to}}`,
    finds: [
      'error mirrors: HTTP route cannot contain both mirror and mirrors',
      'error mirror.host: invalid destination host *',
      'error mirrors[0].destination: destination is required for mirrors',
      'error mirrors[0].percentage: mirror percentage must have a max value of 100 (it has 101.000000)',
      'error mirrorPercent: mirror_percent must have a max value of 100 (it has 101)',
      'warning mirrorPercent: using deprecated setting "mirrorPercent", use "mirrorPercentage" instead',
    ],
  },
  cors: {
    spec: `{corsPolicy: {allowOrigins: [{exact: ''}], allowMethods: [BREW], allowHeaders: ['a b'], maxAge: 1.5s}, ${to}}`,
    finds: [
      "error corsPolicy.allowOrigins[0]: '' is not a valid match type for CORS allow origins",
      'error corsPolicy.allowMethods[0]: "BREW" is not a supported HTTP method',
      'error corsPolicy.allowHeaders[0]: header name a b is not a valid header name',
      'error corsPolicy.maxAge: max_age duration is accurate only to seconds precision',
    ],
  },
  delegate: {
    spec: `{name: r, delegate: {name: x}, match: [{uri: {regex: a}}], ${to}}`,
    finds: [
      'error route: root HTTP route r must not specify route',
      'error match[0].uri.regex: url match does not support regex match for delegating',
    ],
  },
}

describe('an HTTP rule', () => {
  test.each(Object.entries(http))('%s', (_title, { spec, finds }) => {
    const found = findingsOf('VirtualService', `{hosts: [a.test], http: [${spec}]}`)
    expect(found.map((line) => line.replace('spec.http[0].', ''))).toEqual(finds)
  })
})

const l4: Record<string, Row> = {
  'TLS by name, TCP by address': {
    spec: `
      hosts: ['*.test']
      tls: [{match: [{port: 443, sniHosts: [a.test], destinationSubnets: [203.0.113.0/24]}], ${to}}]
      tcp: [{match: [{destinationSubnets: [203.0.113.5], port: 6379}], ${to}}, {${to}}]`,
    finds: [],
  },
  'names outside of the hosts': {
    spec: `{hosts: [a.test], tls: [{match: [{sniHosts: [b.test, '*.a.test', 203.0.113.5, 'a b']}], ${to}}]}`,
    finds: [
      'error spec.tls[0].match[0].sniHosts[0]: SNI host "b.test" is not a compatible subset of any of the virtual service hosts: [a.test]',
      'error spec.tls[0].match[0].sniHosts[1]: SNI host "*.a.test" is not a compatible subset of any of the virtual service hosts: [a.test]',
      'warning spec.tls[0].match[0].sniHosts[2]: using an IP address ("203.0.113.5") goes against SNI spec and most clients do not support this',
      'error spec.tls[0].match[0].sniHosts[3]: domain name "a b" invalid (label "a b" invalid)',
    ],
  },
  'TLS without names, match or route': {
    spec: '{hosts: [a.test], tls: [{match: [{port: 443}]}, {}]}',
    finds: [
      'error spec.tls[0].match[0].sniHosts: TLS match must have at least one SNI host',
      'error spec.tls[0].route: TLS route is required',
      'error spec.tls[1].match: TLS route must have at least one match condition',
      'error spec.tls[1].route: TLS route is required',
    ],
  },
  'TCP that is wrong, and a source that is not looked at': {
    spec: `{hosts: [a.test], tcp: [{match: [{destinationSubnets: [203.0.113.0/33], port: 70000, sourceSubnet: 10.0.0.0/8, sourceLabels: {'': x}}]}]}`,
    finds: [
      'unsupported spec.tcp[0].match[0].sourceSubnet: match[0].sourceSubnet is understood but not carried out yet: connections that only this condition could keep out are refused',
      'error spec.tcp[0].match[0].destinationSubnets[0]: 203.0.113.0/33 is not a valid CIDR block',
      'error spec.tcp[0].match[0].port: port number 70000 must be in the range 1..65535',
      'error spec.tcp[0].match[0].sourceLabels: invalid tag key: ""',
      'error spec.tcp[0].route: TCP route is required',
    ],
  },
}

describe('TLS and TCP rules', () => {
  test.each(Object.entries(l4))('%s', (_title, { spec, finds }) => {
    expect(findingsOf('VirtualService', spec)).toEqual(finds)
  })
})

const reach: Record<string, Row> = {
  'a rule behind one without matches': {
    spec: `{hosts: [a.test], http: [{${to}}, {name: late, ${to}}]}`,
    finds: ['warning spec.http[1]: virtualService rule "late" not used (only the last rule can have no matches)'],
  },
  'the same match twice, whatever its name and the order of its fields': {
    spec: `{hosts: [a.test], http: [{match: [{name: x, port: 80, uri: {exact: /a}}], ${to}}, {match: [{uri: {exact: /a}, port: 80}], ${to}}]}`,
    finds: [
      'warning spec.http[1].match[0]: virtualService rule #1 match #0 is not used (duplicate/overlapping match in rule #0)',
      'warning spec.http[1]: virtualService rule #1 not used (all matches used by prior rules)',
    ],
  },
  'a prefix under an earlier prefix': {
    spec: `{hosts: [a.test], http: [{match: [{uri: {prefix: /a}}], ${to}}, {match: [{uri: {prefix: /abc}}, {uri: {prefix: /abc}, port: 81}], ${to}}]}`,
    finds: [
      'warning spec.http[1].match[0]: virtualService rule #1 match #0 of prefix /abc is not used (duplicate/overlapping match in rule #0 of prefix /a on #0)',
    ],
  },
  'the same for TCP': {
    spec: `{hosts: [a.test], tcp: [{match: [{port: 1}], ${to}}, {match: [{port: 1}], ${to}}]}`,
    finds: [
      'warning spec.tcp[1].match[0]: virtualService rule #1 match #0 is not used (duplicate/overlapping match in rule #0)',
      'warning spec.tcp[1]: virtualService rule #1 not used (all matches used by prior rules)',
    ],
  },
}

describe('rules that nothing reaches', () => {
  test.each(Object.entries(reach))('%s', (_title, { spec, finds }) => {
    expect(findingsOf('VirtualService', spec)).toEqual(finds)
  })
})
