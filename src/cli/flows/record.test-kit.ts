// Gives the tests of this folder a flow record to vary, and the line that a writer makes of it.
import type { FlowRecord } from '../../flow/index.ts'

export function recordOf(change: Partial<FlowRecord> = {}): FlowRecord {
  return {
    id: 'f0000001',
    kind: 'request',
    role: 'sidecar',
    opened: Date.UTC(2026, 0, 2, 3, 4, 5, 666),
    closed: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    durationMs: 12,
    source: { namespace: 'shop', workload: 'cart', labels: {}, address: '10.0.0.7:40000', authenticated: false },
    destination: '240.240.0.1:80',
    protocol: 'http',
    host: 'api.example.com',
    method: 'GET',
    requestPath: '/v1?q=1',
    verdict: 'allow',
    reason: { code: 'declared', text: 'a declaration names this destination' },
    by: { kind: 'ServiceEntry', namespace: 'egress', name: 'api', field: 'spec.hosts[0]', file: 'policy.yaml', line: 9, column: 3 },
    path: 'direct',
    cluster: 'outbound|80||api.example.com',
    upstream: '192.0.2.10:80',
    redialled: true,
    bytesSent: 100,
    bytesReceived: 2000,
    status: 200,
    flag: '-',
    details: 'via_upstream',
    ...change,
  }
}

export const tlsRecord: FlowRecord = without(
  recordOf({ kind: 'connection', protocol: 'tls', sni: 'api.example.com', destination: '240.240.0.1:443', host: undefined as never }),
  'method',
  'requestPath',
  'status',
)

export const refusedPackets: FlowRecord = without(
  recordOf({
    kind: 'packets',
    protocol: 'udp',
    destination: '192.0.2.53:53',
    verdict: 'deny',
    reason: { code: 'protocol-not-carried', text: 'only TCP and declared DNS leave the seal' },
    path: 'none',
    count: 7,
  }),
  'host',
  'method',
  'requestPath',
  'status',
  'by',
  'cluster',
  'upstream',
)

function without(record: FlowRecord, ...names: readonly (keyof FlowRecord)[]): FlowRecord {
  return JSON.parse(JSON.stringify(record, (key, value: unknown) => (names.some((name) => name === key) ? undefined : value)))
}

export function lineOf(change: Partial<FlowRecord> = {}): string {
  return `${JSON.stringify(recordOf(change))}\n`
}
