// Holds the rules for DestinationRule: what is refused, what is warned of, and with which words.
import { expect, test } from 'vitest'
import { findingsOf } from './testdata/findings-of.ts'

const cases: Record<string, { readonly spec: string; readonly finds: readonly string[] }> = {
  'subsets and timeouts are in order': {
    spec: `
      host: a.example.test
      subsets: [{name: v1, labels: {version: v1}}, {name: v2}]
      trafficPolicy: {connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 0s}}, tls: {mode: DISABLE}}`,
    finds: [],
  },
  'no host, an empty policy': {
    spec: '{trafficPolicy: {}}',
    finds: ['error spec.host: empty domain name not allowed', 'error spec.trafficPolicy: traffic policy must have at least one field'],
  },
  'subset names': {
    spec: "{host: a.test, subsets: [{name: 'A b'}, {name: v1}, {name: v1, labels: {'': x}}, {}]}",
    finds: [
      'error spec.subsets[0].name: subset name is invalid: A b',
      'error spec.subsets[2].name: duplicate subset names: v1',
      'error spec.subsets[2].labels: invalid tag key: ""',
      'error spec.subsets[3].name: subset name cannot be empty',
    ],
  },
  'a selector reaches its own namespace only': {
    spec: '{host: a.test, workloadSelector: {matchLabels: {a: b}}, exportTo: [other]}',
    finds: ['error spec.exportTo: destination rule with workload selector cannot have exportTo beyond current namespace'],
  },
  'a selector with its own namespace and another': {
    spec: '{host: a.test, workloadSelector: {matchLabels: {a: b}}, exportTo: [., other]}',
    finds: ['error spec.exportTo: destination rule with workload selector cannot have multiple entries in exportTo'],
  },
  'selectors have whole labels': {
    spec: "{host: a.test, workloadSelector: {matchLabels: {'': b, c: 'x*'}}}",
    finds: [
      'error spec.workloadSelector: empty key is not supported in selector: "=b"',
      'error spec.workloadSelector: wildcard is not supported in selector: "c=x*"',
    ],
  },
  'TLS is begun, that of the mesh too, with Secrets too': {
    spec: '{host: a.test, trafficPolicy: {tls: {mode: SIMPLE, sni: b.test, credentialName: c}}, subsets: [{name: s, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]}',
    finds: [],
  },
  'a credential that is no Secret of the proxy’s namespace': {
    spec: '{host: a.test, trafficPolicy: {tls: {mode: SIMPLE, credentialName: "configmap://shop/roots"}}}',
    finds: [
      'unsupported spec.trafficPolicy.tls.credentialName: credentialName "configmap://shop/roots" is understood but not carried out yet: it is no name of a Secret; connections that this policy governs are refused',
    ],
  },
  'TLS settings contradict each other': {
    spec: `
      host: a.test
      trafficPolicy:
        tls: {mode: DISABLE}
        portLevelSettings:
        - {port: {number: 1}, tls: {mode: MUTUAL}}
        - {port: {number: 2}, tls: {mode: MUTUAL, credentialName: x, caCertificates: /a}}
        - {port: {number: 3}, tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}}
        - {port: {number: 4}}
        - {tls: {mode: DISABLE}}`,
    finds: [
      'error spec.trafficPolicy.portLevelSettings[0].tls.clientCertificate: client certificate required for mutual tls',
      'error spec.trafficPolicy.portLevelSettings[0].tls.privateKey: private key required for mutual tls',
      'error spec.trafficPolicy.portLevelSettings[1].tls.credentialName: cannot specify client certificates or CA certificate or CA CRL If credentialName is set',
      'warning spec.trafficPolicy.portLevelSettings[2].tls.insecureSkipVerify: certificates are not checked: whoever answers is believed to be the destination',
      'error spec.trafficPolicy.portLevelSettings[2].tls.insecureSkipVerify: cannot specify CaCertificates or CredentialName or SubjectAltNames when InsecureSkipVerify is set true',
      'error spec.trafficPolicy.portLevelSettings[3]: port traffic policy must have at least one field',
      'error spec.trafficPolicy.portLevelSettings[4].port: portTrafficPolicy must have valid port',
    ],
  },
  pools: {
    spec: `
      host: a.test
      trafficPolicy:
        connectionPool:
          tcp: {maxConnections: -1, connectTimeout: 0s, idleTimeout: 0.5ms}
          http: {maxRetries: -1, h2UpgradePolicy: UPGRADE, useClientProtocol: true, http2KeepAlive: {interval: 1s}}`,
    finds: [
      'error spec.trafficPolicy.connectionPool.http.maxRetries: max retries must be non-negative',
      'error spec.trafficPolicy.connectionPool.http.useClientProtocol: use client protocol must not be true when H2UpgradePolicy is UPGRADE',
      'error spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout: http2KeepAlive timeout must be set',
      'error spec.trafficPolicy.connectionPool.tcp.maxConnections: max connections must be non-negative',
      'error spec.trafficPolicy.connectionPool.tcp.connectTimeout: duration must be greater than 1ms',
      'error spec.trafficPolicy.connectionPool.tcp.idleTimeout: duration must be greater than 1ms',
    ],
  },
  'ways that are not gone': {
    spec: '{host: a.test, trafficPolicy: {tunnel: {protocol: GET, targetHost: "a b", targetPort: 0}}, subsets: [{name: s, trafficPolicy: {proxyProtocol: {version: V2}}}]}',
    finds: [
      'unsupported spec.trafficPolicy.tunnel: trafficPolicy.tunnel is understood but not carried out yet: connections that this policy governs are refused',
      'error spec.trafficPolicy.tunnel.protocol: tunnel protocol must be "CONNECT" or "POST"',
      'error spec.trafficPolicy.tunnel.targetHost: tunnel target host must be valid FQDN or IP address: domain name "a b" invalid (label "a b" invalid); a b is not a valid IP',
      'error spec.trafficPolicy.tunnel.targetPort: tunnel target port is invalid: port number 0 must be in the range 1..65535',
    ],
  },
  'outlier detection': {
    spec: '{host: a.test, trafficPolicy: {outlierDetection: {interval: 0s, consecutiveErrors: 3, consecutiveLocalOriginFailures: 2, maxEjectionPercent: 101}}}',
    finds: [
      'error spec.trafficPolicy.outlierDetection.interval: duration must be greater than 1ms',
      'warning spec.trafficPolicy.outlierDetection.consecutiveErrors: outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead',
      'error spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures: outlier detection consecutive local origin failures is specified, but split external local origin errors is set to false',
      'error spec.trafficPolicy.outlierDetection.maxEjectionPercent: percentage 101 is not in range 0..100',
    ],
  },
}

test.each(Object.entries(cases))('DestinationRule: %s', (_title, { spec, finds }) => {
  expect(findingsOf('DestinationRule', spec)).toEqual(finds)
})

const balancers: Record<string, { readonly settings: string; readonly finds: readonly string[] }> = {
  'a simple one': { settings: '{simple: ROUND_ROBIN}', finds: [] },
  'a cookie without a name': {
    settings: '{consistentHash: {httpCookie: {ttl: 1s}}}',
    finds: ['consistentHash.httpCookie.name: name required for HttpCookie'],
  },
  'a table that is no prime': {
    settings: '{consistentHash: {useSourceIp: true, maglev: {tableSize: 9}}}',
    finds: ['consistentHash.maglev.tableSize: tableSize must be a prime number for maglev'],
  },
  'shares that do not make a whole': {
    settings: '{localityLbSetting: {distribute: [{from: a, to: {b: 50}}]}}',
    finds: ['localityLbSetting.distribute[0].to: total locality weight 50 != 100'],
  },
  'a region that fails over to itself': {
    settings: '{localityLbSetting: {failover: [{from: a, to: a}]}}',
    finds: [
      'localityLbSetting: outlier detection policy must be provided for failover',
      'localityLbSetting.failover[0]: locality lb failover settings must specify different regions',
    ],
  },
  'places that overlap': {
    settings: "{localityLbSetting: {distribute: [{from: 'a/b', to: {c: 100}}, {from: a, to: {c: 100}}]}}",
    finds: ['localityLbSetting.distribute: locality a overlap with previous specified ones'],
  },
  'a warmup without an end': {
    settings: '{warmup: {minimumPercent: 101, aggression: 0}}',
    finds: [
      'warmup.duration: duration is required for warmup',
      'warmup.minimumPercent: minimumPercent must be at most 100',
      'warmup.aggression: aggression must be greater than 0',
    ],
  },
}

test.each(Object.entries(balancers))('load balancer: %s', (_title, { settings, finds }) => {
  const found = findingsOf('DestinationRule', `{host: a.test, trafficPolicy: {loadBalancer: ${settings}}}`)
  const isTold = (line: string): boolean => line.includes(' is not carried out yet: ')
  expect(found.filter((line) => !isTold(line)).map((line) => line.replace(/^\w+ spec\.trafficPolicy\.loadBalancer\./, ''))).toEqual(finds)
})

test('what is not carried out of a load balancer is told, and the rest is not', () => {
  const settings = '{simple: RANDOM, consistentHash: {useSourceIp: true}, localityLbSetting: {enabled: true}, warmup: {duration: 1s}}'
  expect(findingsOf('DestinationRule', `{host: a.test, trafficPolicy: {loadBalancer: ${settings}}}`)).toEqual([
    'warning spec.trafficPolicy.loadBalancer.localityLbSetting: loadBalancer.localityLbSetting is not carried out yet: endpoints are chosen among all, wherever they are',
    'warning spec.trafficPolicy.loadBalancer.warmup: loadBalancer.warmup is not carried out yet: new endpoints get their whole share at once',
  ])
})
