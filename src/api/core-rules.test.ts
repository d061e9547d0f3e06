// Holds the rules for Service, Namespace and mesh settings.
import { describe, expect, test } from 'vitest'
import { checkMeshConfig, checkMetadata, type Meta, otherKind, Report } from './index.ts'
import { findingsOf, lineOf } from './testdata/findings-of.ts'

const services: Record<string, { readonly spec: string; readonly finds: readonly string[] }> = {
  'as a cluster dumps it': {
    spec: '{type: ClusterIP, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, internalTrafficPolicy: Cluster, sessionAffinity: None, selector: {app: x}, ports: [{name: http, port: 80, targetPort: http, protocol: TCP}]}',
    finds: [],
  },
  headless: { spec: '{clusterIP: None}', finds: [] },
  'ports need names where there are several, each its own': {
    spec: '{ports: [{port: 80}, {name: a, port: 81}, {name: a, port: 82}]}',
    finds: [
      'error spec.ports[0].name: a port needs a name where there are several',
      'error spec.ports[2].name: port name "a" is used twice',
    ],
  },
  'no ports': {
    spec: '{clusterIP: nowhere}',
    finds: ['error spec.ports: a Service must have at least one port', 'error spec.clusterIP: nowhere is not a valid IP'],
  },
  'an external name is not carried out': {
    spec: '{type: ExternalName, externalName: a.test}',
    finds: [
      'unsupported spec.type: type ExternalName is understood but not carried out yet: connections to it are refused; declare the host by a ServiceEntry with resolution DNS',
    ],
  },
}

test.each(Object.entries(services))('Service: %s', (_title, { spec, finds }) => expect(findingsOf('Service', spec)).toEqual(finds))

const secrets: Record<string, { readonly spec: string; readonly finds: readonly string[] }> = {
  'as kubectl writes it': { spec: '{type: kubernetes.io/tls, data: {tls.crt: Zm9v, tls.key: Zm9vYg==}}', finds: [] },
  'over several lines, and as text': { spec: '{data: {ca.crt: "Zm9v\\nZm9v\\n", empty: ""}, stringData: {cert: whatever}}', finds: [] },
  'data that are no base64': {
    spec: '{data: {tls.crt: "-----BEGIN CERTIFICATE-----"}}',
    finds: ['warning data["tls.crt"]: this is not base64, so the Secret has no such key'],
  },
}

test.each(Object.entries(secrets))('Secret: %s', (_title, { spec, finds }) => expect(findingsOf('Secret', spec)).toEqual(finds))

describe('Namespace', () => {
  test('a gateway that it requires is not carried out', () => {
    const found = findingsOf('Namespace', '{}', {
      labels: { 'istio.io/use-waypoint': 'w' },
      annotations: { 'sallyport.dev/require-gateway': 'g' },
    })
    expect(found).toEqual([
      'unsupported metadata.labels["istio.io/use-waypoint"]: the label istio.io/use-waypoint is understood but not carried out yet: traffic of this namespace is refused',
      'unsupported metadata.annotations["sallyport.dev/require-gateway"]: sallyport.dev/require-gateway is understood but not carried out yet: traffic of this namespace is refused',
    ])
    expect(findingsOf('Namespace', '{}', { labels: { 'istio.io/use-waypoint': 'none' } })).toEqual([])
  })
})

const metas: Record<string, { readonly meta: Partial<Meta>; readonly finds: readonly string[] }> = {
  'names as Kubernetes takes them': { meta: { name: 'a.b-c', namespace: 'x-1' }, finds: [] },
  capitals: {
    meta: { name: 'A' },
    finds: [
      'error metadata.name: name "A" is not valid: it takes lower-case letters, digits, hyphens and dots, at most 253, and letters or digits at the ends',
    ],
  },
  'a namespace with a dot': {
    meta: { namespace: 'a.b' },
    finds: [
      'error metadata.namespace: namespace "a.b" is not valid: it takes lower-case letters, digits and hyphens, at most 63, and letters or digits at the ends',
    ],
  },
  'labels and annotations': {
    meta: { labels: { 'a b': 'c' }, annotations: { 'a b': 'any thing' } },
    finds: ['error metadata.labels["a b"]: invalid tag key: "a b"', 'error metadata.annotations["a b"]: invalid annotation key: "a b"'],
  },
  'a name of ours that is misspelt': {
    meta: { labels: { 'sallyport.dev/require-gatway': 'x' } },
    finds: ['error metadata.labels["sallyport.dev/require-gatway"]: unknown name "sallyport.dev/require-gatway"'],
  },
  'a dry run is for policies': {
    meta: { annotations: { 'istio.io/dry-run': 'true' } },
    finds: [
      'error metadata.annotations["istio.io/dry-run"]: default/it has unsupported annotation istio.io/dry-run, please remove the annotation',
    ],
  },
}

test.each(Object.entries(metas))('metadata: %s', (_title, { meta, finds }) => {
  const report = new Report()
  checkMetadata({ name: 'it', namespace: 'default', labels: {}, annotations: {}, created: 0, ...meta }, 'ServiceEntry', report)
  expect(report.findings.map(lineOf)).toEqual(finds)
})

test('mesh settings', () => {
  const report = new Report()
  checkMeshConfig(
    { connectTimeout: '2h', protocolDetectionTimeout: '0.5ms', rootNamespace: 'a.b', defaultServiceExportTo: ['~', 'not/valid'] },
    report,
  )
  checkMeshConfig({ connectTimeout: '1s', protocolDetectionTimeout: '0s', defaultServiceExportTo: ['.', 'x'] }, report)
  expect(report.findings.map(lineOf)).toEqual([
    'error connectTimeout: invalid connect timeout: time 2h must be >1ms and <1h0m0s',
    'error protocolDetectionTimeout: invalid protocol detection timeout: duration must be greater than 1ms',
    'error rootNamespace: invalid root namespace: "a.b"',
    'error defaultServiceExportTo[1]: only .,*, ~ or a valid DNS 1123 label is allowed as exportTo entry',
  ])
})

const fates: Record<string, string | undefined> = {
  'networking.istio.io/EnvoyFilter': 'deny',
  'networking.istio.io/ProxyConfig': 'warn',
  'networking.istio.io/WorkloadGroup': 'warn',
  'networking.istio.io/Nonsense': undefined,
  'security.istio.io/AuthorizationPolicy': 'deny',
  'security.istio.io/RequestAuthentication': 'deny',
  'security.istio.io/PeerAuthentication': 'warn',
  'extensions.istio.io/WasmPlugin': 'deny',
  'networking.k8s.io/NetworkPolicy': 'deny',
  'networking.k8s.io/Ingress': 'ignore',
  'apps/Deployment': 'ignore',
  '/Secret': undefined,
  '/ServiceAccount': 'ignore',
  '/Endpoints': 'warn',
  '/Servce': undefined,
  '/ServiceEntry': undefined,
  'gateway.networking.k8s.io/HTTPRoute': undefined,
}

test.each(Object.entries(fates))('%s is not read: %s', (name, fate) => {
  const [group = '', kind = ''] = name.split('/')
  expect(otherKind(group, kind)?.fate).toBe(fate)
})
