// Holds from YAML to verdict how a destination is spoken to: what a DestinationRule says, where it counts, and that nothing is quietly left undone.
import { describe, expect, test } from 'vitest'
import type { CompiledCluster } from '../../src/runtime/index.ts'
import { destinationRule, documents, serviceEntry } from '../support/declare.ts'
import { attempt, type Attempt, runtimeFor, type Setting, tell } from './pipeline.ts'

const http = (host: string) => ({ protocol: 'http1', method: 'GET', target: '/', host }) as const

const entry = serviceEntry({ host: 'a.test', port: 80, protocol: 'HTTP' })
const tcpEntry = serviceEntry({ host: 'a.test', port: 7000, protocol: 'TCP', addresses: ['203.0.113.41'] })
const wildEntry = serviceEntry({ host: '*.w.test', port: 443, protocol: 'TLS', resolution: 'NONE' })
const resolver = { 'a.test': ['203.0.113.1', '203.0.113.2'], 'x.w.test': ['203.0.113.3'] }

const request: Call = { says: http('a.test') }
const connection: Call = { to: '203.0.113.41:7000' }

type Call = Omit<Attempt, 'to'> & { readonly to?: string }

interface Case {
  readonly yaml?: string
  readonly policy: unknown
  readonly call?: Call
  readonly setting?: Setting
  /** The parts of the cluster that are looked at. */
  readonly means: Partial<CompiledCluster>
}

function clusterFor({ yaml = entry, policy, call = request, setting }: Omit<Case, 'means'>): CompiledCluster {
  const host = yaml === wildEntry ? '*.w.test' : 'a.test'
  const runtime = runtimeFor(documents(yaml, destinationRule({ host, policy })), setting)
  const { end } = attempt(runtime, { resolver, ...call })
  if (end.verdict !== 'forward') throw new Error(`${end.verdict}: ${end.reason.text}`)
  return end.cluster
}

const tls = { sans: [], alpn: [], minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', host: 'a.test' } as const
const secure = { mode: 'SIMPLE' }
const dns = (value: string) => ({ kind: 'dns', match: 'exact', value, ignoreCase: true }) as const

const origination: Record<string, Case> = {
  'SIMPLE asks for the request’s host, proves it, and trusts the system': {
    policy: { tls: secure },
    means: { tls: { ...tls, autoSni: true, autoSan: true, roots: 'system' } },
  },
  'a file of certificates is trusted instead': {
    policy: { tls: { ...secure, caCertificates: '/ca.crt', caCrl: '/crl.pem' } },
    means: { tls: { ...tls, autoSni: true, autoSan: true, roots: '/ca.crt', crl: '/crl.pem' } },
  },
  'MUTUAL shows a certificate': {
    policy: { tls: { mode: 'MUTUAL', clientCertificate: '/c.crt', privateKey: '/c.key' } },
    means: { tls: { ...tls, autoSni: true, autoSan: true, roots: 'system', certificate: { chain: '/c.crt', key: '/c.key' } } },
  },
  'a server name replaces the host, and is proven': {
    policy: { tls: { ...secure, sni: 'b.test' } },
    means: { tls: { ...tls, sni: 'b.test', autoSni: false, autoSan: false, roots: 'system', sans: [dns('b.test')] } },
  },
  'as Istio, a server name is not written as one to be proven (the proxy does so all the same)': {
    policy: { tls: { ...secure, sni: 'b.test' } },
    setting: { strictness: 'istio' },
    means: { tls: { ...tls, sni: 'b.test', autoSni: false, autoSan: false, roots: 'system' } },
  },
  'names replace the host': {
    policy: { tls: { ...secure, subjectAltNames: ['c.test'] } },
    means: {
      tls: { ...tls, autoSni: true, autoSan: false, roots: 'system', sans: [{ match: 'exact', value: 'c.test', ignoreCase: false }] },
    },
  },
  'names of the ServiceEntry count where the rule lists none': {
    yaml: entry.replace('spec:', 'spec:\n  subjectAltNames: [d.test]'),
    policy: { tls: secure },
    means: {
      tls: { ...tls, autoSni: true, autoSan: true, roots: 'system', sans: [{ match: 'exact', value: 'd.test', ignoreCase: false }] },
    },
  },
  'nothing is checked only where the rule says so': {
    policy: { tls: { ...secure, insecureSkipVerify: true } },
    means: { tls: { ...tls, autoSni: true, autoSan: false } },
  },
  'a TCP port asks for the service by name, and proves it': {
    yaml: tcpEntry,
    call: connection,
    policy: { tls: secure },
    means: { tls: { ...tls, sni: 'a.test', autoSni: false, autoSan: false, roots: 'system', sans: [dns('a.test')] } },
  },
  'a port of its own replaces the whole block: no TLS there (recorded)': {
    policy: { tls: secure, portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'RANDOM' } }] },
    means: { balancing: 'random' },
  },
  'a port of its own with TLS': {
    policy: { portLevelSettings: [{ port: { number: 80 }, tls: secure }] },
    means: { tls: { ...tls, autoSni: true, autoSan: true, roots: 'system' } },
  },
  'a PROXY protocol header goes ahead of TLS': {
    policy: { tls: secure, proxyProtocol: { version: 'V2' } },
    means: { proxyProtocol: 'v2', tls: { ...tls, autoSni: true, autoSan: true, roots: 'system' } },
  },
  'a PROXY protocol header without a version is the first': { policy: { proxyProtocol: {} }, means: { proxyProtocol: 'v1' } },
}

const load: Record<string, Case> = {
  'fewest requests is the default': { policy: { tls: { mode: 'DISABLE' } }, means: { balancing: 'least-request' } },
  'in turn': { policy: { loadBalancer: { simple: 'ROUND_ROBIN' } }, means: { balancing: 'round-robin' } },
  'by a header': {
    policy: { loadBalancer: { consistentHash: { httpHeaderName: 'X-User' } } },
    means: { balancing: 'hash', hash: { by: 'header', name: 'x-user' } },
  },
  'by a cookie, in a Maglev table': {
    policy: { loadBalancer: { consistentHash: { httpCookie: { name: 'c' }, maglev: { tableSize: 101 } } } },
    means: { balancing: 'hash', hash: { by: 'cookie', name: 'c' } },
  },
  'by the client, for bytes that are no requests': {
    yaml: tcpEntry,
    call: connection,
    policy: { loadBalancer: { consistentHash: { useSourceIp: true } } },
    means: { balancing: 'hash', hash: { by: 'source', name: '' } },
  },
  'the old name of fewest requests': { policy: { loadBalancer: { simple: 'LEAST_CONN' } }, means: { balancing: 'least-request' } },
  'limits of connections and requests': {
    policy: {
      connectionPool: {
        tcp: { maxConnections: 3, maxConnectionDuration: '1h', tcpKeepalive: { time: '75s' } },
        http: { http1MaxPendingRequests: 4, http2MaxRequests: 5, maxRetries: 6, maxRequestsPerConnection: 7, idleTimeout: '8s' },
      },
    },
    means: {
      pool: {
        connections: 3,
        pending: 4,
        requests: 5,
        retries: 6,
        requestsPerConnection: 7,
        idle: 8000,
        duration: 3_600_000,
        keepAlive: 75_000,
      },
    },
  },
  'zero is no limit, as in Istio': { policy: { connectionPool: { tcp: { maxConnections: 0 } } }, means: {} },
  'outliers, with Istio’s defaults': {
    policy: { outlierDetection: { interval: '500ms' } },
    means: {
      outlier: {
        consecutive5xx: 5,
        consecutiveGateway: 0,
        consecutiveLocal: 0,
        splitLocal: false,
        interval: 500,
        baseEjection: 30_000,
        maxEjection: 300_000,
        maxEjectionPercent: 10,
        panicPercent: 0,
      },
    },
  },
  'outliers by gateway errors and failures to connect': {
    policy: {
      outlierDetection: {
        consecutive5xxErrors: 0,
        consecutiveGatewayErrors: 3,
        splitExternalLocalOriginErrors: true,
        consecutiveLocalOriginFailures: 4,
        baseEjectionTime: '10m',
        maxEjectionPercent: 100,
        minHealthPercent: 30,
      },
    },
    means: {
      outlier: {
        consecutive5xx: 0,
        consecutiveGateway: 3,
        consecutiveLocal: 4,
        splitLocal: true,
        interval: 10_000,
        baseEjection: 600_000,
        maxEjection: 600_000,
        maxEjectionPercent: 100,
        panicPercent: 30,
      },
    },
  },
}

const http2Entry = entry.replace('protocol: HTTP', 'protocol: HTTP2')
const pooled = (http: unknown): unknown => ({ connectionPool: { http } })
const plain = { tls: { mode: 'DISABLE' } }

const protocols: Record<string, Case> = {
  'HTTP/1.1 where the port is one of HTTP': { policy: plain, means: {} },
  'HTTP/2 where the port is declared so': { yaml: http2Entry, policy: plain, means: { http2: { when: 'always' } } },
  'HTTP/2 to a port of gRPC': {
    yaml: entry.replace('protocol: HTTP', 'protocol: GRPC'),
    policy: plain,
    means: { http2: { when: 'always' } },
  },
  'what the client speaks where the port says nothing': {
    yaml: entry.replace(', protocol: HTTP', '').replace('resolution: DNS', 'resolution: DNS\n  addresses: [203.0.113.41]'),
    call: { to: '203.0.113.41:80', says: http('a.test') },
    policy: plain,
    means: { http2: { when: 'like-client' } },
  },
  'an upgrade, with its limits': {
    policy: pooled({ h2UpgradePolicy: 'UPGRADE', maxConcurrentStreams: 7, http2KeepAlive: { interval: '2s', timeout: '1s' } }),
    means: { http2: { when: 'always', streams: 7, ping: { interval: 2000, timeout: 1000 } } },
  },
  'what the client speaks, also where the port is declared HTTP/2': {
    yaml: http2Entry,
    policy: pooled({ useClientProtocol: true }),
    means: { http2: { when: 'like-client' } },
  },
  'ALPN offers HTTP/2 alone': {
    yaml: http2Entry,
    policy: { tls: secure },
    means: { http2: { when: 'always' }, tls: { ...tls, autoSni: true, autoSan: true, roots: 'system', alpn: ['h2'] } },
  },
}

describe.each(
  Object.entries({ 'the version of HTTP': protocols, 'TLS and what goes ahead of it': origination, 'load and its limits': load }),
)('%s', (_part, cases) => {
  test.each(Object.entries(cases))('%s', (_sentence, { means, ...plan }) => {
    const { balancing, hash, tls: begun, pool, outlier, proxyProtocol, http2 } = clusterFor(plan)
    const looked = { balancing, hash, tls: begun, pool, outlier, proxyProtocol, http2 }
    const nothing = { balancing: 'least-request', proxyProtocol: false }
    expect(looked).toEqual({ ...nothing, ...means })
  })
})

const refusals: Record<string, Omit<Case, 'means'> & { readonly says: RegExp }> = {
  'a Secret that a rule for everybody names, instead of plain bytes': {
    policy: { tls: { ...secure, credentialName: 'c' } },
    says: /DestinationRule default\/rule names a Secret by credentialName, which a sidecar is given only by a rule with a workloadSelector/,
  },
  'the same, other than Istio': {
    policy: { tls: { ...secure, credentialName: 'c' } },
    setting: { strictness: 'istio' },
    says: /credentialName/,
  },
  'a tunnel': { policy: { tunnel: { targetHost: 'b.test', targetPort: 443 } }, says: /spec\.trafficPolicy\.tunnel/ },
  'TLS behind a wildcard where no request says the name': {
    yaml: wildEntry,
    call: { to: '203.0.113.3:443', says: { protocol: 'tls', sni: 'x.w.test', alpn: [] } },
    policy: { tls: secure },
    says: /nothing says which name the certificate behind \*\.w\.test has to have: set tls\.sni or tls\.subjectAltNames/,
  },
}

describe('refused, and never sent otherwise', () => {
  test.each(Object.entries(refusals))('%s', (_sentence, { yaml = entry, policy, call = request, setting, says }) => {
    const host = yaml === wildEntry ? '*.w.test' : 'a.test'
    const played = attempt(runtimeFor(documents(yaml, destinationRule({ host, policy })), setting), { resolver, ...call })
    expect(tell(played)).toMatch(/^deny not-supported/)
    expect(played.end.reason.text).toMatch(says)
    expect(played.end.reason.by).toMatchObject({ kind: 'DestinationRule', name: 'rule' })
  })
})

test('endpoints have their weights, also those behind names', () => {
  const several = serviceEntry({ host: 'a.test', port: 80, protocol: 'HTTP', endpoints: ['a.test, weight: 3', 'b.test'] })
  const { end } = attempt(runtimeFor(several), { ...request, resolver: { ...resolver, 'b.test': ['203.0.113.9'] } })
  expect(end.verdict === 'forward' ? end.targets : []).toEqual([
    { ip: '203.0.113.1', port: 80, weight: 3 },
    { ip: '203.0.113.2', port: 80, weight: 3 },
    { ip: '203.0.113.9', port: 80 },
  ])
})
