// Holds what gateways that end TLS decide, from declarations to verdicts: which server a name chooses, and what becomes of what is inside.
import { describe, expect, test } from 'vitest'
import { decidedBy, pipeline, verdict } from './player.ts'

const entry = (name: string, host: string, port: string) => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${host}], location: MESH_EXTERNAL, resolution: DNS, ports: [${port}]}
`
const servers = (text: string) => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec: {selector: {istio: egressgateway}, servers: [${text}]}
`
const service = (name: string, host: string, rules: string) => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${host}], gateways: [out], ${rules}}
`
const to = (host: string, port: number) => `route: [{destination: {host: ${host}, port: {number: ${port}}}}]`

const web = entry('web', 'web.test', '{number: 80, name: http, protocol: HTTP}')
const store = entry('store', 'store.test', '{number: 6379, name: tcp, protocol: TCP}')
const files = 'serverCertificate: /s.crt, privateKey: /s.key'
const https = (tls: string, hosts = 'web.test', number = 443, name = 'https') =>
  `{port: {number: ${number}, name: ${name}, protocol: HTTPS}, hosts: [${hosts}], tls: {${tls}}}`
const tls = (mode: string, hosts: string, name = 'tls') =>
  `{port: {number: 7000, name: ${name}, protocol: TLS}, hosts: [${hosts}], tls: {${mode}}}`
const toWeb = service('web', 'web.test', `http: [{match: [{uri: {prefix: /no}}], directResponse: {status: 403}}, {${to('web.test', 80)}}]`)
const toStore = service('store', 'store.test', `tcp: [{${to('store.test', 6379)}}]`)

const at = (port: number) => ({ to: `198.18.0.20:${port}`, listener: `0.0.0.0_${port}` })
const names = { 'web.test': ['203.0.113.11'], 'store.test': ['203.0.113.40'], 'other.test': ['203.0.113.41'] }

interface Case {
  readonly yaml: string
  readonly call: Omit<Parameters<typeof verdict>[1], 'names'>
  readonly is: string
  readonly by?: string
  readonly strictness?: 'istio'
}

const cases: Record<string, Case> = {
  'a request inside of TLS follows its route': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'web.test' },
    is: 'outbound|80||web.test -> 203.0.113.11:80',
    by: 'VirtualService default/web spec.http[1]',
  },
  'and its rules are asked': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'web.test', path: '/no' },
    is: 'answer 403 -',
  },
  'another host inside than the server has is not found': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'other.test' },
    is: 'no-route 404 NR',
  },
  'another server name is taken by nobody': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`))}${toWeb}`,
    call: { ...at(443), sni: 'other.test' },
    is: 'no-filter-chain 0 NR',
  },
  'nor is TLS without a name': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`))}${toWeb}`,
    call: { ...at(443), bytes: true },
    is: 'no-filter-chain 0 NR',
  },
  'a server of any host takes no plain request': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`, '"*"'))}${toWeb}`,
    call: { ...at(443), host: 'web.test' },
    is: 'no-filter-chain 403 NR',
  },
  'but TLS with any name': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}`, '"*"'))}${toWeb}`,
    call: { ...at(443), sni: 'whatever.test', host: 'web.test' },
    is: 'outbound|80||web.test -> 203.0.113.11:80',
  },
  'TCP inside of TLS goes by tcp rules': {
    yaml: `${store}${servers(tls('mode: ISTIO_MUTUAL', 'store.test'))}${toStore}`,
    call: { ...at(7000), sni: 'store.test' },
    is: 'outbound|6379||store.test -> 203.0.113.40:6379',
    by: 'VirtualService default/store spec.tcp[0]',
  },
  'two stores behind one server are told apart by their names': {
    yaml: `${store}${entry('other', 'other.test', '{number: 6380, name: tcp, protocol: TCP}')}${servers(
      tls('mode: ISTIO_MUTUAL', 'store.test, other.test'),
    )}${toStore}${service('other', 'other.test', `tcp: [{${to('other.test', 6380)}}]`)}`,
    call: { ...at(7000), sni: 'other.test' },
    is: 'outbound|6380||other.test -> 203.0.113.41:6380',
  },
  'and are both the first one’s to Istio': {
    yaml: `${store}${entry('other', 'other.test', '{number: 6380, name: tcp, protocol: TCP}')}${servers(
      tls('mode: ISTIO_MUTUAL', 'store.test, other.test'),
    )}${toStore}${service('other', 'other.test', `tcp: [{${to('other.test', 6380)}}]`)}`,
    call: { ...at(7000), sni: 'store.test' },
    strictness: 'istio',
    is: 'outbound|6380||other.test -> 203.0.113.41:6380',
  },
  'a name that an older server has is left to it': {
    yaml: `${web}${store}${servers(`${tls('mode: PASSTHROUGH', 'store.test')}, ${tls('mode: ISTIO_MUTUAL', 'store.test', 'tls2')}`)}${service(
      'store',
      'store.test',
      `tls: [{match: [{sniHosts: [store.test]}], ${to('store.test', 6379)}}], tcp: [{${to('store.test', 6379)}}]`,
    )}`,
    call: { ...at(7000), sni: 'store.test' },
    is: 'outbound|6379||store.test -> 203.0.113.40:6379',
    by: 'VirtualService default/store spec.tls[0]',
  },
  'ciphers may be said': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256]`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'web.test' },
    is: 'outbound|80||web.test -> 203.0.113.11:80',
  },
  'but none that is unknown': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, NOPE]`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test' },
    is: 'not-supported 0 UH',
    by: 'Gateway default/out spec.servers[0].tls.cipherSuites',
  },
  'which Istio passes over': {
    yaml: `${web}${servers(https(`mode: SIMPLE, ${files}, cipherSuites: [NOPE]`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'web.test' },
    strictness: 'istio',
    is: 'outbound|80||web.test -> 203.0.113.11:80',
  },
  'a certificate may be left out where the server says so': {
    yaml: `${web}${servers(https(`mode: OPTIONAL_MUTUAL, ${files}, caCertificates: /ca.crt`))}${toWeb}`,
    call: { ...at(443), sni: 'web.test', host: 'web.test' },
    is: 'outbound|80||web.test -> 203.0.113.11:80',
  },
}

describe('a gateway that ends TLS', () => {
  test.each(Object.entries(cases))('%s', (_sentence, { yaml, call, is, by, strictness }) => {
    const { runtime } = pipeline(yaml, { proxy: { role: 'gateway' }, ...(strictness && { strictness }) })
    expect(verdict(runtime, { ...call, names })).toBe(is)
    if (by !== undefined) expect(decidedBy(runtime, { ...call, names })).toBe(by)
  })
})
