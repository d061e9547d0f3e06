// Gives the tests of this room a flow record to vary.
import type { FlowRecord } from '../flow/index.ts'

export function sampleRecord(change: Partial<FlowRecord> = {}): FlowRecord {
  return {
    id: 'f1',
    kind: 'request',
    role: 'sidecar',
    opened: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    closed: Date.UTC(2026, 0, 2, 3, 4, 5, 690),
    durationMs: 12.4,
    source: {
      namespace: 'shop',
      workload: 'cart',
      labels: { app: 'cart', version: 'v2' },
      address: '10.0.0.7:40000',
      authenticated: false,
    },
    destination: '240.240.0.1:80',
    protocol: 'http',
    host: 'api.example.com',
    method: 'GET',
    requestPath: '/v1?q=1',
    verdict: 'allow',
    reason: { code: 'declared', text: 'a declaration names this destination' },
    by: { kind: 'ServiceEntry', namespace: 'egress', name: 'api' },
    path: 'direct',
    cluster: 'outbound|80||api.example.com',
    upstream: '192.0.2.10:80',
    upstreamLocal: '10.0.0.7:50000',
    redialled: true,
    bytesSent: 100,
    bytesReceived: 2000,
    status: 200,
    flag: '-',
    details: 'via_upstream',
    ...change,
  }
}
