// Holds names, labels and values of the metrics, that nothing a client does makes them grow without bound, and that the text is well formed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FlowRecord } from '../flow/index.ts'
import {
  configIssue,
  configPublished,
  createMetrics,
  dnsQuery,
  type FlowDecided,
  flowClosed,
  flowDecided,
  flowOpened,
  linesDropped,
  type Metrics,
} from './index.ts'
import { metricTable } from './metric-table.ts'
import { sampleRecord } from './sample-record.ts'

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

let metrics: Metrics
let leave: () => void

function begin(limits?: Parameters<typeof createMetrics>[0]): void {
  leave?.()
  metrics = createMetrics(limits)
  leave = metrics.attach()
}
beforeEach(() => begin())
afterEach(() => leave())

const close = (change: Partial<FlowRecord> = {}): void => flowClosed.publish({ record: sampleRecord(change), access: undefined })
const tcp: Partial<FlowRecord> = {
  id: 'c1',
  kind: 'connection',
  protocol: 'tls',
  status: 0,
  sni: 'api.example.com',
  cluster: 'outbound|443||api.example.com',
}

async function scrape(name: string): Promise<readonly Line[]> {
  return parseExposition(await metrics.render()).filter((line) => line.name === name)
}

async function valueOf(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const lines = (await scrape(name)).filter((line) => Object.entries(labels).every(([key, value]) => line.labels[key] === value))
  return lines.reduce((sum, line) => sum + line.value, 0)
}

test('a request is counted under Istio’s labels', async () => {
  close()
  close()
  const lines = await scrape('istio_requests_total')
  expect(lines).toEqual([
    {
      name: 'istio_requests_total',
      value: 2,
      labels: {
        reporter: 'source',
        source_workload: 'cart',
        source_workload_namespace: 'shop',
        source_principal: 'unknown',
        source_app: 'cart',
        source_version: 'v2',
        source_canonical_service: 'cart',
        source_canonical_revision: 'v2',
        source_cluster: 'Kubernetes',
        destination_workload: 'unknown',
        destination_workload_namespace: 'unknown',
        destination_principal: 'unknown',
        destination_app: 'unknown',
        destination_version: 'unknown',
        destination_service: 'api.example.com',
        destination_service_name: 'api.example.com',
        destination_service_namespace: 'egress',
        destination_canonical_service: 'unknown',
        destination_canonical_revision: 'latest',
        destination_cluster: 'unknown',
        request_protocol: 'http',
        response_flags: '-',
        connection_security_policy: 'unknown',
        response_code: '200',
        grpc_response_status: '',
      },
    },
  ])
})

describe('the destination of a flow', () => {
  const cases: Record<string, { change: Partial<FlowRecord>; labels: Record<string, string> }> = {
    'a wildcard entry keeps its own name beside the host asked for': {
      change: { host: 'a.example.com', cluster: 'outbound|80||*.example.com' },
      labels: { destination_service: 'a.example.com', destination_service_name: '*.example.com' },
    },
    'a refusal under REGISTRY_ONLY is the black hole': {
      change: {
        verdict: 'deny',
        reason: { code: 'not-declared', text: '' },
        cluster: undefined,
        host: 'evil.example',
        status: 403,
      },
      labels: {
        destination_service: 'evil.example',
        destination_service_name: 'BlackHoleCluster',
        destination_service_namespace: 'unknown',
      },
    },
    'an undeclared host under ALLOW_ANY is passed through': {
      change: { cluster: 'PassthroughCluster', host: 'any.example', path: 'passthrough' },
      labels: { destination_service: 'any.example', destination_service_name: 'PassthroughCluster' },
    },
    'a service of Kubernetes goes by its short name': {
      change: { host: 'egress.istio-system.svc.cluster.local', cluster: 'outbound|80|v1|egress.istio-system.svc.cluster.local' },
      labels: {
        destination_service: 'egress.istio-system.svc.cluster.local',
        destination_service_name: 'egress',
        destination_service_namespace: 'istio-system',
      },
    },
    'the namespace is unknown when another kind decided': {
      change: { by: { kind: 'VirtualService', namespace: 'shop', name: 'x' } },
      labels: { destination_service_namespace: 'unknown' },
    },
    'labels of the workload name its canonical service and revision': {
      change: {
        source: {
          namespace: 'a',
          workload: 'w',
          address: '',
          authenticated: false,
          labels: { 'app.kubernetes.io/name': 'n', 'app.kubernetes.io/version': '3' },
        },
      },
      labels: { source_app: 'unknown', source_canonical_service: 'n', source_canonical_revision: '3' },
    },
    'a workload without labels': {
      change: { source: { namespace: '', workload: '', address: '', authenticated: false, labels: {} } },
      labels: {
        source_workload: 'unknown',
        source_workload_namespace: 'unknown',
        source_canonical_service: 'unknown',
        source_canonical_revision: 'latest',
      },
    },
  }
  test.each(Object.entries(cases))('%s', async (_name, { change, labels }) => {
    close(change)
    expect(await valueOf('istio_requests_total', labels)).toBe(1)
  })
})

test('the namespace of the destination is that of its service, whoever decided', async () => {
  leave()
  metrics = createMetrics(undefined, (cluster) => (cluster === 'outbound|80||api.example.com' ? 'partners' : undefined))
  leave = metrics.attach()
  close({ by: { kind: 'VirtualService', namespace: 'shop', name: 'x' } })
  expect(await valueOf('istio_requests_total', { destination_service_namespace: 'partners' })).toBe(1)
})

test('durations and sizes are histograms with Envoy’s buckets', async () => {
  close({ durationMs: 12.4, bytesSent: 100, bytesReceived: 2000 })
  close({ durationMs: 10, bytesSent: 0, bytesReceived: 9e9 })
  const name = 'istio_request_duration_milliseconds'
  expect(await valueOf(`${name}_bucket`, { le: '5' })).toBe(0)
  expect(await valueOf(`${name}_bucket`, { le: '10' })).toBe(1)
  expect(await valueOf(`${name}_bucket`, { le: '25' })).toBe(2)
  expect(await valueOf(`${name}_bucket`, { le: '+Inf' })).toBe(2)
  expect(await valueOf(`${name}_sum`)).toBeCloseTo(22.4)
  expect(await valueOf(`${name}_count`)).toBe(2)
  expect(await valueOf('istio_request_bytes_sum')).toBe(100)
  expect(await valueOf('istio_response_bytes_bucket', { le: '3600000' })).toBe(1)
  expect(await valueOf('istio_response_bytes_bucket', { le: '+Inf' })).toBe(2)
})

describe('connections', () => {
  const decided: FlowDecided = { ...sampleRecord(tcp), id: 'c1', kind: 'connection', protocol: 'tls' }

  test('are opened when their way is known, and closed once', async () => {
    flowDecided.publish(decided)
    expect(await valueOf('istio_tcp_connections_opened_total')).toBe(1)
    expect(await valueOf('istio_tcp_connections_closed_total')).toBe(0)
    close({ ...tcp, bytesSent: 10, bytesReceived: 20 })
    expect(await valueOf('istio_tcp_connections_opened_total')).toBe(1)
    expect(await valueOf('istio_tcp_connections_closed_total', { request_protocol: 'tcp', destination_service: 'api.example.com' })).toBe(1)
    expect(await valueOf('istio_tcp_received_bytes_total')).toBe(10)
    expect(await valueOf('istio_tcp_sent_bytes_total')).toBe(20)
    expect(await valueOf('istio_requests_total')).toBe(0)
  })

  test('that nobody announced are opened and closed together', async () => {
    close(tcp)
    expect([await valueOf('istio_tcp_connections_opened_total'), await valueOf('istio_tcp_connections_closed_total')]).toEqual([1, 1])
  })

  test('that were refused are closed, and were never opened', async () => {
    close({ ...tcp, verdict: 'deny', reason: { code: 'not-declared', text: '' }, cluster: 'BlackHoleCluster', flag: 'UH' })
    expect(await valueOf('istio_tcp_connections_closed_total', { destination_service_name: 'BlackHoleCluster' })).toBe(1)
    expect(await valueOf('istio_tcp_connections_opened_total')).toBe(0)
  })

  test('that carried HTTP are counted by their requests', async () => {
    close({ kind: 'connection', protocol: 'http' })
    expect([await valueOf('istio_tcp_connections_opened_total'), await valueOf('istio_tcp_connections_closed_total')]).toEqual([0, 0])
  })

  test('that turned out to be HTTP after they were counted are closed all the same', async () => {
    flowDecided.publish(decided)
    close({ ...tcp, protocol: 'http' })
    expect([await valueOf('istio_tcp_connections_opened_total'), await valueOf('istio_tcp_connections_closed_total')]).toEqual([1, 1])
  })
})

test('flows are counted as they open and as they are recorded', async () => {
  flowOpened.publish({ id: 'f1', kind: 'request', role: 'sidecar' })
  close()
  flowOpened.publish({ id: 'p1', kind: 'packets', role: 'sidecar' })
  close({ kind: 'packets', protocol: 'udp', verdict: 'deny', reason: { code: 'protocol-not-carried', text: '' }, count: 7 })
  expect(await valueOf('sallyport_flows_opened_total')).toBe(2)
  expect(await valueOf('sallyport_flows_recorded_total', { kind: 'request', verdict: 'allow' })).toBe(1)
  expect(await valueOf('sallyport_flows_recorded_total', { kind: 'packets', verdict: 'deny' })).toBe(1)
  expect(await valueOf('sallyport_verdicts_total', { verdict: 'deny', reason: 'protocol-not-carried' })).toBe(7)
  expect(await valueOf('sallyport_verdicts_total', { verdict: 'allow', reason: 'declared' })).toBe(1)
  expect(await valueOf('sallyport_refused_packets_total', { protocol: 'udp' })).toBe(7)
  flowOpened.publish({ id: 'f2', kind: 'request', role: 'sidecar' })
  expect(await valueOf('sallyport_flows_active', { kind: 'request' })).toBe(1)
})

test('the configuration in force is shown, and only that one', async () => {
  configPublished.publish({ version: 'one', resources: 5, errors: 1, warnings: 2, rejections: 4, durationMs: 8 })
  configPublished.publish({ version: 'two', resources: 6, errors: 0, warnings: 3, rejections: 5, durationMs: 9 })
  configIssue.publish({ level: 'warning', code: 'X', message: 'x' })
  expect((await scrape('sallyport_config_info')).map(({ labels }) => labels)).toEqual([{ version: 'two' }])
  expect(await valueOf('sallyport_config_published_total')).toBe(2)
  expect(await valueOf('sallyport_config_resources')).toBe(6)
  expect(await valueOf('sallyport_config_rejections')).toBe(5)
  expect(await valueOf('sallyport_config_issues', { level: 'error' })).toBe(0)
  expect(await valueOf('sallyport_config_issues', { level: 'warning' })).toBe(3)
  expect(await valueOf('sallyport_config_issues_total', { level: 'warning' })).toBe(1)
})

test('a configuration that was put in force before anybody counted is shown too', async () => {
  leave()
  metrics = createMetrics()
  leave = metrics.attach({ version: 'first', resources: 5, errors: 0, warnings: 0, rejections: 0, durationMs: 8 })
  expect((await scrape('sallyport_config_info')).map(({ labels }) => labels)).toEqual([{ version: 'first' }])
})

test('the delay of the event loop is shown by quantile', async () => {
  const quantiles = (await scrape('sallyport_event_loop_delay_seconds')).map(({ labels }) => labels.quantile)
  expect(quantiles).toEqual(['0.5', '0.99', '1'])
})

test('questions and lost lines are counted', async () => {
  dnsQuery.publish({ name: 'a.example', type: 'A', answer: 'virtual', durationMs: 1 })
  linesDropped.publish({ target: '-', lines: 3 })
  expect(await valueOf('sallyport_dns_queries_total', { answer: 'virtual' })).toBe(1)
  expect(await valueOf('sallyport_lines_dropped_total', { target: '-' })).toBe(3)
})

test('nothing is counted after leaving', async () => {
  leave()
  close()
  expect(await valueOf('istio_requests_total')).toBe(0)
})

describe('what clients make up does not make memory grow', () => {
  test('hosts that only clients named', async () => {
    begin({ series: 100, histograms: 100, freeHosts: 2 })
    const refused: Partial<FlowRecord> = {
      verdict: 'deny',
      reason: { code: 'not-declared', text: '' },
      cluster: 'BlackHoleCluster',
      status: 403,
    }
    for (let index = 0; index < 10; index++) close({ ...refused, host: `${index}.evil.example` })
    close({ ...refused, host: '0.evil.example' })
    expect(await scrape('istio_requests_total')).toHaveLength(3)
    expect(await valueOf('istio_requests_total', { destination_service: '0.evil.example' })).toBe(2)
    expect(await valueOf('istio_requests_total', { destination_service: 'other' })).toBe(8)
    expect(await valueOf('sallyport_metric_overflow_total', { what: 'hosts' })).toBe(8)
    close({ host: 'api.example.com' })
    expect(await valueOf('istio_requests_total', { destination_service: 'api.example.com' })).toBe(1)
  })

  test('label sets of requests and connections', async () => {
    begin({ series: 2, histograms: 100, freeHosts: 100 })
    for (let index = 0; index < 5; index++) {
      close({ status: 200 + index })
      close({ ...tcp, id: `c${index}`, cluster: `outbound|443||${index}.example.com` })
    }
    expect(await scrape('istio_requests_total')).toHaveLength(3)
    expect(await valueOf('istio_requests_total', { response_code: 'other' })).toBe(3)
    expect(await scrape('istio_tcp_connections_closed_total')).toHaveLength(3)
    expect(await valueOf('istio_tcp_connections_closed_total', { destination_service: 'other' })).toBe(3)
    expect(await valueOf('sallyport_metric_overflow_total', { what: 'series' })).toBe(3 + 3 + 3)
  })

  test('histograms, which are many lines each', async () => {
    begin({ series: 100, histograms: 1, freeHosts: 100 })
    for (let index = 0; index < 3; index++) close({ status: 200 + index })
    expect(await scrape('istio_requests_total')).toHaveLength(3)
    expect(await scrape('istio_request_duration_milliseconds_count')).toHaveLength(2)
    expect(await valueOf('istio_request_duration_milliseconds_count', { response_code: 'other' })).toBe(2)
    expect(await valueOf('sallyport_metric_overflow_total', { what: 'histograms' })).toBe(2)
  })

  test('reason codes of another version', async () => {
    close({ verdict: 'deny', reason: { code: 'toString' as never, text: '' } })
    expect(await valueOf('sallyport_verdicts_total', { reason: 'other' })).toBe(1)
  })
})

test('every metric of the table is exposed with help and type, and no other', async () => {
  const text = await metrics.render()
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  expect(names.sort(byName)).toEqual(
    Object.entries(metricTable)
      .map(([name, { type }]) => [name, type])
      .sort(byName),
  )
})

test('labels hold whatever a client sent', async () => {
  close({ host: 'a"b\\c\nd', cluster: 'PassthroughCluster' })
  expect(await valueOf('istio_requests_total', { destination_service: 'a"b\\c\nd' })).toBe(1)
})

test('each sample has the labels that the table says', async () => {
  close()
  close(tcp)
  configPublished.publish({ version: 'one', resources: 5, errors: 1, warnings: 2, rejections: 4, durationMs: 8 })
  for (const { name, labels } of parseExposition(await metrics.render())) {
    const definition = Object.entries(metricTable).find(([key]) => name === key || name.replace(/_(bucket|sum|count)$/, '') === key)
    const known: readonly string[] = definition?.[1].labels ?? []
    expect({
      name,
      labels: Object.keys(labels)
        .filter((label) => label !== 'le')
        .sort(),
    }).toEqual({ name, labels: [...known].sort() })
  }
})

function byName(a: readonly (string | undefined)[], b: readonly (string | undefined)[]): number {
  return (a[0] ?? '').localeCompare(b[0] ?? '')
}

/** Fails on a line that is not in text format 0.0.4. */
function parseExposition(text: string): readonly Line[] {
  expect(text.endsWith('\n')).toBe(true)
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !/^# (HELP|TYPE) [a-z_]+ \S/.test(line))
    .map((line) => {
      const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\+Inf|-?[0-9.e+-]+)$/.exec(line)
      if (!match) throw new Error(`not a sample: ${line}`)
      return { name: match[1] ?? '', labels: parseLabels(match[2] ?? ''), value: Number(match[3]) }
    })
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  const rest = text.replace(/([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/g, (_all, name: string, value: string) => {
    if (name in labels) throw new Error(`label ${name} twice: ${text}`)
    labels[name] = value.replace(/\\(.)/g, (_escape, character: string) => (character === 'n' ? '\n' : character))
    return ''
  })
  expect(rest).toBe('')
  return labels
}
