// Holds what the HTTP rules of VirtualServices do with requests, from YAML to verdict, at sidecars and gateways alike.
import { describe, expect, test } from 'vitest'
import type { HeaderChange } from '../../src/runtime/index.ts'
import { type Call, decidedBy, gateway, type MeshPlan, pipeline, play, verdict } from './player.ts'

const entry = (name: string, host = `${name}.test`, resolution = 'DNS'): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: ["${host}"], location: MESH_EXTERNAL, resolution: ${resolution}, ports: [{number: 80, name: http, protocol: HTTP}]}
`

const names = {
  'a.test': ['203.0.113.1'],
  'b.test': ['203.0.113.2'],
  'copy.test': ['203.0.113.3'],
  'x.wild.test': ['203.0.113.4'],
  'own.wild.test': ['203.0.113.5'],
  'evil.test': ['203.0.113.6'],
}

const entries = entry('a') + entry('b') + entry('copy') + entry('wild', '*.wild.test', 'NONE') + entry('own', 'own.wild.test')

interface Rules {
  readonly name?: string
  readonly namespace?: string
  readonly hosts?: string
  readonly more?: string
  readonly created?: string
}

const virtualService = (
  http: string,
  { name = 'v', namespace = 'default', hosts = '[a.test]', more = '', created }: Rules = {},
): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}${created === undefined ? '' : `, creationTimestamp: "${created}"`}}
spec:${hosts === '' ? '' : `\n  hosts: ${hosts}`}${more === '' ? '' : `\n  ${more}`}
  http:
${http.replace(/^/gm, '  ')}`

const atGateway = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec: {selector: {istio: egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`

const sites: Record<string, { readonly more: string; readonly yaml: string; readonly plan: MeshPlan; readonly call: Call }> = {
  'at a sidecar': { more: '', yaml: '', plan: {}, call: { to: '192.0.2.1:80', names } },
  'at a gateway': {
    more: 'gateways: [out]',
    yaml: atGateway,
    plan: { proxy: gateway },
    call: { to: '198.18.0.20:80', listener: '0.0.0.0_80', names },
  },
}

/** What becomes of one request: the verdict, and what is changed on the way, in few words. */
function tell(http: string, call: Partial<Call>, site: (typeof sites)[string], yaml = ''): string {
  const { runtime } = pipeline(`${entries}${site.yaml}${yaml}${virtualService(http, { more: site.more })}`, site.plan)
  const asked = { host: 'a.test', ...site.call, ...call }
  const decision = play(runtime, asked)
  const said = verdict(runtime, asked).replace('outbound|80||', '')
  if (decision.verdict === 'answer') {
    const lines = [...decision.headers.map(([name, value]) => `${name}: ${value}`), ...changes('', decision.responseHeaders)]
    const wait = decision.delay > 0 ? [`after ${decision.delay}`] : []
    return [said, ...wait, ...lines, Buffer.from(decision.body).toString()].filter((part) => part !== '').join(' | ')
  }
  const plan = 'http' in decision ? decision.http : undefined
  const retry = plan?.retry
  return [
    said,
    ...(plan?.path === undefined ? [] : [`path ${plan.path}`]),
    ...(plan?.authority === undefined ? [] : [`as ${plan.authority}`]),
    ...changes('request ', plan?.requestHeaders),
    ...changes('response ', plan?.responseHeaders),
    ...(retry ? [`retries ${retry.retries} on ${[...retry.on, ...retry.statuses].join()} ${retry.perTry} ${retry.backOff.base}`] : []),
    ...(plan?.delay === undefined ? [] : [`after ${plan.delay}`]),
    ...(plan?.mirrors ?? []).map(({ cluster }) => `copy to ${cluster.name.replace('outbound|80||', '')}`),
    ...(decision.verdict === 'forward' && decision.timeouts.request > 0 ? [`within ${decision.timeouts.request}`] : []),
  ].join(' | ')
}

function changes(where: string, list: readonly HeaderChange[] = []): string[] {
  return list.map((change) => `${where}${change.kind} ${change.name}${change.kind === 'remove' ? '' : ` ${change.value}`}`)
}

const toA = 'route: [{destination: {host: a.test}}]'
const toB = 'route: [{destination: {host: b.test}}]'
const passed = 'a.test -> 203.0.113.1:80'
const toOther = 'b.test -> 203.0.113.2:80'

interface Row {
  readonly http: string
  readonly call?: Partial<Call>
  readonly becomes: string
}

const rows: Record<string, Row> = {
  'a header': {
    http: `- {match: [{headers: {x-a: {exact: "1"}}}], ${toB}}\n- {${toA}}`,
    call: { headers: { 'x-a': '1' } },
    becomes: toOther,
  },
  'a header with another value leaves the request to later rules': {
    http: `- {match: [{headers: {x-a: {exact: "1"}}}], ${toB}}\n- {${toA}}`,
    call: { headers: { 'x-a': '2' } },
    becomes: passed,
  },
  'any line of a repeated header': {
    http: `- {match: [{headers: {X-A: {prefix: b}}}], ${toB}}`,
    call: { headers: { 'x-a': ['a', 'bc'] } },
    becomes: toOther,
  },
  'a header by expression, whole': {
    http: `- {match: [{headers: {x-a: {regex: "b+"}}}], ${toB}}`,
    call: { headers: { 'x-a': 'abb' } },
    becomes: 'no-route 404 NR',
  },
  'a header that is there': { http: `- {match: [{headers: {x-a: {}}}], ${toB}}`, call: { headers: { 'x-a': '' } }, becomes: toOther },
  'without a header of this value: one that is missing': {
    http: `- {match: [{withoutHeaders: {x-a: {exact: "no"}}}], ${toB}}`,
    becomes: toOther,
  },
  'without a header of this value: one that has it': {
    http: `- {match: [{withoutHeaders: {x-a: {exact: "no"}}}], ${toB}}`,
    call: { headers: { 'x-a': 'no' } },
    becomes: 'no-route 404 NR',
  },
  'without a header at all': {
    http: `- {match: [{withoutHeaders: {x-a: {}}}], ${toB}}`,
    call: { headers: { 'x-a': '' } },
    becomes: 'no-route 404 NR',
  },
  'a query parameter': {
    http: `- {match: [{queryParams: {q: {exact: "a b"}, r: {}}}], ${toB}}\n- {${toA}}`,
    call: { path: '/?q=a b&r' },
    becomes: toOther,
  },
  'a query parameter is not decoded': {
    http: `- {match: [{queryParams: {q: {exact: "a b"}}}], ${toB}}\n- {${toA}}`,
    call: { path: '/?q=a%20b' },
    becomes: passed,
  },
  'the scheme': { http: `- {match: [{scheme: {exact: https}}], ${toB}}\n- {${toA}}`, becomes: passed },
  'a path in any case': {
    http: `- {match: [{uri: {prefix: /ABC}, ignoreUriCase: true}], ${toB}}`,
    call: { path: '/abcd' },
    becomes: toOther,
  },

  'a prefix is rewritten as text': {
    http: `- {match: [{uri: {prefix: /old}}], rewrite: {uri: /new}, ${toA}}`,
    call: { path: '/older?q=1' },
    becomes: `${passed} | path /newer?q=1`,
  },
  'a catch-all rewrites the slash that everything begins with': {
    http: `- {rewrite: {uri: /all}, ${toA}}`,
    call: { path: '/any/thing' },
    becomes: `${passed} | path /allany/thing`,
  },
  'a whole path is rewritten': {
    http: `- {match: [{uri: {exact: /a}}], rewrite: {uri: /b}, ${toA}}`,
    call: { path: '/a?x' },
    becomes: `${passed} | path /b?x`,
  },
  'an expression rewrites what it matches': {
    http: `- {rewrite: {uriRegexRewrite: {match: "^/users/(\\\\d+)$", rewrite: "/u/\\\\1"}}, ${toA}}`
      .replaceAll('"', "'")
      .replaceAll('\\\\', '\\'),
    call: { path: '/users/12?x' },
    becomes: `${passed} | path /u/12?x`,
  },
  'the authority is rewritten, and the destination stays what it is': {
    http: `- {rewrite: {authority: other.example}, ${toA}}`,
    becomes: `${passed} | as other.example`,
  },
  'setting Host is a rewrite': {
    http: `- {headers: {request: {set: {Host: other.example, x-a: b}}}, ${toA}}`,
    becomes: `${passed} | as other.example | request set x-a b`,
  },
  'the rule’s authority stands over the destination’s': {
    http: '- {rewrite: {authority: rule.example}, route: [{destination: {host: a.test}, headers: {request: {set: {host: own.example}}}}]}',
    becomes: `${passed} | as rule.example`,
  },

  'header operations of rule and destination': {
    http: '- {headers: {request: {add: {b: "2"}, set: {c: "3", a: "1"}, remove: [D]}, response: {remove: [server]}}, route: [{destination: {host: a.test}, headers: {request: {set: {e: "5"}}, response: {set: {f: "6"}}}}]}',
    becomes: `${passed} | request remove d | request set a 1 | request set c 3 | request set e 5 | request append b 2 | response remove server | response set f 6`,
  },
  'header operations of the destination that is chosen, the rule’s last': {
    http: '- {headers: {request: {set: {x: rule}}}, route: [{destination: {host: a.test}, weight: 1, headers: {request: {set: {x: a}}}}, {destination: {host: b.test}, weight: 1}]}',
    becomes: `${passed} | request set x a | request set x rule`,
  },
  'another destination, without its neighbour’s operations': {
    http: '- {headers: {request: {set: {x: rule}}}, route: [{destination: {host: a.test}, weight: 1, headers: {request: {set: {x: a}}}}, {destination: {host: b.test}, weight: 1}]}',
    call: { random: 0.7 },
    becomes: `${toOther} | request set x rule`,
  },
  'a value made of the request': {
    http: `- {headers: {request: {set: {x-was: "%REQ(:authority)% by %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}}, ${toA}}`,
    becomes: `${passed} | request set x-was a.test by 198.18.0.11`,
  },
  'an operator that is not carried out refuses its rule': {
    http: `- {headers: {request: {set: {x: "%UPSTREAM_HOST%"}}}, ${toA}}`,
    becomes: 'not-supported 403 -',
  },
  'a header that says where a message ends is not changed': {
    http: `- {headers: {response: {remove: [content-length]}}, ${toA}}`,
    becomes: 'not-supported 403 -',
  },

  'a redirect': {
    http: '- {match: [{uri: {prefix: /a}}], redirect: {uri: /b, authority: other.test, redirectCode: 302}}',
    call: { path: '/ab?q=1' },
    becomes: 'answer 302 - | location: http://other.test/b?q=1',
  },
  'a redirect to another scheme and port': {
    http: '- redirect: {scheme: https, port: 8443}',
    call: { path: '/p', host: 'a.test:80' },
    becomes: 'answer 301 - | location: https://a.test:8443/p',
  },
  'a redirect to the port of the request': {
    http: '- redirect: {derivePort: FROM_REQUEST_PORT, scheme: https}',
    becomes: 'answer 301 - | location: https://a.test:80/',
  },
  'a redirect of a prefix': {
    http: '- {match: [{uri: {prefix: /old}}], redirect: {prefixRewrite: /new}}',
    call: { path: '/old/x' },
    becomes: 'answer 301 - | location: http://a.test/new/x',
  },
  'a code that no redirect has is refused by itself, and nothing else with it': {
    http: `- {match: [{uri: {exact: /r}}], redirect: {uri: /b, redirectCode: 304}}\n- {${toA}}`,
    call: { path: '/r' },
    becomes: 'not-supported 403 -',
  },
  'the rules beside it work': {
    http: `- {match: [{uri: {exact: /r}}], redirect: {uri: /b, redirectCode: 304}}\n- {${toA}}`,
    becomes: passed,
  },
  'an answer of the rule’s own': {
    http: '- {directResponse: {status: 503, body: {string: "closed"}}, headers: {response: {set: {retry-after: "60"}}}}',
    becomes: 'answer 503 - | content-type: text/plain | set retry-after 60 | closed',
  },
  'an answer in bytes, with a type': {
    http: '- {directResponse: {status: 200, body: {bytes: e30=}}, headers: {response: {set: {content-type: application/json}}}}',
    becomes: 'answer 200 - | set content-type application/json | {}',
  },
  'an answer that says where the request was': {
    http: '- directResponse: {status: 201}',
    becomes: 'answer 201 - | location: http://a.test/',
  },

  'retries are as Istio’s by default, which needs no words': { http: `- {retries: {attempts: 2}, ${toA}}`, becomes: passed },
  'no retries': { http: `- {retries: {attempts: 0}, ${toA}}`, becomes: `${passed} | retries 0 on  0 25` },
  'retries on statuses': {
    http: `- {retries: {attempts: 3, retryOn: "503,gateway-error", perTryTimeout: 300ms, backoff: 50ms}, timeout: 2s, ${toA}}`,
    becomes: `${passed} | retries 3 on gateway-error,retriable-status-codes,503 300 50 | within 2000`,
  },

  'a fault without a percentage never happens': {
    http: `- {fault: {abort: {httpStatus: 500}, delay: {fixedDelay: 1s}}, ${toA}}`,
    becomes: passed,
  },
  'a fault for a share': {
    http: `- {fault: {abort: {httpStatus: 418, percentage: {value: 0.5}}}, ${toA}}`,
    call: { chance: { abort: 0.0049 } },
    becomes: 'answer 418 FI | content-type: text/plain | fault filter abort',
  },
  'a fault for a share, and the others': {
    http: `- {fault: {abort: {httpStatus: 418, percentage: {value: 0.5}}}, ${toA}}`,
    call: { chance: { abort: 0.005 } },
    becomes: passed,
  },
  'a delay, then a fault': {
    http: `- {fault: {delay: {fixedDelay: 30ms, percentage: {value: 100}}, abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}, ${toA}}`,
    becomes: 'answer 200 DI,FI | after 30 | content-type: text/plain | fault filter abort',
  },
  'a delay': {
    http: `- {fault: {delay: {fixedDelay: 30ms, percentage: {value: 100}}}, ${toA}}`,
    becomes: `${passed} | after 30`,
  },
  'a delay in whole percents, as of old': {
    http: `- {fault: {delay: {fixedDelay: 30ms, percent: 50}}, ${toA}}`,
    call: { chance: { delay: 0.49 } },
    becomes: `${passed} | after 30`,
  },

  'a copy': { http: `- {mirror: {host: copy.test}, ${toA}}`, becomes: `${passed} | copy to copy.test` },
  'a copy of a share': {
    http: `- {mirrors: [{destination: {host: copy.test}, percentage: {value: 10}}, {destination: {host: b.test}}], ${toA}}`,
    call: { chance: { 'mirror 0': 0.1, 'mirror 1': 0.99 } },
    becomes: `${passed} | copy to b.test`,
  },
  'no copies at 0 percent': { http: `- {mirror: {host: copy.test}, mirrorPercentage: {value: 0}, ${toA}}`, becomes: passed },
  'a copy to an unknown host is left out': { http: `- {mirror: {host: nowhere.test}, ${toA}}`, becomes: passed },

  'a preflight request': {
    http: `- {corsPolicy: {allowOrigins: [{exact: "http://good.test"}], allowMethods: [GET, PUT], allowHeaders: [x-one], maxAge: 60s}, ${toA}}`,
    call: { method: 'OPTIONS', headers: { origin: 'http://good.test', 'access-control-request-method': 'PUT' } },
    becomes:
      'answer 200 - | access-control-allow-origin: http://good.test | access-control-allow-methods: GET,PUT | access-control-allow-headers: x-one | access-control-max-age: 60',
  },
  'a preflight request of another origin': {
    http: `- {corsPolicy: {allowOrigins: [{exact: "http://good.test"}]}, ${toA}}`,
    call: { method: 'OPTIONS', headers: { origin: 'http://bad.test', 'access-control-request-method': 'PUT' } },
    becomes: passed,
  },
  'a preflight request of another origin that is not to be forwarded': {
    http: `- {corsPolicy: {allowOrigins: [{exact: "http://good.test"}], unmatchedPreflights: IGNORE}, ${toA}}`,
    call: { method: 'OPTIONS', headers: { origin: 'http://bad.test', 'access-control-request-method': 'PUT' } },
    becomes: 'answer 200 -',
  },
  'a response that may be read': {
    http: `- {corsPolicy: {allowOrigins: [{prefix: "http://good"}], exposeHeaders: [x-two], allowCredentials: true}, ${toA}}`,
    call: { headers: { origin: 'http://good.test' } },
    becomes: `${passed} | response set access-control-allow-origin http://good.test | response set access-control-allow-credentials true | response set access-control-expose-headers x-two`,
  },
}

describe.each(Object.entries(sites))('%s', (_where, site) => {
  test.each(Object.entries(rows))('%s', (_title, { http, call = {}, becomes }) => {
    expect(tell(http, call, site)).toBe(becomes)
  })
})

describe('a rewritten authority opens no host', () => {
  const cases: Record<string, Row> = {
    'what the wildcard covers is dialled': {
      http: '- {rewrite: {authority: x.wild.test}, route: [{destination: {host: "*.wild.test"}}]}',
      becomes: '*.wild.test -> 203.0.113.4:80 | as x.wild.test',
    },
    'what it does not cover is not': {
      http: '- {rewrite: {authority: evil.test}, route: [{destination: {host: "*.wild.test"}}]}',
      becomes: 'destination-mismatch 403 -',
    },
    'what is declared by itself is not the wildcard’s': {
      http: '- {rewrite: {authority: own.wild.test}, route: [{destination: {host: "*.wild.test"}}]}',
      becomes: 'destination-mismatch 403 -',
    },
    'without a rewrite the request’s own name has to be covered': {
      http: '- {route: [{destination: {host: "*.wild.test"}}]}',
      becomes: 'destination-mismatch 403 -',
    },
    'by a destination of several': {
      http: '- {route: [{destination: {host: a.test}, weight: 1}, {destination: {host: "*.wild.test"}, weight: 1, headers: {request: {set: {host: evil.test}}}}]}',
      becomes: 'destination-mismatch 403 -',
    },
    'nor does a copy': { http: `- {mirror: {host: "*.wild.test"}, ${toA}}`, becomes: 'destination-mismatch 403 -' },
    'a copy of a renamed request': {
      http: `- {rewrite: {authority: x.wild.test}, mirror: {host: "*.wild.test"}, ${toA}}`,
      becomes: `${passed} | as x.wild.test | copy to *.wild.test`,
    },
  }
  for (const [where, site] of Object.entries(sites)) {
    test.each(Object.entries(cases))(`%s, ${where}`, (_title, { http, becomes }) => {
      expect(tell(http, {}, site)).toBe(becomes)
    })
  }
})

describe('delegates', () => {
  const root = `- {name: root, match: [{uri: {prefix: /d}, headers: {x-root: {exact: "1"}}}], timeout: 3s, delegate: {name: child}}\n- {${toA}}`
  const child = (http: string, more = '', namespace = 'default'): string =>
    virtualService(http, { name: 'child', hosts: '', more, namespace })
  const ask = (yaml: string, call: Partial<Call>): readonly [string, string] => {
    const { runtime } = pipeline(`${entries}${yaml}`)
    const asked: Call = { to: '192.0.2.1:80', host: 'a.test', names, ...call }
    return [verdict(runtime, asked).replace('outbound|80||', ''), decidedBy(runtime, asked)]
  }
  const wanted = { path: '/d/one', headers: { 'x-root': '1' } }
  const cases: Record<string, { yaml: string; call: Partial<Call>; becomes: string; by: string }> = {
    'the child’s rule decides, under the conditions of both': {
      yaml: virtualService(root) + child(`- {match: [{uri: {prefix: /d/one}}], ${toB}}`),
      call: wanted,
      becomes: toOther,
      by: 'VirtualService default/child spec.http[0]',
    },
    'the root’s condition holds too': {
      yaml: virtualService(root) + child(`- {match: [{uri: {prefix: /d/one}}], ${toB}}`),
      call: { path: '/d/one' },
      becomes: passed,
      by: 'VirtualService default/v spec.http[1]',
    },
    'a child without matches has the root’s': {
      yaml: virtualService(root) + child(`- {${toB}}`),
      call: { path: '/d', headers: { 'x-root': '1' } },
      becomes: toOther,
      by: 'VirtualService default/child spec.http[0]',
    },
    'a child’s match outside of the root’s is left out': {
      yaml: virtualService(root) + child(`- {match: [{uri: {prefix: /elsewhere}}], ${toB}}`),
      call: { path: '/elsewhere', headers: { 'x-root': '1' } },
      becomes: passed,
      by: 'VirtualService default/v spec.http[1]',
    },
    'a missing child: the next rules apply': {
      yaml: virtualService(root),
      call: wanted,
      becomes: passed,
      by: 'VirtualService default/v spec.http[1]',
    },
    'a child that is not exported to the root’s namespace is missing': {
      yaml: virtualService(root.replace('name: child', 'name: child, namespace: team')) + child(`- {${toB}}`, 'exportTo: [.]', 'team'),
      call: wanted,
      becomes: passed,
      by: 'VirtualService default/v spec.http[1]',
    },
    'a child in another namespace': {
      yaml:
        virtualService(root.replace('name: child', 'name: child, namespace: team')) + child(`- {${toB}}`, 'exportTo: [default]', 'team'),
      call: wanted,
      becomes: toOther,
      by: 'VirtualService team/child spec.http[0]',
    },
    'what is not carried out in a child refuses its rule': {
      yaml: virtualService(root) + child('- redirect: {uri: /x, redirectCode: 304}'),
      call: wanted,
      becomes: 'not-supported 403 -',
      by: 'VirtualService default/child spec.http[0].redirect.redirectCode',
    },
    'a child is nothing by itself': {
      yaml: child('- directResponse: {status: 200}'),
      call: {},
      becomes: passed,
      by: 'ServiceEntry default/a spec.hosts[0]',
    },
  }
  test.each(Object.entries(cases))('%s', (_title, { yaml, call, becomes, by }) => {
    expect(ask(yaml, call)).toEqual([becomes, by])
  })

  test('what the child does not say is the root’s', () => {
    const { runtime } = pipeline(`${entries}${virtualService(root)}${child(`- {${toB}}`)}`)
    const decision = play(runtime, { to: '192.0.2.1:80', host: 'a.test', names, ...wanted })
    expect(decision).toMatchObject({ route: 'root', timeouts: { request: 3000 } })
  })
})

describe('several VirtualServices for one host', () => {
  const both =
    virtualService('- {match: [{uri: {prefix: /one}}], directResponse: {status: 201}}\n- directResponse: {status: 202}', {
      name: 'one',
      created: '2026-01-01T00:00:00Z',
      more: 'gateways: [mesh, out]',
    }) +
    virtualService('- {match: [{uri: {prefix: /two}}], directResponse: {status: 203}}\n- directResponse: {status: 204}', {
      name: 'two',
      created: '2026-02-01T00:00:00Z',
      more: 'gateways: [mesh, out]',
    })
  const statuses = (site: (typeof sites)[string]): string[] => {
    const { runtime } = pipeline(`${entries}${atGateway}${both}`, site.plan)
    return ['/one', '/two', '/else'].map((path) => verdict(runtime, { ...site.call, host: 'a.test', path }))
  }
  test.each([
    ['at a sidecar the older alone counts', 'at a sidecar', ['answer 201 -', 'answer 202 -', 'answer 202 -']],
    ['at a gateway they are joined, catch-alls last', 'at a gateway', ['answer 201 -', 'answer 203 -', 'answer 202 -']],
  ])('%s', (_title, where, expected) => {
    const site = sites[where]
    expect(site && statuses(site)).toEqual(expected)
  })
})

test('the mesh’s own retries hold for hosts and rules that say nothing', () => {
  const mesh = '\n---\ndefaultHttpRetryPolicy: {attempts: 5, retryOn: "5xx"}\n'
  const site = sites['at a sidecar']
  if (!site) throw new Error('no such site')
  const by = (http: string) => tell(http, {}, site, mesh)
  expect([by(`- {${toA}}`), by(`- {retries: {attempts: 1, retryOn: reset}, ${toA}}`)]).toEqual([
    `${passed} | retries 5 on 5xx 0 25`,
    `${passed} | retries 1 on reset 0 25`,
  ])
  const { runtime } = pipeline(`${entries}${mesh}`)
  expect(play(runtime, { to: '192.0.2.1:80', host: 'b.test', names })).toMatchObject({ http: { retry: { retries: 5 } } })
})

test('a host that nothing declares is answered by its rules on port 80, and leads nowhere undeclared', () => {
  const yaml = virtualService(
    '- {match: [{uri: {prefix: /a}}], directResponse: {status: 204}}\n- {route: [{destination: {host: alias.test}}]}',
    {
      hosts: '[alias.test]',
    },
  )
  const { runtime } = pipeline(`${entries}${yaml}`)
  const ask = (path: string) => verdict(runtime, { to: '192.0.2.1:80', host: 'alias.test', path, names })
  expect([ask('/a'), ask('/b')]).toEqual(['answer 204 -', 'no-cluster 503 NC'])
})
