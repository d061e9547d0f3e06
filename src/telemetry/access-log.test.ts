// Holds the access log to Istio's default formats, value for value.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { formatAccess, openAccessLog } from './index.ts'
import { sampleRecord } from './sample-record.ts'

const details: AccessDetails = {
  httpVersion: 'HTTP/1.1',
  originalPath: '/v1?q=1',
  xForwardedFor: '10.0.0.7',
  userAgent: 'curl/8.5.0',
  requestId: 'b3b0a1de-0000-4000-8000-000000000001',
  authority: 'api.example.com',
  upstreamServiceTime: '11',
  downstreamLocal: '240.240.0.1:80',
  downstreamRemote: '10.0.0.7:40000',
  routeName: 'default',
  transportFailure: '',
}

const tcp = sampleRecord({
  kind: 'connection',
  protocol: 'tls',
  sni: 'api.example.com',
  destination: '240.240.0.1:443',
  cluster: 'outbound|443||api.example.com',
  upstream: '192.0.2.10:443',
})
const bareTcp: Partial<FlowRecord> = Object.fromEntries(
  Object.entries(tcp).filter(
    ([key]) => !['status', 'method', 'requestPath', 'details', 'sni', 'cluster', 'upstream', 'upstreamLocal'].includes(key),
  ),
)

describe('the text format', () => {
  const cases: Record<string, { record: FlowRecord; access?: AccessDetails; line: string | undefined }> = {
    'a request (the order of Istio’s default accessLogFormat)': {
      record: sampleRecord(),
      access: details,
      line:
        '[2026-01-02T03:04:05.678Z] "GET /v1?q=1 HTTP/1.1" 200 - via_upstream - "-" 100 2000 12 11 "10.0.0.7" "curl/8.5.0" ' +
        '"b3b0a1de-0000-4000-8000-000000000001" "api.example.com" "192.0.2.10:80" outbound|80||api.example.com 10.0.0.7:50000 ' +
        '240.240.0.1:80 10.0.0.7:40000 - default',
    },
    'a request whose upstream failed': {
      record: sampleRecord({ status: 503, flag: 'URX,UF', details: 'upstream_reset_before_response_started{connection_failure}' }),
      access: { ...details, transportFailure: 'delayed connect error: Connection refused' },
      line:
        '[2026-01-02T03:04:05.678Z] "GET /v1?q=1 HTTP/1.1" 503 URX,UF upstream_reset_before_response_started{connection_failure} - ' +
        '"delayed connect error: Connection refused" 100 2000 12 11 "10.0.0.7" "curl/8.5.0" "b3b0a1de-0000-4000-8000-000000000001" ' +
        '"api.example.com" "192.0.2.10:80" outbound|80||api.example.com 10.0.0.7:50000 240.240.0.1:80 10.0.0.7:40000 - default',
    },
    'a TLS connection has no request and the code 0': {
      record: { ...tcp, status: 0 },
      line:
        '[2026-01-02T03:04:05.678Z] "- - -" 0 - via_upstream - "-" 100 2000 12 - "-" "-" "-" "-" "192.0.2.10:443" ' +
        'outbound|443||api.example.com 10.0.0.7:50000 240.240.0.1:443 10.0.0.7:40000 api.example.com -',
    },
    'whatever is missing is a dash': {
      record: sampleRecord({ ...bareTcp, flag: 'UH' }),
      line:
        '[2026-01-02T03:04:05.678Z] "- - -" 200 UH via_upstream - "-" 100 2000 12 - "-" "-" "-" "-" "192.0.2.10:80" ' +
        'outbound|80||api.example.com 10.0.0.7:50000 240.240.0.1:443 10.0.0.7:40000 - -',
    },
    'a client cannot forge a field or a line': {
      record: sampleRecord({ details: 'some words "here"' }),
      access: { ...details, userAgent: 'a" "b\\\n[forged]', routeName: 'x y\tz' },
      line:
        '[2026-01-02T03:04:05.678Z] "GET /v1?q=1 HTTP/1.1" 200 - some_words__here_ - "-" 100 2000 12 11 "10.0.0.7" "a\\" \\"b\\\\\\x0a[forged]" ' +
        '"b3b0a1de-0000-4000-8000-000000000001" "api.example.com" "192.0.2.10:80" outbound|80||api.example.com 10.0.0.7:50000 ' +
        '240.240.0.1:80 10.0.0.7:40000 - x_y_z',
    },
    'refused packets are not in it': { record: sampleRecord({ kind: 'packets', protocol: 'udp' }), line: undefined },
    'refused questions are not in it': { record: sampleRecord({ kind: 'query', protocol: 'dns' }), line: undefined },
  }
  test.each(Object.entries(cases))('%s', (_name, { record, access, line }) => {
    expect(formatAccess(record, access, 'TEXT')).toBe(line)
  })

  test('has 24 values', () => {
    const line = formatAccess(sampleRecord(), details, 'TEXT') ?? ''
    expect(line.match(/"GET (\S+) (\S+)"|"[^"]*"|\S+/g)).toHaveLength(24 - 2)
  })
})

test('JSON has the same values under Istio’s keys, and null where there is none', () => {
  expect(JSON.parse(formatAccess(sampleRecord(), details, 'JSON') ?? '')).toEqual({
    start_time: '2026-01-02T03:04:05.678Z',
    method: 'GET',
    path: '/v1?q=1',
    protocol: 'HTTP/1.1',
    response_code: 200,
    response_flags: '-',
    response_code_details: 'via_upstream',
    connection_termination_details: null,
    upstream_transport_failure_reason: null,
    bytes_received: 100,
    bytes_sent: 2000,
    duration: 12,
    upstream_service_time: '11',
    x_forwarded_for: '10.0.0.7',
    user_agent: 'curl/8.5.0',
    request_id: 'b3b0a1de-0000-4000-8000-000000000001',
    authority: 'api.example.com',
    upstream_host: '192.0.2.10:80',
    upstream_cluster: 'outbound|80||api.example.com',
    upstream_local_address: '10.0.0.7:50000',
    downstream_local_address: '240.240.0.1:80',
    downstream_remote_address: '10.0.0.7:40000',
    requested_server_name: null,
    route_name: 'default',
  })
})

test('JSON of a connection without details has null where there is nothing, and the code 0', () => {
  const values = JSON.parse(formatAccess({ ...tcp, status: 0 }, undefined, 'JSON') ?? '')
  expect(values).toMatchObject({
    method: null,
    path: null,
    authority: null,
    protocol: null,
    response_code: 0,
    upstream_service_time: null,
    route_name: null,
  })
})

test('the log writes one line for each flow that belongs in it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'access-'))
  try {
    const path = join(folder, 'access.log')
    const log = openAccessLog(path, { encoding: 'TEXT' })
    log.write(sampleRecord(), details)
    log.write(sampleRecord({ kind: 'packets' }))
    log.write(tcp)
    await log.close()
    expect(readFileSync(path, 'utf8').split('\n')).toEqual([
      formatAccess(sampleRecord(), details, 'TEXT'),
      formatAccess(tcp, undefined, 'TEXT'),
      '',
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
