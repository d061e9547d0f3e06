// Holds every case in which Sallyport is stricter than Istio, beside what Istio does with the same declaration.
import { describe, expect, test } from 'vitest'
import { type Call, gateway, type MeshPlan, pipeline, verdict } from './player.ts'

/** One ServiceEntry in one line of YAML. */
const entry = (name: string, spec: string, created = '2026-01-01T00:00:00Z'): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default, creationTimestamp: "${created}"}
spec: {location: MESH_EXTERNAL, ${spec}}
`

const http = (hosts: string, more = 'resolution: NONE'): string =>
  `hosts: [${hosts}], ports: [{number: 80, name: http, protocol: HTTP}], ${more}`
const tls = (hosts: string, more = 'resolution: NONE'): string =>
  `hosts: [${hosts}], ports: [{number: 443, name: tls, protocol: TLS}], ${more}`
const tcp = (hosts: string, more = 'resolution: NONE'): string =>
  `hosts: [${hosts}], ports: [{number: 7000, name: tcp, protocol: TCP}], ${more}`
const unset = (hosts: string, more: string): string => `hosts: [${hosts}], ports: [{number: 8000, name: any}], ${more}`

const tls8000 = (host: string): string => `hosts: [${host}], ports: [{number: 8000, name: tls, protocol: TLS}], resolution: DNS`

/** Of a wildcard that is found by an address or in a range. */
const addressed = 'resolution: STATIC, addresses: [198.19.0.9], endpoints: [{address: 203.0.113.31}]'
const ranged = 'resolution: STATIC, addresses: [198.19.0.16/28], endpoints: [{address: 203.0.113.31}]'

const names = {
  'api.test': ['203.0.113.13'],
  'a.wild.test': ['203.0.113.14'],
  'a.test': ['203.0.113.41'],
  'b.test': ['203.0.113.42'],
}

interface Case {
  readonly yaml: string
  readonly plan?: MeshPlan
  readonly call: Call
  readonly strict: string
  readonly istio: string
}

const cases: Record<string, Case> = {
  'HTTP without resolution: the name is dialled, whatever address the client dialled': {
    yaml: entry('api', http('api.test')),
    call: { to: '203.0.113.99:80', host: 'api.test', names },
    strict: 'outbound|80||api.test -> 203.0.113.13:80',
    istio: 'outbound|80||api.test -> 203.0.113.99:80',
  },
  'TLS without resolution: the name is dialled': {
    yaml: entry('api', tls('api.test')),
    call: { to: '203.0.113.99:443', sni: 'api.test', names },
    strict: 'outbound|443||api.test -> 203.0.113.13:443',
    istio: 'outbound|443||api.test -> 203.0.113.99:443',
  },
  'HTTP to a wildcard: the name that the request says is dialled': {
    yaml: entry('wild', http('"*.wild.test"')),
    call: { to: '203.0.113.99:80', host: 'a.wild.test', names },
    strict: 'outbound|80||*.wild.test -> 203.0.113.14:80',
    istio: 'outbound|80||*.wild.test -> 203.0.113.99:80',
  },
  'TLS to a wildcard: the server name is dialled': {
    yaml: entry('wild', tls('"*.wild.test"')),
    call: { to: '203.0.113.99:443', sni: 'a.wild.test', names },
    strict: 'outbound|443||*.wild.test -> 203.0.113.14:443',
    istio: 'outbound|443||*.wild.test -> 203.0.113.99:443',
  },
  'TLS to a declared address needs the declared name': {
    yaml: entry('vip', tls('api.test', 'resolution: STATIC, addresses: [198.19.0.7], endpoints: [{address: 203.0.113.30}]')),
    call: { to: '198.19.0.7:443', sni: 'other.test' },
    strict: 'name-mismatch 0 UH',
    istio: 'outbound|443||api.test -> 203.0.113.30:443',
  },
  'TLS to a declared address with the declared name passes': {
    yaml: entry('vip', tls('api.test', 'resolution: STATIC, addresses: [198.19.0.7], endpoints: [{address: 203.0.113.30}]')),
    call: { to: '198.19.0.7:443', sni: 'api.test' },
    strict: 'outbound|443||api.test -> 203.0.113.30:443',
    istio: 'outbound|443||api.test -> 203.0.113.30:443',
  },
  'TCP without addresses takes an address that the host resolves to': {
    yaml: entry('a', tcp('a.test', 'resolution: DNS')),
    call: { to: '203.0.113.41:7000', bytes: true, names },
    strict: 'outbound|7000||a.test -> 203.0.113.41:7000',
    istio: 'outbound|7000||a.test -> 203.0.113.41:7000',
  },
  'TCP without addresses takes no other address': {
    yaml: entry('a', tcp('a.test', 'resolution: DNS')),
    call: { to: '203.0.113.99:7000', bytes: true, names },
    strict: 'destination-mismatch 0 UH',
    istio: 'outbound|7000||a.test -> 203.0.113.41:7000',
  },
  'TCP without addresses and without resolution is resolved here': {
    yaml: entry('a', tcp('a.test')),
    call: { to: '203.0.113.41:7000', bytes: true, names },
    strict: 'outbound|7000||a.test -> 203.0.113.41:7000',
    istio: 'outbound|7000||a.test -> 203.0.113.41:7000',
  },
  'of two TCP hosts without addresses on one port each takes its own': {
    yaml: entry('a', tcp('a.test', 'resolution: DNS')) + entry('b', tcp('b.test', 'resolution: DNS'), '2026-01-02T00:00:00Z'),
    call: { to: '203.0.113.42:7000', bytes: true, names },
    strict: 'outbound|7000||b.test -> 203.0.113.42:7000',
    istio: 'outbound|7000||a.test -> 203.0.113.41:7000',
  },
  'a TCP wildcard without addresses opens nothing': {
    yaml: entry('wild', tcp('"*.wild.test"')),
    call: { to: '203.0.113.14:7000', bytes: true, names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|7000||*.wild.test -> 203.0.113.14:7000',
  },
  'a sniffed wildcard without addresses opens requests only, which name their host': {
    yaml: entry('wild', unset('"*.wild.test"', 'resolution: NONE')),
    call: { to: '203.0.113.99:8000', host: 'a.wild.test', names },
    strict: 'outbound|8000||*.wild.test -> 203.0.113.14:8000',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.99:8000',
  },
  'a sniffed wildcard without addresses opens nothing to plain bytes': {
    yaml: entry('wild', unset('"*.wild.test"', 'resolution: NONE')),
    call: { to: '203.0.113.14:8000', bytes: true, names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.14:8000',
  },
  'TCP to a declared range keeps the dialled address': {
    yaml: entry('range', tcp('a.test', 'resolution: NONE, addresses: [198.19.0.0/28]')),
    call: { to: '198.19.0.5:7000', bytes: true },
    strict: 'outbound|7000||a.test -> 198.19.0.5:7000',
    istio: 'outbound|7000||a.test -> 198.19.0.5:7000',
  },
  'a sniffed port behind an address looks at Host': {
    yaml: entry('auto', unset('api.test', 'resolution: STATIC, addresses: [203.0.113.13], endpoints: [{address: 203.0.113.20}]')),
    call: { to: '203.0.113.13:8000', host: 'other.test' },
    strict: 'not-declared 403 -',
    istio: 'outbound|8000||api.test -> 203.0.113.20:8000',
  },
  'a sniffed port behind an address takes its address as Host': {
    yaml: entry('auto', unset('api.test', 'resolution: STATIC, addresses: [203.0.113.13], endpoints: [{address: 203.0.113.20}]')),
    call: { to: '203.0.113.13:8000', host: '203.0.113.13:8000' },
    strict: 'outbound|8000||api.test -> 203.0.113.20:8000',
    istio: 'outbound|8000||api.test -> 203.0.113.20:8000',
  },
  'a Host header does not lead to a range from an address outside of it': {
    yaml:
      entry('range', unset('api.test', 'resolution: NONE, addresses: [198.19.0.0/28]')) +
      entry('web', 'hosts: [web.test], resolution: DNS, ports: [{number: 8000, name: http, protocol: HTTP}]'),
    call: { to: '203.0.113.99:8000', host: 'api.test', names },
    strict: 'not-declared 403 -',
    istio: 'outbound|8000||api.test -> 203.0.113.99:8000',
  },
  'a narrower entry closes the port that only the wildcard has, for TLS': {
    yaml: entry('wild', tls('"*.wild.test"')) + entry('narrow', http('a.wild.test', 'resolution: DNS')),
    call: { to: '203.0.113.14:443', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|443||*.wild.test -> 203.0.113.14:443',
  },
  'a narrower entry closes the port that only the wildcard has, for HTTP': {
    yaml: entry('wild', http('"*.wild.test"')) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    call: { to: '203.0.113.14:80', host: 'a.wild.test', names },
    strict: 'not-declared 403 -',
    istio: 'outbound|80||*.wild.test -> 203.0.113.14:80',
  },
  'a narrower entry with addresses closes its name elsewhere, for TLS': {
    yaml:
      entry('wild', tls('"*.wild.test"')) +
      entry('narrow', tls('a.wild.test', 'resolution: STATIC, addresses: [198.19.0.7], endpoints: [{address: 203.0.113.30}]')),
    call: { to: '203.0.113.14:443', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|443||*.wild.test -> 203.0.113.14:443',
  },
  'and is reached at them beside the wildcard': {
    yaml:
      entry('wild', tls('"*.wild.test"')) +
      entry('narrow', tls('a.wild.test', 'resolution: STATIC, addresses: [198.19.0.0/28], endpoints: [{address: 203.0.113.30}]')),
    call: { to: '198.19.0.7:443', sni: 'a.wild.test', names },
    strict: 'outbound|443||a.wild.test -> 203.0.113.30:443',
    istio: 'outbound|443||a.wild.test -> 203.0.113.30:443',
  },
  'at an address of the wildcard a narrower name is its own, for TLS': {
    yaml: entry('wild', tls('"*.wild.test"', addressed)) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.9:443', sni: 'a.wild.test', names },
    strict: 'outbound|443||a.wild.test -> 203.0.113.14:443',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  'in a range of the wildcard a narrower name is its own': {
    yaml: entry('wild', tls('"*.wild.test"', ranged)) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.20:443', sni: 'a.wild.test', names },
    strict: 'outbound|443||a.wild.test -> 203.0.113.14:443',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  'at an address of the wildcard a narrower entry closes the port that it does not have': {
    yaml: entry('wild', tls('"*.wild.test"', addressed)) + entry('narrow', http('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.9:443', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  'in a range of the wildcard a narrower entry closes the port that it does not have': {
    yaml: entry('wild', tls('"*.wild.test"', ranged)) + entry('narrow', http('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.20:443', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  'at an address of the wildcard a narrower entry with addresses has closed its name': {
    yaml:
      entry('wild', tls('"*.wild.test"', addressed)) +
      entry('narrow', tls('a.wild.test', 'resolution: STATIC, addresses: [198.19.0.7], endpoints: [{address: 203.0.113.30}]')),
    call: { to: '198.19.0.9:443', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  "at an address of the wildcard other names are the wildcard's": {
    yaml: entry('wild', tls('"*.wild.test"', addressed)) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.9:443', sni: 'b.wild.test', names },
    strict: 'outbound|443||*.wild.test -> 203.0.113.31:443',
    istio: 'outbound|443||*.wild.test -> 203.0.113.31:443',
  },
  'beside a narrower entry the wildcard goes on for other names': {
    yaml: entry('wild', http('"*.wild.test"')) + entry('narrow', tls('b.wild.test', 'resolution: DNS')),
    call: { to: '203.0.113.14:80', host: 'a.wild.test', names },
    strict: 'outbound|80||*.wild.test -> 203.0.113.14:80',
    istio: 'outbound|80||*.wild.test -> 203.0.113.14:80',
  },
  'under ALLOW_ANY what a narrower entry does not have is let pass as all that nothing declares': {
    yaml: entry('wild', tls('"*.wild.test"')) + entry('narrow', http('a.wild.test', 'resolution: DNS')),
    plan: { policy: 'ALLOW_ANY' },
    call: { to: '203.0.113.99:443', sni: 'a.wild.test', names },
    strict: 'PassthroughCluster -> 203.0.113.99:443',
    istio: 'outbound|443||*.wild.test -> 203.0.113.99:443',
  },
  'so are its requests': {
    yaml: entry('wild', http('"*.wild.test"')) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    plan: { policy: 'ALLOW_ANY' },
    call: { to: '203.0.113.99:80', host: 'a.wild.test', names },
    strict: 'PassthroughCluster -> 203.0.113.99:80',
    istio: 'outbound|80||*.wild.test -> 203.0.113.99:80',
  },
  'a narrower entry closes the port that only a sniffed wildcard has': {
    yaml: entry('wild', unset('"*.wild.test"', 'resolution: NONE')) + entry('narrow', tls('a.wild.test', 'resolution: DNS')),
    call: { to: '203.0.113.14:8000', host: 'a.wild.test', names },
    strict: 'not-declared 403 -',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.14:8000',
  },
  'at an address of a sniffed wildcard a narrower name is its own, for TLS': {
    yaml: entry('wild', unset('"*.wild.test"', addressed)) + entry('narrow', tls8000('a.wild.test')),
    call: { to: '198.19.0.9:8000', sni: 'a.wild.test', names },
    strict: 'outbound|8000||a.wild.test -> 203.0.113.14:8000',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
  },
  'in a range of a sniffed wildcard a narrower name is its own': {
    yaml: entry('wild', unset('"*.wild.test"', ranged)) + entry('narrow', tls8000('a.wild.test')),
    call: { to: '198.19.0.20:8000', sni: 'a.wild.test', names },
    strict: 'outbound|8000||a.wild.test -> 203.0.113.14:8000',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
  },
  'at an address of a sniffed wildcard a narrower entry closes the port that it does not have': {
    yaml: entry('wild', unset('"*.wild.test"', addressed)) + entry('narrow', http('a.wild.test', 'resolution: DNS')),
    call: { to: '198.19.0.9:8000', sni: 'a.wild.test', names },
    strict: 'not-declared 0 UH',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
  },
  "at an address of a sniffed wildcard other names are the wildcard's": {
    yaml: entry('wild', unset('"*.wild.test"', addressed)) + entry('narrow', tls8000('a.wild.test')),
    call: { to: '198.19.0.9:8000', sni: 'b.wild.test', names },
    strict: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
  },
  'and so are bytes without a name': {
    yaml: entry('wild', unset('"*.wild.test"', addressed)) + entry('narrow', tls8000('a.wild.test')),
    call: { to: '198.19.0.9:8000', bytes: true },
    strict: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
    istio: 'outbound|8000||*.wild.test -> 203.0.113.31:8000',
  },
  'a sniffed port in a range takes plain bytes': {
    yaml: entry('range', unset('api.test', 'resolution: NONE, addresses: [198.19.0.0/28]')),
    call: { to: '198.19.0.5:8000', bytes: true },
    strict: 'outbound|8000||api.test -> 198.19.0.5:8000',
    istio: 'outbound|8000||api.test -> 198.19.0.5:8000',
  },
  'a sniffed port in a range takes TLS of its name': {
    yaml: entry('range', unset('api.test', 'resolution: NONE, addresses: [198.19.0.0/28]')),
    call: { to: '198.19.0.5:8000', sni: 'api.test' },
    strict: 'outbound|8000||api.test -> 198.19.0.5:8000',
    istio: 'outbound|8000||api.test -> 198.19.0.5:8000',
  },
  'a sniffed port behind an address looks at the server name': {
    yaml: entry('auto', unset('api.test', 'resolution: STATIC, addresses: [203.0.113.13], endpoints: [{address: 203.0.113.20}]')),
    call: { to: '203.0.113.13:8000', sni: 'other.test' },
    strict: 'name-mismatch 0 -',
    istio: 'outbound|8000||api.test -> 203.0.113.20:8000',
  },
  'under ALLOW_ANY another server name there is what nothing declares': {
    yaml: entry('auto', unset('api.test', 'resolution: STATIC, addresses: [203.0.113.13], endpoints: [{address: 203.0.113.20}]')),
    plan: { policy: 'ALLOW_ANY' },
    call: { to: '203.0.113.13:8000', sni: 'other.test' },
    strict: 'PassthroughCluster -> 203.0.113.13:8000',
    istio: 'outbound|8000||api.test -> 203.0.113.20:8000',
  },
  'under ALLOW_ANY a name that shares its address with a declared one is not refused on its account': {
    yaml: entry('shared', unset('api.test', 'resolution: DNS')),
    plan: { policy: 'ALLOW_ANY' },
    call: { to: '203.0.113.13:8000', sni: 'other.test', names },
    strict: 'PassthroughCluster -> 203.0.113.13:8000',
    istio: 'outbound|8000||api.test -> 203.0.113.13:8000',
  },
  'a host in upper case is matched whatever its spelling': {
    yaml: entry('up', http('"API.Test"', 'resolution: STATIC, endpoints: [{address: 203.0.113.13}]')),
    call: { to: '203.0.113.99:80', host: 'api.test' },
    strict: 'outbound|80||api.test -> 203.0.113.13:80',
    istio: 'no-cluster 503 NC',
  },
}

describe.each(['strict', 'istio'] as const)('%s', (strictness) => {
  for (const [name, one] of Object.entries(cases)) {
    test(name, () => {
      const { runtime } = pipeline(one.yaml, { ...one.plan, strictness })
      expect(verdict(runtime, one.call)).toBe(one[strictness])
    })
  }
})

const gatewayFor = (port: string, hosts: string): string => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec: {selector: {istio: egressgateway}, servers: [{port: ${port}, hosts: [${hosts}]}]}
`

const tcpRule = (name: string, host: string): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [${host}]
  gateways: [out]
  tcp: [{route: [{destination: {host: ${host}, port: {number: 7000}}}]}]
`

const atGateway: Record<string, Case> = {
  'two TCP hosts on one plain port are refused by name, where Istio sends both to the first': {
    yaml:
      entry('a', tcp('a.test', 'resolution: DNS')) +
      entry('b', tcp('b.test', 'resolution: DNS')) +
      gatewayFor('{number: 7000, name: tcp, protocol: TCP}', 'a.test, b.test') +
      tcpRule('a', 'a.test') +
      tcpRule('b', 'b.test'),
    call: { to: '198.18.0.20:7000', listener: '0.0.0.0_7000', bytes: true, names },
    strict: 'ambiguous-destination 0 -',
    istio: 'outbound|7000||a.test -> 203.0.113.41:7000',
  },
  'a range cannot be dialled by a gateway': {
    yaml:
      entry('a', tcp('a.test', 'resolution: NONE, addresses: [198.19.0.0/28]')) +
      gatewayFor('{number: 7000, name: tcp, protocol: TCP}', 'a.test') +
      tcpRule('a', 'a.test'),
    call: { to: '198.18.0.20:7000', listener: '0.0.0.0_7000', bytes: true },
    strict: 'ambiguous-destination 0 -',
    istio: 'no-endpoints 0 UH',
  },
}

describe.each(['strict', 'istio'] as const)('at a gateway, %s', (strictness) => {
  for (const [name, one] of Object.entries(atGateway)) {
    test(name, () => {
      const { runtime } = pipeline(one.yaml, { proxy: gateway, strictness })
      expect(verdict(runtime, one.call)).toBe(one[strictness])
    })
  }
})
