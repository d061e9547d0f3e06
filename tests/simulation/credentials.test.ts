// Holds which Secrets a proxy is given, and what of them, from declarations to resources.
import { expect, test } from 'vitest'
import { readText } from '../../src/config/index.ts'
import { buildModel } from '../../src/model/index.ts'
import type { Secret } from '../../src/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { type Proxy, translate } from '../../src/translate/index.ts'

const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: shop}
spec: {hosts: [a.test], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
`
const rule = (tls: string, selector = '{matchLabels: {app: web}}') => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: shop}
spec: {host: a.test, trafficPolicy: {tls: {credentialName: mine, ${tls}}}${selector === '' ? '' : `, workloadSelector: ${selector}`}}
`
const server = (tls: string) => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: other}
spec: {selector: {istio: egressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.test], tls: {credentialName: mine, ${tls}}}]}
`
const secret = (name: string, data: string, namespace = 'shop') => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: ${namespace}}
${data}
`
const text = (value: string) => Buffer.from(value).toString('base64')
const both = `data: {tls.crt: ${text('C')}, tls.key: ${text('K')}, ca.crt: ${text('R')}}`
const own = 'kubernetes://mine'
const roots = 'kubernetes://mine-cacert'

interface Case {
  readonly yaml: string
  readonly role?: Proxy['role']
  readonly given: Readonly<Record<string, string>>
}

const cases: Record<string, Case> = {
  'a sidecar that a rule selects has its certificate and those to trust': {
    yaml: rule('mode: MUTUAL') + secret('mine', both),
    given: { [own]: 'C K', [roots]: 'trusts R' },
  },
  'without mutual TLS it needs no certificate': { yaml: rule('mode: SIMPLE') + secret('mine', both), given: { [roots]: 'trusts R' } },
  'one that is selected by nothing has none': { yaml: rule('mode: MUTUAL', '') + secret('mine', both), given: {} },
  'nor one that the rule does not select': { yaml: rule('mode: MUTUAL', '{matchLabels: {app: till}}') + secret('mine', both), given: {} },
  'a gateway needs no selector': {
    yaml: rule('mode: MUTUAL', '') + secret('mine', both),
    role: 'gateway',
    given: { [own]: 'C K', [roots]: 'trusts R' },
  },
  'a server shows the certificate of the gateway’s own namespace': {
    yaml: server('mode: SIMPLE') + secret('mine', both) + secret('mine', `data: {tls.crt: ${text('X')}, tls.key: ${text('X')}}`, 'other'),
    role: 'gateway',
    given: { [own]: 'C K' },
  },
  'and trusts by the same Secret': {
    yaml: server('mode: MUTUAL') + secret('mine', both),
    role: 'gateway',
    given: { [own]: 'C K', [roots]: 'trusts R' },
  },
  'also where a certificate may be left out': {
    yaml: server('mode: OPTIONAL_MUTUAL') + secret('mine', both),
    role: 'gateway',
    given: { [own]: 'C K', [roots]: 'trusts R' },
  },
  'those to trust may have a Secret of their own': {
    yaml: rule('mode: MUTUAL') + secret('mine', both) + secret('mine-cacert', `data: {cacert: ${text('O')}}`),
    given: { [own]: 'C K', [roots]: 'trusts O' },
  },
  'which counts alone': {
    yaml: rule('mode: SIMPLE') + secret('mine', both) + secret('mine-cacert', `data: {other: ${text('O')}}`),
    given: {},
  },
  'the keys of a generic Secret come first': {
    yaml: rule('mode: MUTUAL') + secret('mine', `${both.slice(0, -1)}, cert: ${text('c')}, key: ${text('k')}, cacert: ${text('r')}}`),
    given: { [own]: 'c k', [roots]: 'trusts r' },
  },
  'unless they are half of them': {
    yaml: rule('mode: MUTUAL') + secret('mine', `${both.slice(0, -1)}, cert: ${text('c')}, key: ''}`),
    given: { [own]: 'C K', [roots]: 'trusts R' },
  },
  'a list of those that are revoked comes along': {
    yaml: rule('mode: SIMPLE') + secret('mine', `${both.slice(0, -1)}, ca.crl: ${text('L')}, crl: ${text('l')}}`),
    given: { [roots]: 'trusts R but L' },
  },
  'each with the key beside it': {
    yaml: rule('mode: SIMPLE') + secret('mine', `data: {cacert: ${text('r')}, ca.crl: ${text('L')}, crl: ${text('l')}}`),
    given: { [roots]: 'trusts r but l' },
  },
  'texts count before bytes': {
    yaml: rule('mode: SIMPLE') + secret('mine', `${both}\nstringData: {ca.crt: S}`),
    given: { [roots]: 'trusts S' },
  },
  'a Secret that is not there is left out': { yaml: rule('mode: MUTUAL') + secret('other', both), given: {} },
  'and one without what is needed': { yaml: rule('mode: MUTUAL') + secret('mine', 'data: {tls.crt: ""}'), given: {} },
  'and one of another namespace': { yaml: rule('mode: MUTUAL') + secret('mine', both, 'other'), given: {} },
  'no check of certificates needs nobody to trust': {
    yaml: rule('mode: MUTUAL, insecureSkipVerify: true') + secret('mine', both),
    given: { [own]: 'C K' },
  },
}

const proxyOf = (role: Proxy['role']): Proxy => ({
  role,
  namespace: 'shop',
  name: 'one',
  labels: role === 'gateway' ? { istio: 'egressgateway' } : { app: 'web' },
})

test.each(Object.entries(cases))('%s', (_sentence, { yaml, role = 'sidecar', given }) => {
  const { snapshot } = translate(modelOf(entry + yaml), proxyOf(role))
  expect(Object.fromEntries(Array.from(snapshot.secrets, ([name, one]) => [name, said(one)]))).toEqual(given)
})

test('a Secret that did not change stays the same object, and one that did is another', () => {
  const proxy = proxyOf('sidecar')
  const at = (yaml: string) => translate(modelOf(entry + rule('mode: SIMPLE') + yaml), proxy).snapshot.secrets
  const first = modelOf(entry + rule('mode: SIMPLE') + secret('mine', both))
  const before = translate(first, proxy).snapshot.secrets
  expect(translate(first, proxy).snapshot.secrets).toBe(before)
  const after = at(secret('mine', `data: {ca.crt: ${text('N')}}`))
  expect(said(after.get(roots))).toBe('trusts N')
})

function modelOf(yaml: string) {
  const { resources, settings, issues } = readText(yaml, 'policy.yaml', { outboundPolicy: 'REGISTRY_ONLY' })
  expect(issues.filter(({ level }) => level === 'error')).toEqual([])
  return buildModel(resources, settings)
}

function said(secret: Secret | undefined): string {
  const type = secret?.type
  const of = (source: { readonly specifier: { readonly value?: unknown } } | undefined) =>
    Buffer.from(source?.specifier.value as Uint8Array).toString()
  if (type?.case === 'tlsCertificate') return `${of(type.value.certificateChain)} ${of(type.value.privateKey)}`
  if (type?.case !== 'validationContext') return 'nothing'
  return `trusts ${of(type.value.trustedCa)}${type.value.crl ? ` but ${of(type.value.crl)}` : ''}`
}
