// Holds from YAML to verdict that nothing gets out by a way that its author did not open, and that what is refused says why.
import { describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { attempt, type Attempt, runtimeFor, type Setting, tell } from './pipeline.ts'

const other = { protocol: 'other' } as const
const http = (host: string, target = '/') => ({ protocol: 'http1', method: 'GET', target, host }) as const
const tls = (sni: string) => ({ protocol: 'tls', sni, alpn: [] }) as const

interface Case {
  readonly yaml: string
  readonly setting?: Setting
  readonly call: Omit<Attempt, 'to'> & { readonly to?: string }
  readonly becomes: string
  /** Of the refusal: who is to blame, as `KIND NAME`. */
  readonly by?: string
  readonly says?: RegExp
}

function holds(cases: Record<string, Case>): void {
  test.each(Object.entries(cases))('%s', (_sentence, { yaml, setting, call, becomes, by, says }) => {
    const played = attempt(runtimeFor(yaml, setting), call)
    const { reason } = played.end
    expect(tell(played)).toBe(becomes)
    if (by !== undefined) expect(`${reason.by?.kind} ${reason.by?.name}`).toBe(by)
    if (says !== undefined) expect(reason.text).toMatch(says)
  })
}

const web = serviceEntry({ host: 'web.test', port: 80, protocol: 'HTTP' })

describe('under ALLOW_ANY, this machine and its link are not "any"', () => {
  const targets = [
    '0.0.0.0:81',
    '0.0.0.0:80',
    '[::]:81',
    '127.0.0.1:81',
    '[::1]:81',
    '169.254.169.254:81',
    '[::ffff:169.254.169.254]:81',
    '[64:ff9b::a9fe:a9fe]:81',
    '[2002:7f00:1::]:81',
    '[fe80::1]:81',
    '224.0.0.1:81',
    '240.240.9.9:81',
    '198.51.100.7:81',
  ]
  test.each(targets)('%s', (to) => {
    const runtime = runtimeFor(web, { outboundPolicy: 'ALLOW_ANY', own: ['198.51.100.7'] })
    expect(tell(attempt(runtime, { to, says: other }))).toBe('deny private-address 0 UH')
  })
})

const wild = documents(
  serviceEntry({ host: '*.wild.test', port: 80, protocol: 'HTTP', resolution: 'NONE' }),
  serviceEntry({ host: 'narrow.wild.test', port: 8080, protocol: 'HTTP' }),
)
const answers = { 'narrow.wild.test': ['203.0.113.3'], 'deep.wild.test': ['10.0.0.1'] }

describe('a wildcard', () => {
  holds({
    'does not reopen a port that a narrower declaration left closed': {
      yaml: wild,
      call: { says: http('narrow.wild.test'), resolver: answers },
      becomes: 'deny not-declared 403 -',
      by: 'ServiceEntry narrow-wild-test',
    },
    'nor by another spelling of the name': {
      yaml: wild,
      call: { says: http('NARROW.wild.test.:8080'), resolver: answers },
      becomes: 'deny not-declared 403 -',
    },
    'leads to no private address': {
      yaml: wild,
      call: { says: http('deep.wild.test'), resolver: answers },
      becomes: 'deny private-address 403 UH',
    },
  })
})

const gatewayHost = 'istio-egressgateway.istio-system.svc.cluster.local'
const gatewayService = `apiVersion: v1
kind: Service
metadata: {name: istio-egressgateway, namespace: istio-system}
spec: {selector: {istio: egressgateway}, ports: [{name: http, port: 80}, {name: tcp, port: 6379}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: node, namespace: istio-system}
spec: {address: 198.51.100.20, labels: {istio: egressgateway}}
`
const gateway = (protocol: string, port: number) => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: ${port}, name: one, protocol: ${protocol}}, hosts: ['*']}]
`
const rules = (host: string, text: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: way, namespace: default}
spec:
  hosts: [${host}]
  gateways: [out, mesh]
${text}`

describe('a rule that leads the gateway to itself', () => {
  const route = (host: string) => `route: [{destination: {host: ${host}, port: {number: 80}}}]`
  const loop = rules('web.test', `  http:\n  - ${route(gatewayHost)}\n`)
  const whole = rules(
    'web.test',
    `  http:\n  - {match: [{gateways: [mesh]}], ${route(gatewayHost)}}\n  - {match: [{gateways: [out]}], ${route('web.test')}}\n`,
  )
  const atGateway = { role: 'gateway', namespace: 'istio-system', labels: { istio: 'egressgateway' } } as const
  const call = { listener: '0.0.0.0_80', to: '198.51.100.20:80', says: http('web.test'), resolver: { 'web.test': ['203.0.113.1'] } }
  const embedded = { ...atGateway, sockets: '/dev/shm/x' }
  holds({
    'is refused before the first round': {
      yaml: documents(web, gatewayService, gateway('HTTP', 80), loop),
      setting: atGateway,
      call,
      becomes: 'deny no-route 404 NR',
      says: /back to the gateway.*match: \[\{gateways: \[mesh\]\}\]/,
    },
    'also where the gateway stands beside the sidecar': {
      yaml: documents(web, gateway('HTTP', 80), loop),
      setting: embedded,
      call,
      becomes: 'deny no-route 404 NR',
    },
    'goes round as long as it can under Istio’s own behaviour': {
      yaml: documents(web, gatewayService, gateway('HTTP', 80), loop),
      setting: { ...atGateway, strictness: 'istio' },
      call,
      becomes: `forward outbound|80||${gatewayHost} -> 198.51.100.20:80`,
    },
    'is not one that says what is for whom': {
      yaml: documents(web, gatewayService, gateway('HTTP', 80), whole),
      setting: atGateway,
      call,
      becomes: 'forward outbound|80||web.test -> 203.0.113.1:80',
    },
    'nor is the way of the workload to the gateway': {
      yaml: documents(web, gatewayService, gateway('HTTP', 80), loop),
      call: { says: http('web.test') },
      becomes: `forward outbound|80||${gatewayHost} -> 198.51.100.20:80`,
    },
  })
})

describe('a TCP host without addresses', () => {
  const redis = serviceEntry({ host: 'redis.test', port: 6379, protocol: 'TCP', resolution: 'STATIC', endpoints: ['203.0.113.41'] })
  const destination = `route: [{destination: {host: ${gatewayHost}, port: {number: 6379}}}]`
  const led = documents(
    redis,
    gatewayService,
    gateway('TCP', 6379),
    rules('redis.test', `  tcp:\n  - {match: [{gateways: [mesh], port: 6379}], ${destination}}\n`),
  )
  holds({
    'is found by the endpoints that it declares': {
      yaml: redis,
      call: { to: '203.0.113.41:6379', says: other },
      becomes: 'forward outbound|6379||redis.test -> 203.0.113.41:6379',
    },
    'also when a rule leads its connections through a gateway': {
      yaml: led,
      call: { to: '203.0.113.41:6379', says: other },
      becomes: `forward outbound|6379||${gatewayHost} -> 198.51.100.20:6379`,
    },
    'does not have the gateway’s address by that': {
      yaml: led,
      call: { to: '198.51.100.20:6379', says: other },
      becomes: 'deny destination-mismatch 0 UH',
    },
    'leaves every other address closed': {
      yaml: redis,
      call: { to: '203.0.113.49:6379', says: other },
      becomes: 'deny destination-mismatch 0 UH',
      by: 'ServiceEntry redis-test',
    },
  })
})

describe('what is refused names who is to blame', () => {
  const vip = serviceEntry({
    host: 'vip.test',
    port: 443,
    protocol: 'TLS',
    resolution: 'STATIC',
    addresses: ['198.51.100.9'],
    endpoints: ['203.0.113.50'],
  })
  holds({
    'not a Service of the mesh that happens to have the port': {
      yaml: gatewayService,
      call: { to: '203.0.113.40:6379', says: other },
      becomes: 'deny not-declared 0 UH',
      by: 'Flag outbound-policy',
    },
    'the declaration of an address that was dialled with somebody else’s server name': {
      yaml: vip,
      call: { to: '198.51.100.9:443', says: tls('evil.test') },
      becomes: 'deny name-mismatch 0 UH',
      by: 'ServiceEntry vip-test',
    },
  })
})

describe('a port whose protocol nobody said', () => {
  const unset = (rest: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shared, namespace: default}
spec:
  hosts: [shared.test]
  ports: [{number: 443, name: any}]
  ${rest}
`
  const byName = unset('resolution: DNS')
  const atAddress = unset('resolution: STATIC\n  addresses: [198.51.100.9]\n  endpoints: [{address: 203.0.113.1}]')
  const resolver = { 'shared.test': ['203.0.113.1'] }
  const allowed = 'forward outbound|443||shared.test -> 203.0.113.1:443'
  const refused = 'deny name-mismatch 0 -'
  const toName = { name: 'shared.test', port: 443 }
  holds({
    'takes TLS with its host’s name': { yaml: byName, call: { toName, says: tls('Shared.test'), resolver }, becomes: allowed },
    'takes no TLS for another name that the same address may serve': {
      yaml: byName,
      call: { toName, says: tls('evil.test'), resolver },
      becomes: refused,
      by: 'ServiceEntry shared',
      says: /"evil.test" is not "shared.test".*protocol: TCP/,
    },
    'nor when the address itself is dialled': {
      yaml: byName,
      call: { to: '203.0.113.1:443', says: tls('evil.test'), resolver },
      becomes: refused,
    },
    'nor at an address that its author gave it': {
      yaml: atAddress,
      call: { to: '198.51.100.9:443', says: tls('evil.test') },
      becomes: refused,
    },
    'takes what says no name': { yaml: byName, call: { toName, says: { protocol: 'tls', alpn: [] }, resolver }, becomes: allowed },
    'takes other bytes': { yaml: atAddress, call: { to: '198.51.100.9:443', says: other }, becomes: allowed },
    'takes any name under Istio’s own behaviour': {
      yaml: atAddress,
      setting: { strictness: 'istio' },
      call: { to: '198.51.100.9:443', says: tls('evil.test') },
      becomes: allowed,
    },
    'is not one that says TCP': {
      yaml: byName.replace('name: any', 'name: any, protocol: TCP'),
      call: { toName, says: tls('evil.test'), resolver },
      becomes: allowed,
    },
  })
})
