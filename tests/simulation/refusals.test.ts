// Holds that what is understood but not carried out refuses exactly what it governs, with the field that is to blame.
import { expect, test } from 'vitest'
import { type Call, decidedBy, gateway, type MeshPlan, pipeline, verdict } from './player.ts'

const names = { 'api.test': ['203.0.113.13'], 'other.test': ['203.0.113.14'] }

const entry = (name: string, host: string, ports: string, more = ''): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${host}], location: MESH_EXTERNAL, resolution: DNS, ports: [${ports}]${more}}
`

const http = '{number: 80, name: http, protocol: HTTP}'
const api = entry('api', 'api.test', http) + entry('other', 'other.test', http)

const rules = (http: string, gateways = 'mesh'): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: default}
spec:
  hosts: [api.test]
  gateways: [${gateways}]
  http:
${http}`

const direct = '  - route: [{destination: {host: api.test, port: {number: 80}}}]\n'
const server = (text: string): string => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec: {selector: {istio: egressgateway}, servers: [${text}]}
`

const destinationRule = (policy: string): string => `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: default}
spec: {host: api.test, ${policy}}
`

const call: Call = { to: '203.0.113.99:80', host: 'api.test', names }
const atGateway: Call = { ...call, to: '198.18.0.20:80', listener: '0.0.0.0_80' }
const passes = 'outbound|80||api.test -> 203.0.113.13:80'
const refused = 'not-supported 403 -'

const bound = `{port: ${http}, hosts: [api.test]}`
const claim = 'headers: {"@request.auth.claims.sub": {exact: "1"}}'

interface Case {
  readonly yaml: string
  readonly plan?: MeshPlan
  readonly call: Call
  readonly verdict: string
  readonly by?: string
}

const cases: Record<string, Case> = {
  'a match on a claim refuses what it may match': {
    yaml: `${api}${server(bound)}${rules(`  - match: [{${claim}}]\n    route: [{destination: {host: other.test, port: {number: 80}}}]\n`, 'out')}`,
    plan: { proxy: gateway },
    call: atGateway,
    verdict: refused,
    by: 'VirtualService default/api spec.http[0].match[0].headers["@request.auth.claims.sub"]',
  },
  'a match on a claim and a path leaves other paths to later rules': {
    yaml: `${api}${server(bound)}${rules(
      `  - match: [{uri: {prefix: /v2}, ${claim}}]\n    route: [{destination: {host: other.test, port: {number: 80}}}]\n${direct}`,
      'out',
    )}`,
    plan: { proxy: gateway },
    call: { ...atGateway, path: '/v1' },
    verdict: passes,
  },
  'what an earlier rule takes is not touched by a later match on a claim': {
    yaml: `${api}${server(bound)}${rules(
      `  - match: [{uri: {exact: /ok}}]\n    route: [{destination: {host: api.test, port: {number: 80}}}]\n  - match: [{${claim}}]\n    route: [{destination: {host: other.test, port: {number: 80}}}]\n`,
      'out',
    )}`,
    plan: { proxy: gateway },
    call: { ...atGateway, path: '/ok' },
    verdict: passes,
  },
  'a redirect that Envoy does not have refuses its rule': {
    yaml: `${api}${rules('  - redirect: {uri: /new, redirectCode: 304}\n')}`,
    call,
    verdict: refused,
    by: 'VirtualService default/api spec.http[0].redirect.redirectCode',
  },
  'a port of proxy requests is refused': {
    yaml: entry('api', 'api.test', '{number: 80, name: proxy, protocol: http_proxy}'),
    call,
    verdict: refused,
    by: 'ServiceEntry default/api spec.ports[0].protocol',
  },
  'beside a port of proxy requests another port passes': {
    yaml: entry('api', 'api.test', `{number: 81, name: proxy, protocol: http_proxy}, ${http}`),
    call,
    verdict: passes,
  },
  'an HTTP/2 port passes': {
    yaml: entry('api', 'api.test', '{number: 80, name: http2, protocol: HTTP2}'),
    call,
    verdict: passes,
  },
  'a port-level policy without TLS switches TLS off for its port, as in Istio': {
    yaml: `${api}${destinationRule(
      'trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {connectTimeout: 2s}}}]}',
    )}`,
    call,
    verdict: passes,
  },
  'TLS origination for another port does not matter': {
    yaml: `${api}${destinationRule('trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]}')}`,
    call,
    verdict: passes,
  },
  'TLS origination in a subset does not matter where the subset is not used': {
    yaml: `${api}${destinationRule('subsets: [{name: secure, trafficPolicy: {tls: {mode: SIMPLE}}}]')}`,
    call,
    verdict: passes,
  },
  'an EnvoyFilter refuses all traffic of what it governs': {
    yaml: `${api}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patch, namespace: default}
spec: {workloadSelector: {labels: {app: client}}, configPatches: []}
`,
    call,
    verdict: 'not-supported 403 UH',
    by: 'EnvoyFilter default/patch spec',
  },
  'an EnvoyFilter for other workloads does not matter': {
    yaml: `${api}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patch, namespace: default}
spec: {workloadSelector: {labels: {app: server}}, configPatches: []}
`,
    call,
    verdict: passes,
  },
  'an AuthorizationPolicy refuses what passes the gateway that it governs': {
    yaml: `${api}${server(`{port: ${http}, hosts: [api.test]}`)}${rules(direct, 'out')}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gate, namespace: istio-system}
spec: {selector: {matchLabels: {istio: egressgateway}}, action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}
`,
    plan: { proxy: gateway },
    call: atGateway,
    verdict: refused,
    by: 'AuthorizationPolicy istio-system/gate spec',
  },
  'an AuthorizationPolicy does not govern what goes out of a sidecar, as in Istio': {
    yaml: `${api}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gate, namespace: default}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}
`,
    call,
    verdict: passes,
  },
  'a redirect to HTTPS at a server that has no plain requests refuses what arrives': {
    yaml: `${api}${server(
      '{port: {number: 443, name: https, protocol: HTTPS}, hosts: [api.test], tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k, httpsRedirect: true}}',
    )}${rules(direct, 'out')}`,
    plan: { proxy: gateway },
    call: { to: '198.18.0.20:443', listener: '0.0.0.0_443', sni: 'api.test' },
    verdict: 'not-supported 0 UH',
    by: 'Gateway default/out spec.servers[0].tls.httpsRedirect',
  },
  'TLS that ends at a gateway by a credential of another kind is refused': {
    yaml: `${api}${server(
      '{port: {number: 443, name: https, protocol: HTTPS}, hosts: [api.test], tls: {mode: SIMPLE, credentialName: "configmap://a/b"}}',
    )}${rules(direct, 'out')}`,
    plan: { proxy: gateway },
    call: { to: '198.18.0.20:443', listener: '0.0.0.0_443', sni: 'api.test' },
    verdict: 'not-supported 0 UH',
    by: 'Gateway default/out spec.servers[0].tls.credentialName',
  },
  'a rule cannot lead a declared name to a wildcard that does not cover it': {
    yaml: `${api}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: default}
spec: {hosts: ["*.wild.test"], location: MESH_EXTERNAL, resolution: NONE, ports: [${http}]}
${rules('  - route: [{destination: {host: "*.wild.test", port: {number: 80}}}]\n')}`,
    call,
    verdict: 'destination-mismatch 403 -',
    by: 'VirtualService default/api spec.http[0]',
  },
}

for (const [name, one] of Object.entries(cases)) {
  test(name, () => {
    const { runtime } = pipeline(one.yaml, one.plan)
    expect(verdict(runtime, one.call)).toBe(one.verdict)
    if (one.by !== undefined) expect(decidedBy(runtime, one.call)).toBe(one.by)
  })
}
