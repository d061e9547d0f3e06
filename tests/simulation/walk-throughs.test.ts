// Holds the two walk-throughs, HTTP and TCP, to their verdicts at every step, through the whole pure pipeline.
import { describe, expect, test } from 'vitest'
import { type Call, gateway, type MeshPlan, pipeline, verdict } from './player.ts'

const names = { 'd2iq.com': ['203.0.113.10'] }

const d2iq = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: d2iq, namespace: default}
spec:
  hosts: [d2iq.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - {number: 80, name: http, protocol: HTTP}
  - {number: 443, name: tls, protocol: TLS}
`

const wayOut = (port: string, host: string, subset: string): string => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: way-out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: ${port}
    hosts: [${host}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: way-out, namespace: default}
spec:
  host: istio-egressgateway.istio-system.svc.cluster.local
  subsets: [{name: ${subset}}]
`

const httpRules = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: d2iq-by-gateway, namespace: default}
spec:
  hosts: [d2iq.com]
  gateways: [mesh, way-out]
  http:
  - match: [{gateways: [mesh], port: 80}]
    route:
    - destination: {host: istio-egressgateway.istio-system.svc.cluster.local, subset: d2iq, port: {number: 80}}
  - match: [{gateways: [way-out], port: 80}]
    route:
    - destination: {host: d2iq.com, port: {number: 80}}
`

const redis = (resolution: string, more = ''): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: redis, namespace: default}
spec:
  hosts: [redis.domain]
  addresses: [203.0.113.40]
  location: MESH_EXTERNAL
  ports: [{number: 6379, name: tcp-redis, protocol: TCP}]
  resolution: ${resolution}
${more}`

const redisRules = `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: redis-by-gateway, namespace: default}
spec:
  hosts: [redis.domain]
  gateways: [mesh, way-out]
  tcp:
  - match: [{gateways: [mesh], destinationSubnets: [203.0.113.40/32], port: 6379}]
    route:
    - destination: {host: istio-egressgateway.istio-system.svc.cluster.local, subset: redis, port: {number: 6379}}
  - match: [{gateways: [way-out], port: 6379}]
    route:
    - destination: {host: redis.domain, port: {number: 6379}}
`

/** As an installation has it: the gateway's Service, here said as a ServiceEntry. */
const installedGateway = `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: istio-egressgateway, namespace: istio-system}
spec:
  hosts: [istio-egressgateway.istio-system.svc.cluster.local]
  addresses: [198.18.100.1]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - {number: 80, targetPort: 8080, name: http, protocol: HTTP}
  - {number: 6379, name: tcp-redis, protocol: TCP}
  endpoints:
  - address: 198.18.0.20
    labels: {istio: egressgateway, app: istio-egressgateway}
`

const httpGateway = d2iq + wayOut('{number: 80, name: http, protocol: HTTP}', 'd2iq.com', 'd2iq') + httpRules
const tcpGateway = wayOut('{number: 6379, name: tcp-redis, protocol: TCP}', 'redis.domain', 'redis') + redisRules
const embedded = { embeddedGateway: { socketDirectory: '/run/sally' } }
const http: Call = { to: '203.0.113.10:80', host: 'd2iq.com', names }
const tcp: Call = { to: '203.0.113.40:6379', bytes: true }
const atGateway: MeshPlan = { proxy: gateway }

interface Step {
  readonly yaml: string
  readonly plan?: MeshPlan
  readonly call: Call
  readonly strict: string
  readonly istio: string
}

const steps: Record<string, Step> = {
  'HTTP under ALLOW_ANY goes where it was dialled': {
    yaml: '',
    plan: { policy: 'ALLOW_ANY' },
    call: http,
    strict: 'PassthroughCluster -> 203.0.113.10:80',
    istio: 'PassthroughCluster -> 203.0.113.10:80',
  },
  'HTTP under REGISTRY_ONLY with nothing declared is refused': {
    yaml: '',
    call: http,
    strict: 'not-declared 403 UH',
    istio: 'not-declared 0 UH',
  },
  'HTTP to a declared host is resolved here and goes directly': {
    yaml: d2iq,
    call: { ...http, to: '203.0.113.99:80' },
    strict: 'outbound|80||d2iq.com -> 203.0.113.10:80',
    istio: 'outbound|80||d2iq.com -> 203.0.113.10:80',
  },
  'HTTP to another host on the same port is refused': {
    yaml: d2iq,
    call: { ...http, host: 'plain.example.test' },
    strict: 'not-declared 403 -',
    istio: 'not-declared 502 -',
  },
  'TLS to a declared host is chosen by its server name': {
    yaml: d2iq,
    call: { to: '203.0.113.99:443', sni: 'd2iq.com', names },
    strict: 'outbound|443||d2iq.com -> 203.0.113.10:443',
    istio: 'outbound|443||d2iq.com -> 203.0.113.10:443',
  },
  'TLS with another server name is refused': {
    yaml: d2iq,
    call: { to: '203.0.113.99:443', sni: 'other.example.test' },
    strict: 'not-declared 0 UH',
    istio: 'not-declared 0 UH',
  },
  'with the three gateway objects HTTP goes to the gateway': {
    yaml: httpGateway + installedGateway,
    call: http,
    strict: 'outbound|80|d2iq|istio-egressgateway.istio-system.svc.cluster.local -> 198.18.0.20:8080',
    istio: 'outbound|80|d2iq|istio-egressgateway.istio-system.svc.cluster.local -> 198.18.0.20:8080',
  },
  'the gateway sends HTTP on to the host': {
    yaml: httpGateway + installedGateway,
    plan: atGateway,
    call: { ...http, to: '198.18.0.20:8080', listener: '0.0.0.0_8080' },
    strict: 'outbound|80||d2iq.com -> 203.0.113.10:80',
    istio: 'outbound|80||d2iq.com -> 203.0.113.10:80',
  },
  'a gateway that no file contains is reached by its socket': {
    yaml: httpGateway,
    plan: { options: embedded },
    call: http,
    strict: 'outbound|80|d2iq|istio-egressgateway.istio-system.svc.cluster.local -> /run/sally/80.sock',
    istio: 'outbound|80|d2iq|istio-egressgateway.istio-system.svc.cluster.local -> /run/sally/80.sock',
  },
  'the gateway behind the socket sends HTTP on to the host': {
    yaml: httpGateway,
    plan: { ...atGateway, options: embedded },
    call: { ...http, to: '203.0.113.10:80', listener: '0.0.0.0_80' },
    strict: 'outbound|80||d2iq.com -> 203.0.113.10:80',
    istio: 'outbound|80||d2iq.com -> 203.0.113.10:80',
  },
  'without anything to stand in for it, the way to the gateway ends at once': {
    yaml: httpGateway,
    call: http,
    strict: 'no-cluster 503 NC',
    istio: 'no-cluster 503 NC',
  },
  'TCP under ALLOW_ANY goes where it was dialled': {
    yaml: '',
    plan: { policy: 'ALLOW_ANY' },
    call: tcp,
    strict: 'PassthroughCluster -> 203.0.113.40:6379',
    istio: 'PassthroughCluster -> 203.0.113.40:6379',
  },
  'TCP under REGISTRY_ONLY with nothing declared is closed': {
    yaml: '',
    call: tcp,
    strict: 'not-declared 0 UH',
    istio: 'not-declared 0 UH',
  },
  'TCP to a declared address is opened': {
    yaml: redis('NONE'),
    call: tcp,
    strict: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
    istio: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
  },
  'TCP to another address on the port is closed': {
    yaml: redis('NONE'),
    call: { ...tcp, to: '203.0.113.41:6379' },
    strict: 'not-declared 0 UH',
    istio: 'not-declared 0 UH',
  },
  'with the gateway objects TCP goes to the gateway': {
    yaml: redis('NONE') + tcpGateway + installedGateway,
    call: tcp,
    strict: 'outbound|6379|redis|istio-egressgateway.istio-system.svc.cluster.local -> 198.18.0.20:6379',
    istio: 'outbound|6379|redis|istio-egressgateway.istio-system.svc.cluster.local -> 198.18.0.20:6379',
  },
  'without the VirtualService TCP still goes directly': {
    yaml: redis('NONE') + wayOut('{number: 6379, name: tcp-redis, protocol: TCP}', 'redis.domain', 'redis') + installedGateway,
    call: tcp,
    strict: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
    istio: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
  },
  'a gateway dials the one declared address of a service without resolution, where Istio has nothing to dial': {
    yaml: redis('NONE') + tcpGateway + installedGateway,
    plan: atGateway,
    call: { to: '198.18.0.20:6379', listener: '0.0.0.0_6379', bytes: true },
    strict: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
    istio: 'no-endpoints 0 UH',
  },
  'a gateway dials the endpoints of a STATIC service': {
    yaml: redis('STATIC', '  endpoints: [{address: 203.0.113.40}]') + tcpGateway + installedGateway,
    plan: atGateway,
    call: { to: '198.18.0.20:6379', listener: '0.0.0.0_6379', bytes: true },
    strict: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
    istio: 'outbound|6379||redis.domain -> 203.0.113.40:6379',
  },
  'TCP goes through the socket of a gateway that no file contains': {
    yaml: redis('NONE') + tcpGateway,
    plan: { options: embedded },
    call: tcp,
    strict: 'outbound|6379|redis|istio-egressgateway.istio-system.svc.cluster.local -> /run/sally/6379.sock',
    istio: 'outbound|6379|redis|istio-egressgateway.istio-system.svc.cluster.local -> /run/sally/6379.sock',
  },
}

describe.each(['strict', 'istio'] as const)('%s', (strictness) => {
  for (const [name, step] of Object.entries(steps)) {
    test(name, () => {
      const { runtime } = pipeline(step.yaml, { ...step.plan, strictness })
      expect(verdict(runtime, step.call)).toBe(step[strictness])
    })
  }
})
