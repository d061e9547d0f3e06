// Holds each page to what Envoy's runbooks and istioctl read from it, and that no page shows a secret or stops for a slow reader.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FlowRecord } from '../flow/index.ts'
import { configureLog, createMetrics, flowClosed, type HostCount, logger, type LogSettings } from '../telemetry/index.ts'
import { ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { AddressSchema } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import { ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { UpstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { packAny, type Snapshot, typeUrls } from '../xds/index.ts'
import { openFlowFeed } from './flow-feed.ts'
import { type Admin, type ConfigView, type DiscoveryView, type ProxyView, startAdmin } from './index.ts'
import { redact } from './redaction.ts'

const address = (ip: string, portValue: number) =>
  create(AddressSchema, {
    address: { case: 'socketAddress', value: { address: ip, portSpecifier: { case: 'portValue', value: portValue } } },
  })

const assignment = create(ClusterLoadAssignmentSchema, {
  clusterName: 'outbound|80||api.test',
  endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: address('203.0.113.9', 80) } } }] }],
})
const cluster = create(ClusterSchema, { name: 'outbound|80||api.test', circuitBreakers: { thresholds: [{ maxConnections: 7 }] } })
const plain = create(ClusterSchema, { name: 'outbound|443||named.test' })
const listener = create(ListenerSchema, { name: 'virtualOutbound', address: address('0.0.0.0', 15001) })
const unix = create(ListenerSchema, { name: 'beside', address: { address: { case: 'pipe', value: { path: '/run/x.sock' } } } })
const route = create(RouteConfigurationSchema, {
  name: '80',
  requestHeadersToAdd: [{ header: { key: 'Authorization', value: 'Bearer hush' } }, { header: { key: 'x-team', value: 'shop' } }],
})

const snapshot: Snapshot = {
  version: 1,
  listeners: new Map([
    [listener.name, listener],
    [unix.name, unix],
  ]),
  routes: new Map([[route.name, route]]),
  clusters: new Map([
    [cluster.name, cluster],
    [plain.name, plain],
  ]),
  endpoints: new Map([[assignment.clusterName, assignment]]),
  secrets: new Map(),
  names: new Map(),
  origins: new Map([['ServiceEntry/shop/api', { source: 'policy.yaml', line: 3, placeOf: () => ({ line: 3, column: 1 }) }]]),
}

const counts: HostCount = {
  cluster: 'outbound|80||api.test',
  host: '203.0.113.9:80',
  cx_total: 1,
  cx_connect_fail: 2,
  rq_total: 5,
  rq_success: 4,
  rq_error: 1,
  rq_timeout: 0,
}

let config: ConfigView | undefined
let discovery: DiscoveryView | undefined
const secrets = new Map<string, string>()
const proxy: ProxyView = {
  node: { role: 'sidecar', namespace: 'shop', name: 'cart', labels: { app: 'cart' } },
  version: '1.2.3',
  config: () => config,
  discovery: () => discovery,
  hosts: () => [counts, { ...counts, cluster: 'outbound|443||named.test', host: '198.51.100.7:443' }],
  certificates: (name) => secrets.get(name),
  loads: () => [
    { cluster: 'outbound|80||api.test', host: '203.0.113.9:80', connections: 3, active: 2, isEjected: true },
    { cluster: 'outbound|443||named.test', host: '198.51.100.8:443', connections: 1, active: 1, isEjected: false },
  ],
}

let admin: Admin
let before: LogSettings

beforeEach(async () => {
  before = configureLog({ scopes: {}, write: () => undefined })
  discovery = undefined
  config = { snapshot, version: 'abc', updated: Date.UTC(2026, 0, 2), rejected: [] }
  admin = await startAdmin({ address: '127.0.0.1:0', ready: () => ({ ready: true }), metrics: createMetrics(), proxy })
})
afterEach(async () => {
  await admin.close()
  configureLog(before)
})

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

function ask(path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const [host, port] = admin.address.split(':')
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, agent: false, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }))
    })
    request.on('error', reject)
    request.end()
  })
}

async function json(path: string): Promise<unknown> {
  const { status, type, body } = await ask(path)
  expect({ status, type }).toEqual({ status: 200, type: 'application/json; charset=utf-8' })
  return JSON.parse(body)
}

const url = 'type.googleapis.com/envoy.admin.v3.'

describe('/config_dump', () => {
  test('has Envoy’s dumps with the resources in force, by the names of the .proto files', async () => {
    const dump = await json('/config_dump')
    expect(dump).toMatchObject({
      configs: [
        { '@type': `${url}BootstrapConfigDump`, bootstrap: { node: { id: 'sidecar~127.0.0.1~cart.shop~shop.svc.cluster.local' } } },
        {
          '@type': `${url}ClustersConfigDump`,
          dynamic_active_clusters: [
            {
              version_info: 'abc',
              last_updated: '2026-01-02T00:00:00.000Z',
              cluster: {
                '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
                name: 'outbound|80||api.test',
                circuit_breakers: { thresholds: [{ max_connections: 7 }] },
              },
            },
            { cluster: { name: 'outbound|443||named.test' } },
          ],
        },
        {
          '@type': `${url}ListenersConfigDump`,
          dynamic_listeners: [{ name: 'virtualOutbound', active_state: { version_info: 'abc' } }, {}],
        },
        { '@type': `${url}RoutesConfigDump`, dynamic_route_configs: [{ route_config: { name: '80' } }] },
        { '@type': `${url}EcdsConfigDump`, ecds_filters: [{ ecds_filter: { name: 'origin/ServiceEntry/shop/api' } }] },
      ],
    })
  })

  test('shows of a server’s resources their own versions, what is refused and what waits', async () => {
    const refused = { version: '9', details: 'cluster "x": no', at: Date.UTC(2026, 0, 4) }
    discovery = {
      state: { isConnected: true, failures: 0, form: 'delta', controlPlane: 'minimal' },
      stateOf: (resource) => (resource === cluster ? { version: '7', updated: Date.UTC(2026, 0, 3) } : undefined),
      failures: [
        { key: 'clusters', name: plain.name, ...refused },
        { key: 'routes', name: 'never', ...refused },
      ],
      warming: [{ key: 'listeners', name: listener.name }],
      counts: new Map([[typeUrls.cluster, { attempts: 3, successes: 2, rejections: 1, version: 'v' }]]),
    }
    const error_state = { last_update_attempt: '2026-01-04T00:00:00.000Z', details: 'cluster "x": no', version_info: '9' }
    const list = async (name: string) => (await json(`/config_dump?resource=${name}`)) as { configs: unknown[] }
    expect((await list('dynamic_active_clusters')).configs).toMatchObject([
      { version_info: '7', last_updated: '2026-01-03T00:00:00.000Z', client_status: 'ACKED' },
      { version_info: 'abc', cluster: { name: plain.name }, error_state, client_status: 'NACKED' },
    ])
    expect((await list('dynamic_route_configs')).configs).toMatchObject([{ client_status: 'ACKED' }, { name: 'never', error_state }])
    expect((await list('dynamic_listeners')).configs).toMatchObject([{ client_status: 'REQUESTED' }, { client_status: 'ACKED' }])
    const { body } = await ask('/stats?filter=cds|connected_state|warming')
    expect(body.split('\n')).toEqual(
      expect.arrayContaining([
        'control_plane.connected_state: 1',
        'cluster_manager.cds.update_attempt: 3',
        'cluster_manager.cds.update_success: 2',
        'cluster_manager.cds.update_rejected: 1',
        'listener_manager.total_listeners_warming: 1',
      ]),
    )
  })

  test('shows no secret', async () => {
    const { body } = await ask('/config_dump')
    expect(body).not.toContain('hush')
    expect(body).toContain('"value": "[redacted]"')
    expect(body).toContain('"value": "shop"')
  })

  test('of one list has its elements alone, with their type', async () => {
    expect(await json('/config_dump?resource=dynamic_active_clusters&name_regex=named')).toMatchObject({
      configs: [{ '@type': `${url}ClustersConfigDump.DynamicCluster`, cluster: { name: 'outbound|443||named.test' } }],
    })
  })

  test('keeps of a resource what the mask names', async () => {
    expect(await json('/config_dump?resource=dynamic_active_clusters&name_regex=api&mask=cluster.name,version_info')).toEqual({
      configs: [{ '@type': `${url}ClustersConfigDump.DynamicCluster`, version_info: 'abc', cluster: { name: 'outbound|80||api.test' } }],
    })
  })

  test('has endpoints when they are asked for', async () => {
    expect((await ask('/config_dump')).body).not.toContain('EndpointsConfigDump')
    expect((await ask('/config_dump?include_eds')).body).toContain('EndpointsConfigDump')
  })

  test.each(['/config_dump?resource=nonsense', '/config_dump?name_regex=%28'])('%s is refused in words', async (path) => {
    expect(await ask(path)).toMatchObject({
      status: expect.toSatisfy((status) => status === 404 || status === 400),
      body: expect.stringMatching(/\S/),
    })
  })

  test('before there is a configuration is not ready', async () => {
    config = undefined
    expect(await ask('/config_dump')).toMatchObject({ status: 503 })
  })

  test('of ten thousand clusters is whole', async () => {
    const many = new Map(Array.from({ length: 10_000 }, (_, index) => [`c${index}`, create(ClusterSchema, { name: `c${index}` })]))
    config = { snapshot: { ...snapshot, clusters: many }, version: 'abc', updated: 0, rejected: [] }
    expect(await json('/config_dump?resource=dynamic_active_clusters')).toMatchObject({
      configs: expect.toSatisfy((list: unknown[]) => list.length === 10_000),
    })
  })
})

describe('/clusters', () => {
  test('has a line for each number of each host', async () => {
    const { body } = await ask('/clusters')
    expect(body).toContain('outbound|80||api.test::default_priority::max_connections::7\n')
    expect(body).toContain('outbound|80||api.test::203.0.113.9:80::rq_total::5\n')
    expect(body).toContain('outbound|80||api.test::203.0.113.9:80::cx_active::3\n')
    expect(body).toContain('outbound|80||api.test::203.0.113.9:80::rq_active::2\n')
    expect(body).toContain('outbound|80||api.test::203.0.113.9:80::health_flags::/failed_outlier_check\n')
    expect(body).toContain('outbound|443||named.test::198.51.100.8:443::cx_active::1\n')
    expect(body).toContain('outbound|443||named.test::198.51.100.8:443::health_flags::healthy\n')
    expect(body).toContain('outbound|443||named.test::198.51.100.7:443::cx_connect_fail::2\n')
  })

  test('has the JSON that istioctl reads', async () => {
    expect(await json('/clusters?format=json')).toMatchObject({
      cluster_statuses: [
        {
          name: 'outbound|80||api.test',
          host_statuses: [
            {
              address: { socket_address: { address: '203.0.113.9', port_value: 80 } },
              stats: expect.arrayContaining([
                { name: 'cx_active', value: '3', type: 'GAUGE' },
                { name: 'rq_total', value: '5', type: 'COUNTER' },
              ]),
              health_status: { eds_health_status: 'HEALTHY', failed_outlier_check: true },
            },
          ],
        },
        {
          name: 'outbound|443||named.test',
          host_statuses: [{ address: { socket_address: { address: '198.51.100.7', port_value: 443 } } }, {}],
        },
      ],
    })
  })
})

test('/listeners has names and addresses', async () => {
  expect((await ask('/listeners')).body).toBe('virtualOutbound::0.0.0.0:15001\nbeside::/run/x.sock\n')
  expect(await json('/listeners?format=json')).toEqual({
    listener_statuses: [
      { name: 'virtualOutbound', local_address: { socket_address: { address: '0.0.0.0', port_value: 15_001 } } },
      { name: 'beside', local_address: { pipe: { path: '/run/x.sock' } } },
    ],
  })
})

test('/server_info and /memory', async () => {
  expect(await json('/server_info')).toMatchObject({
    state: 'LIVE',
    version: expect.stringMatching(/^sallyport\/1\.2\.3/),
    uptime_current_epoch: expect.stringMatching(/^\d+s$/),
    node: { id: 'sidecar~127.0.0.1~cart.shop~shop.svc.cluster.local', metadata: { LABELS: { app: 'cart' } } },
  })
  expect(await json('/memory')).toMatchObject({ heap_size: expect.stringMatching(/^\d+$/) })
})

describe('/stats', () => {
  test('has Envoy’s names and ours', async () => {
    const { body } = await ask('/stats')
    expect(body).toContain('server.live: 1\n')
    expect(body).toContain('cluster.outbound|80||api.test.upstream_rq_total: 5\n')
    expect(body).toContain('sallyport_config_published_total: 0\n')
  })
  test('is filtered by expression and by use', async () => {
    expect((await ask('/stats?filter=^cluster_manager')).body).toBe('cluster_manager.active_clusters: 2\n')
    expect((await ask('/stats?usedonly')).body).not.toContain(': 0\n')
    expect((await ask('/stats?filter=%28')).status).toBe(400)
  })
  test('has JSON and Prometheus’ format', async () => {
    expect(await json('/stats?format=json&filter=server.live')).toEqual({ stats: [{ name: 'server.live', value: 1 }] })
    expect((await ask('/stats?format=prometheus')).type).toContain('version=0.0.4')
  })
})

describe('/logging', () => {
  test('lists levels, and changes them for whoever posts', async () => {
    logger('admin')
    expect((await ask('/logging')).body).toMatch(/^active loggers:\n(.*\n)* {2}admin: info\n/)
    expect((await ask('/logging?admin=debug', 'POST')).body).toContain('  admin: debug\n')
    expect((await ask('/logging?paths=admin:warning', 'POST')).body).toContain('  admin: warn\n')
    expect((await ask('/logging?level=error', 'POST')).body).toContain('  admin: error\n')
  })
  const refused: Record<string, { path: string; method?: string; headers?: Record<string, string>; status: number }> = {
    'a scope that does not exist': { path: '/logging?nobody=debug', status: 400 },
    'a level that does not exist': { path: '/logging?level=loud', status: 400 },
    'no change at all': { path: '/logging', status: 400 },
    'a web page of another origin': { path: '/logging?level=off', headers: { origin: 'http://evil.example' }, status: 403 },
    'a page that is only read': { path: '/stats', status: 405 },
  }
  test.each(Object.entries(refused))('%s changes nothing', async (_name, { path, headers = {}, status }) => {
    expect((await ask(path, 'POST', headers)).status).toBe(status)
    expect((await ask('/logging')).body).toContain('  admin: info\n')
  })
  test('a read changes nothing', async () => {
    expect((await ask('/logging?level=debug')).body).toContain('  admin: info\n')
  })
})

test('/certs is empty where nothing uses a certificate', async () => {
  expect(await json('/certs')).toEqual({ certificates: [] })
})

test('/certs has the files of TLS origination, with the days that they last', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'certs-'))
  try {
    const subject = ['-subj', '/CN=x', '-addext', 'subjectAltName=DNS:client.test,URI:spiffe://cluster.local/ns/a/sa/b']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'k.pem']
    execFileSync('openssl', ['req', '-x509', ...key, '-out', 'c.pem', '-days', '30', ...subject], { cwd: folder, stdio: 'ignore' })
    const file = join(folder, 'c.pem')
    const context = create(UpstreamTlsContextSchema, {
      commonTlsContext: {
        tlsCertificateSdsSecretConfigs: [{ name: `file-cert:${file}~${join(folder, 'k.pem')}` }],
        validationContextType: { case: 'validationContextSdsSecretConfig', value: { name: `file-root:${join(folder, 'none.pem')}` } },
      },
    })
    const socket = { name: 'tls', configType: { case: 'typedConfig' as const, value: packAny(UpstreamTlsContextSchema, context) } }
    const origination = create(ClusterSchema, { name: 'tls', transportSocket: socket })
    config = { snapshot: { ...snapshot, clusters: new Map([['tls', origination]]) }, version: 'abc', updated: 0, rejected: [] }
    expect(await json('/certs')).toMatchObject({
      certificates: [
        {
          cert_chain: [
            {
              path: file,
              days_until_expiration: '29',
              subject_alt_names: [{ dns: 'client.test' }, { uri: 'spiffe://cluster.local/ns/a/sa/b' }],
            },
          ],
          ca_cert: [{ path: join(folder, 'none.pem'), problem: expect.stringContaining('ENOENT') }],
        },
      ],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('/certs has the certificates of the mesh, which are in no file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'certs-'))
  try {
    const subject = ['-subj', '/CN=x', '-addext', 'subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'k.pem']
    execFileSync('openssl', ['req', '-x509', ...key, '-out', 'c.pem', '-days', '30', ...subject], { cwd: folder, stdio: 'ignore' })
    secrets.set('default', readFileSync(join(folder, 'c.pem'), 'utf8'))
    const sdsConfig = { configSourceSpecifier: { case: 'ads' as const, value: {} } }
    const context = create(UpstreamTlsContextSchema, {
      commonTlsContext: {
        tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig }],
        validationContextType: {
          case: 'combinedValidationContext',
          value: { defaultValidationContext: {}, validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig } },
        },
      },
    })
    const socket = { name: 'tls', configType: { case: 'typedConfig' as const, value: packAny(UpstreamTlsContextSchema, context) } }
    const mesh = create(ClusterSchema, { name: 'mesh', transportSocket: socket })
    config = { snapshot: { ...snapshot, clusters: new Map([['mesh', mesh]]) }, version: 'abc', updated: 0, rejected: [] }
    expect(await json('/certs')).toMatchObject({
      certificates: [
        {
          cert_chain: [{ path: '<inline>', days_until_expiration: '29', subject_alt_names: [{ uri: 'spiffe://cluster.local/ns/a/sa/b' }] }],
          ca_cert: [{ path: '<inline>', problem: 'there is no certificate in it' }],
        },
      ],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('keys, passwords and credentials are taken out, file names are not', () => {
  expect(
    redact({
      tls_certificates: [{ private_key: { inline_string: 'KEY', filename: '/k.pem' }, password: { inline_string: 'p' } }],
      headers: [{ key: 'X-Api-Key', value: 'k', raw_value: 'aw==' }],
    }),
  ).toEqual({
    tls_certificates: [{ private_key: { inline_string: '[redacted]', filename: '/k.pem' }, password: { inline_string: '[redacted]' } }],
    headers: [{ key: 'X-Api-Key', value: '[redacted]', raw_value: '[redacted]' }],
  })
})

describe('/flows', () => {
  const tell = (id: string, details = ''): void =>
    flowClosed.publish({ record: { id, kind: 'request', details } as FlowRecord, access: undefined })
  const idsOf = (text: string): readonly string[] => Array.from(text.matchAll(/"id":"([^"]*)"/g), ([, id]) => id ?? '')

  test('remembers the newest thousand, oldest first', async () => {
    for (let index = 0; index < 1003; index++) tell(`f${index}`)
    const ids = idsOf((await ask('/flows')).body)
    expect({ count: ids.length, first: ids[0], last: ids.at(-1) }).toEqual({ count: 1000, first: 'f3', last: 'f1002' })
    expect(idsOf((await ask('/flows?last=2')).body)).toEqual(['f1001', 'f1002'])
  })

  test('goes on for whoever follows, after an empty line', async () => {
    tell('old')
    const reader = follow()
    await expect.poll(() => reader.text(), { interval: 5 }).toContain('"id":"old"')
    tell('new')
    await expect.poll(() => reader.text(), { interval: 5 }).toMatch(/"id":"old"[^]*\n\r?\n[^]*"id":"new"/)
    reader.leave()
  })

  test('a ninth follower is refused until one has left', async () => {
    const readers = Array.from({ length: 8 }, () => follow())
    for (const reader of readers) await expect.poll(() => reader.text(), { interval: 5 }).toContain('200 OK')
    expect((await ask('/flows?follow')).status).toBe(503)
    readers[0]?.leave()
    const next = async (): Promise<boolean> => {
      const reader = follow()
      await expect.poll(() => reader.text(), { interval: 5 }).toContain('HTTP/1.1')
      const isServed = reader.text().includes('200 OK')
      if (!isServed) reader.leave()
      readers.push(reader)
      return isServed
    }
    await expect.poll(next, { interval: 20 }).toBe(true)
    for (const reader of readers) reader.leave()
  })

  test('a reader who does not read loses lines, in one piece, and is told how many', async () => {
    const feed = openFlowFeed({ waiting: 1000 })
    const follower = feed.join()
    const { signal } = new AbortController()
    for (let index = 0; index < 10; index++) tell(`f${index}`, 'x'.repeat(200))
    const text = await follower?.next(1000, signal)
    expect(idsOf(text ?? '')).toEqual(['f0', 'f1', 'f2', 'f3'])
    expect(text).toMatch(/\{"kind":"lost","count":6,"closed":\d+\}\n$/)
    expect(await follower?.next(1, signal)).toBe('\n')
    feed.close()
  })

  function follow(): { text(): string; leave(): void } {
    const socket = createConnection({ host: '127.0.0.1', port: Number(admin.address.split(':')[1]) })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (more: string) => {
      text += more
    })
    socket.on('error', () => undefined)
    socket.write('GET /flows?follow HTTP/1.1\r\nhost: localhost\r\n\r\n')
    return { text: () => text, leave: () => void socket.destroy() }
  }
})
