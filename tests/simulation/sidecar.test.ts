// Holds what a Sidecar shows, hides and says of all else, from YAML to verdict.
import { describe, expect, test } from 'vitest'
import { analyze } from '../../src/analysis/index.ts'
import { type Call, decidedBy, type MeshPlan, pipeline, verdict } from './player.ts'

const names = { 'plain.test': ['203.0.113.11'], 'other.test': ['203.0.113.12'], 'deep.beta.test': ['203.0.113.13'] }

const entry = (name: string, namespace: string, host: string, spec: string): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: {hosts: ["${host}"], location: MESH_EXTERNAL, ${spec}}
`
const http = 'resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]'
const tls = 'resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}]'

const mesh = [
  entry('plain', 'default', 'plain.test', http),
  entry('other', 'beta', 'other.test', http),
  entry('deep', 'beta', 'deep.beta.test', http),
  entry('secure', 'beta', 'secure.test', tls),
  entry('store', 'beta', 'store.test', 'addresses: [203.0.113.41], resolution: NONE, ports: [{number: 7000, name: tcp, protocol: TCP}]'),
].join('')

const sidecar = (spec: string, name = 'default', namespace = 'default'): string => `
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`
const sees = (...hosts: readonly string[]): string => `{egress: [{hosts: [${hosts.map((host) => `"${host}"`).join()}]}]}`

const plain: Call = { to: '203.0.113.11:80', host: 'plain.test', names }
const other: Call = { to: '203.0.113.12:80', host: 'other.test', names }
const deep: Call = { to: '203.0.113.13:80', host: 'deep.beta.test', names }
const unknown: Call = { to: '203.0.113.90:80', host: 'unknown.test', names }
const store: Call = { to: '203.0.113.41:7000', bytes: true }

const passes = (call: Call): string => `outbound|80||${call.host ?? ''} -> ${call.to}`
const hidden = 'not-visible 403 -'
const bySidecar = 'Sidecar default/default spec.egress'

interface Case {
  readonly yaml: string
  readonly plan?: MeshPlan
  readonly calls: readonly (readonly [call: Call, verdict: string, by?: string])[]
}

const cases: Record<string, Case> = {
  'its own namespace': {
    yaml: sidecar(sees('./*')),
    calls: [
      [plain, passes(plain)],
      [other, hidden, bySidecar],
      [unknown, 'not-declared 403 -', 'Flag /outbound-policy'],
    ],
  },
  'one namespace by name': {
    yaml: sidecar(sees('beta/*')),
    calls: [
      [plain, hidden, bySidecar],
      [other, passes(other)],
    ],
  },
  'one host of any namespace': {
    yaml: sidecar(sees('*/other.test')),
    calls: [
      [plain, hidden, bySidecar],
      [other, passes(other)],
      [deep, hidden, bySidecar],
    ],
  },
  'a wildcard does not import the domain itself': {
    yaml: sidecar(sees('beta/*.beta.test')),
    calls: [
      [deep, passes(deep)],
      [other, hidden, bySidecar],
    ],
  },
  nothing: {
    yaml: sidecar(sees('~/*')),
    calls: [
      [plain, 'not-visible 403 UH', bySidecar],
      [store, 'not-visible 0 UH', bySidecar],
      [{ to: '203.0.113.30:443', sni: 'secure.test' }, 'not-visible 0 UH', bySidecar],
      [{ to: '203.0.113.91:7000', bytes: true }, 'not-declared 0 UH'],
    ],
  },
  'everything but what is left out': {
    yaml: sidecar(sees('*/*', '~beta/other.test')),
    calls: [
      [plain, passes(plain)],
      [other, hidden, bySidecar],
      [deep, passes(deep)],
    ],
  },
  'what it hides is as if undeclared, so ALLOW_ANY lets it out to where it was dialled': {
    yaml: sidecar('{outboundTrafficPolicy: {mode: ALLOW_ANY}, egress: [{hosts: ["./*"]}]}'),
    calls: [
      [other, 'PassthroughCluster -> 203.0.113.12:80'],
      [unknown, 'PassthroughCluster -> 203.0.113.90:80'],
    ],
  },
  'an empty policy is REGISTRY_ONLY, as Istio has it': {
    yaml: sidecar('{outboundTrafficPolicy: {}, egress: [{hosts: ["*/*"]}]}'),
    plan: { policy: 'ALLOW_ANY' },
    calls: [
      [plain, passes(plain)],
      [unknown, 'not-declared 403 -', 'Sidecar default/default spec.outboundTrafficPolicy'],
    ],
  },
  'no policy is that of the mesh': {
    yaml: sidecar(sees('*/*')),
    plan: { policy: 'ALLOW_ANY' },
    calls: [[unknown, 'PassthroughCluster -> 203.0.113.90:80']],
  },
  'a policy alone hides nothing': {
    yaml: sidecar('{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'),
    plan: { policy: 'ALLOW_ANY' },
    calls: [
      [plain, passes(plain)],
      [other, passes(other)],
      [unknown, 'not-declared 403 -', 'Sidecar default/default spec.outboundTrafficPolicy'],
    ],
  },
  'an egress proxy is not carried out: what nothing declares is refused': {
    yaml: sidecar('{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: plain.test, port: {number: 80}}}}'),
    plan: { policy: 'ALLOW_ANY' },
    calls: [
      [plain, passes(plain)],
      [unknown, 'not-supported 403 -', 'Sidecar default/default spec.outboundTrafficPolicy.egressProxy'],
    ],
  },
  'a selector comes before the namespace, and the namespace before the root': {
    yaml:
      sidecar('{workloadSelector: {labels: {app: client}}, egress: [{hosts: ["*/plain.test"]}]}', 'mine') +
      sidecar(sees('*/other.test')) +
      sidecar(sees('*/deep.beta.test'), 'root', 'istio-system'),
    calls: [
      [plain, passes(plain)],
      [other, hidden, 'Sidecar default/mine spec.egress'],
    ],
  },
  'the root namespace speaks for workloads without one of their own, and `.` is then theirs': {
    yaml:
      sidecar('{workloadSelector: {labels: {app: server}}, egress: [{hosts: ["*/other.test"]}]}', 'theirs') +
      sidecar(sees('./*'), 'root', 'istio-system'),
    calls: [
      [plain, passes(plain)],
      [other, hidden, 'Sidecar istio-system/root spec.egress'],
    ],
  },
  'a Sidecar of another namespace does not matter': {
    yaml: sidecar(sees('~/*'), 'default', 'beta'),
    calls: [[plain, passes(plain)]],
  },
  'what comes in is not governed here': {
    yaml: sidecar('{ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:80"}]}'),
    calls: [[other, passes(other)]],
  },
  'a gateway passes over it': {
    yaml: sidecar(sees('~/*'), 'default', 'istio-system'),
    plan: { proxy: { role: 'gateway' } },
    calls: [[{ ...plain, listener: '0.0.0.0_80' }, 'no-filter-chain 403 NR']],
  },
  'what it says of every port of a listener for proxy requests is not carried out': {
    yaml: sidecar('{egress: [{port: {number: 3128, protocol: HTTP_PROXY}, hosts: ["*/*"]}]}'),
    calls: [[plain, 'not-supported 403 UH', 'Sidecar default/default spec.egress[0].port.protocol']],
  },
}

describe('a Sidecar shows', () => {
  for (const [name, { yaml, plan, calls }] of Object.entries(cases)) {
    test(name, () => {
      const { runtime } = pipeline(mesh + yaml, plan)
      for (const [call, outcome, by] of calls) {
        expect(`${call.host ?? call.to}: ${verdict(runtime, call)}`).toBe(`${call.host ?? call.to}: ${outcome}`)
        if (by !== undefined) expect(decidedBy(runtime, call)).toBe(by)
      }
    })
  }
})

const two = entry(
  'both',
  'default',
  'both.test',
  'resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: http-1, protocol: HTTP}]',
)
const both = { 'both.test': ['203.0.113.20'], ...names }
const at = (port: number, host = 'both.test'): Call => ({ to: `203.0.113.20:${port}`, host, names: both })

const listeners: Record<string, Case> = {
  'a listener with a port shows the hosts that have it, at that port': {
    yaml: sidecar('{egress: [{port: {number: 81, protocol: HTTP}, hosts: ["./*"]}]}'),
    calls: [
      [at(81), 'outbound|81||both.test -> 203.0.113.20:81'],
      [at(80), 'not-declared 403 UH'],
      [plain, 'not-visible 403 UH'],
    ],
  },
  'other ports belong to the listener without one': {
    yaml: sidecar('{egress: [{port: {number: 81, protocol: HTTP}, hosts: ["./*"]}, {hosts: ["beta/*"]}]}'),
    calls: [
      [at(81), 'outbound|81||both.test -> 203.0.113.20:81'],
      [other, passes(other)],
      [plain, hidden],
      [store, 'outbound|7000||store.test -> 203.0.113.41:7000'],
    ],
  },
  'a port that no host has opens nothing': {
    yaml: sidecar('{egress: [{port: {number: 9000, protocol: HTTP}, hosts: ["*/*"]}]}'),
    calls: [[{ to: '203.0.113.20:9000', host: 'both.test', names: both }, 'not-visible 403 UH']],
  },
  'the listener says what is spoken': {
    yaml: sidecar('{egress: [{port: {number: 80, protocol: TCP}, hosts: ["*/plain.test"]}]}'),
    calls: [[{ ...plain, to: '203.0.113.11:80' }, 'outbound|80||plain.test -> 203.0.113.11:80']],
  },
  'a listener with an address is reached at that address only': {
    yaml: sidecar('{egress: [{port: {number: 80, protocol: HTTP}, bind: 203.0.113.77, hosts: ["*/plain.test"]}]}'),
    calls: [
      [{ ...plain, to: '203.0.113.77:80' }, passes(plain)],
      [{ ...other, to: '203.0.113.77:80' }, hidden],
      [plain, 'not-declared 403 UH'],
    ],
  },
  'sockets of their own are not opened, and open nothing': {
    yaml: sidecar(
      '{egress: [{port: {number: 80, protocol: HTTP}, bind: 127.0.0.1, captureMode: NONE, hosts: ["*/plain.test"]}, {port: {number: 0, protocol: HTTP}, bind: "unix:///run/x", hosts: ["*/*"]}]}',
    ),
    calls: [[plain, 'not-visible 403 UH']],
  },
}

describe('listeners of a Sidecar', () => {
  for (const [name, { yaml, calls }] of Object.entries(listeners)) {
    test(name, () => {
      const { runtime } = pipeline(mesh + two + yaml)
      for (const [call, outcome] of calls) expect(`${call.to} ${verdict(runtime, call)}`).toBe(`${call.to} ${outcome}`)
    })
  }
})

const route = (namespace: string, hosts: string, to: string): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: r, namespace: ${namespace}}
spec: {hosts: [${hosts}], http: [{route: [{destination: {host: ${to}}}]}]}
`

test('a VirtualService is imported by any of its hosts, and leads to what nothing else imports', () => {
  const { runtime } = pipeline(mesh + route('default', 'plain.test', 'other.test') + sidecar(sees('./*')))
  expect(verdict(runtime, plain)).toBe('outbound|80||other.test -> 203.0.113.12:80')
  expect(verdict(runtime, other)).toBe(hidden)
})

test('a VirtualService of a namespace that is not imported does not count', () => {
  const yaml = mesh + route('beta', 'plain.test', 'other.test')
  expect(verdict(pipeline(yaml).runtime, plain)).toBe('outbound|80||other.test -> 203.0.113.12:80')
  expect(verdict(pipeline(yaml + sidecar(sees('./*'))).runtime, plain)).toBe(passes(plain))
})

test('of one host in two namespaces the one that is imported counts', () => {
  const twice = entry(
    'again',
    'default',
    'other.test',
    'resolution: STATIC, endpoints: [{address: 203.0.113.66}], ports: [{number: 80, name: http, protocol: HTTP}]',
  )
  expect(verdict(pipeline(mesh + twice).runtime, other)).toBe('outbound|80||other.test -> 203.0.113.66:80')
  expect(verdict(pipeline(mesh + twice + sidecar(sees('beta/*'))).runtime, other)).toBe('outbound|80||other.test -> 203.0.113.12:80')
})

test('a DestinationRule counts as it does without a Sidecar', () => {
  const rule = `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: r, namespace: beta}
spec: {host: other.test, trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: a.test, targetPort: 1}}}
`
  const { runtime } = pipeline(mesh + rule + sidecar(sees('*/other.test')))
  expect(verdict(runtime, other)).toBe('not-supported 403 -')
})

test('the reason says what to add, and the place is that of the Sidecar', () => {
  const { runtime, model } = pipeline(mesh + sidecar(sees('./*')))
  expect(decidedBy(runtime, other)).toBe(bySidecar)
  expect(runtime.placed({ kind: 'Sidecar', namespace: 'default', name: 'default', field: 'spec.egress' })).toMatchObject({
    file: 'test.yaml',
  })
  expect(model.scope('default').hidden()).toEqual([])
})

test('two that choose the same workloads are an error, and the older or first by name is in force', () => {
  const { runtime, model } = pipeline(mesh + sidecar(sees('beta/*'), 'b') + sidecar(sees('./*'), 'a'))
  expect(verdict(runtime, plain)).toBe(passes(plain))
  expect(analyze(model).map(({ level, code, message }) => `${level} ${code} ${message}`)).toEqual([
    'error IST0111 The Sidecars [default/a default/b] in namespace "default" have no workload selector, which can lead to undefined behavior: default/a, the older or first by name, is in force',
  ])
  const gold = '{workloadSelector: {labels: {app: client}}, egress: [{hosts: ["./*"]}]}'
  expect(analyze(pipeline(sidecar(gold, 'a') + sidecar(gold, 'b')).model).map(({ code }) => code)).toEqual(['IST0110'])
})
