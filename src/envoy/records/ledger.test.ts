// Holds that connections and requests which Envoy carried end in one record each, whatever comes first, and also when Envoy is killed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestClock } from '../../base/index.ts'
import type { FlowRecord } from '../../flow/index.ts'
import { flowClosed, flowOpened } from '../../telemetry/index.ts'
import { Ledger } from './ledger.ts'

let records: FlowRecord[] = []
let opened: string[] = []
let stops: (() => void)[] = []
let clock = new TestClock()

beforeEach(() => {
  records = []
  opened = []
  clock = new TestClock()
  stops = [flowClosed.subscribe(({ record }) => records.push(record)), flowOpened.subscribe(({ id }) => opened.push(id))]
})
afterEach(() => {
  for (const stop of stops) stop()
  expect(records.map(({ id }) => id)).toEqual(opened)
  expect(clock.pending).toBe(0)
})

const source = { namespace: 'default', workload: 'app', labels: { app: 'app' } }

function ledger(role: 'sidecar' | 'gateway' = 'sidecar'): Ledger {
  return new Ledger({
    role,
    source,
    clock,
    idPrefix: 'e1',
    placed: (ref) => ({ ...ref, file: 'policy.yaml', line: 3 }),
    nameOf: () => undefined,
    serves: (address) => address.startsWith('198.18.'),
    ...(role === 'sidecar' && { relay: 'relay' }),
  })
}

const client = '198.18.0.1:40000'
const dialled = '203.0.113.10:80'
const entryRef = { kind: 'ServiceEntry', namespace: 'default', name: 'web', field: 'spec.hosts[0]' }

function carried(change: Partial<FlowRecord> = {}): FlowRecord {
  return {
    id: 'f1',
    kind: 'connection',
    role: 'sidecar',
    opened: 10,
    closed: 20,
    durationMs: 10,
    source: { ...source, address: client, authenticated: false },
    destination: dialled,
    protocol: 'tcp',
    verdict: 'allow',
    reason: { code: 'declared', text: 'handed on' },
    path: 'direct',
    cluster: 'relay',
    redialled: true,
    bytesSent: 5,
    bytesReceived: 7,
    flag: '-',
    ...change,
  }
}

function line(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    kind: 'connection',
    connection: 1,
    source: client,
    destination: dialled,
    start: '10',
    moment: '7',
    duration: 9,
    flags: '-',
    ...fields,
  })
}

const tcp = line({ cluster: 'outbound|80||web', chainMetadata: entryRef, upstream: dialled, upstreamLocal: '10.0.0.1:5' })
const request = line({
  kind: 'request',
  id: 'e1-1-10',
  method: 'GET',
  authority: 'web',
  originalPath: '/',
  status: 200,
  protocol: 'HTTP/1.1',
  cluster: 'outbound|80||web',
  upstream: dialled,
  routeMetadata: entryRef,
})

describe('a connection that was relayed', () => {
  test.each(['relay first', 'Envoy first'])('is one record, with what both know of it: %s', (order) => {
    const it = ledger()
    it.begin('f1', client)
    if (order === 'Envoy first') it.hear(tcp)
    it.end({ record: carried(), access: undefined })
    if (order !== 'Envoy first') it.hear(tcp)
    expect(records).toMatchObject([
      {
        id: 'f1',
        verdict: 'allow',
        cluster: 'outbound|80||web',
        upstream: dialled,
        redialled: false,
        bytesSent: 5,
        bytesReceived: 7,
        by: { kind: 'ServiceEntry', name: 'web', file: 'policy.yaml', line: 3 },
      },
    ])
  })

  test.each(['relay first', 'Envoy first'])('is told by its requests alone: %s', (order) => {
    const it = ledger()
    it.begin('f1', client)
    it.hear(request)
    const end = (): void => it.end({ record: carried(), access: undefined })
    const hear = (): void => it.hear(line({}))
    for (const act of order === 'relay first' ? [end, hear] : [hear, end]) act()
    expect(records).toMatchObject([{ id: 'e1-1-10', kind: 'request', connection: 'f1', host: 'web', status: 200, verdict: 'allow' }])
  })

  test('that Envoy never tells of is recorded all the same, as not decided', () => {
    const it = ledger()
    it.begin('f1', client)
    it.end({ record: carried(), access: undefined })
    expect(records).toEqual([])
    clock.advance(2000)
    expect(records).toMatchObject([{ id: 'f1', verdict: 'deny', reason: { code: 'internal-error' }, path: 'none' }])
    expect(records[0]?.cluster).toBeUndefined()
  })

  test('is not waited for when Envoy has ended', () => {
    const it = ledger()
    it.end({ record: carried(), access: undefined })
    it.forget()
    expect(records).toMatchObject([{ id: 'f1', verdict: 'deny' }])
  })

  test('that the relay itself turned away is recorded as it is', () => {
    const { cluster: _cluster, ...rest } = carried({ verdict: 'deny', reason: { code: 'capture-bypass', text: 'no' } })
    ledger().end({ record: rest, access: undefined })
    expect(records).toMatchObject([{ id: 'f1', reason: { code: 'capture-bypass' } }])
  })
})

test('a connection that came to Envoy itself is recorded as Envoy tells of it, unless its requests are', () => {
  const it = ledger()
  it.hear(tcp)
  it.hear(request)
  it.hear(line({}))
  expect(records).toMatchObject([
    { id: 'e1-c1-7', kind: 'connection', cluster: 'outbound|80||web', source: { workload: 'app' } },
    { id: 'e1-1-10', kind: 'request', connection: 'e1-c1' },
  ])
})

describe('what was decided', () => {
  const cases: Record<string, { role?: 'gateway'; fields: Record<string, unknown>; is: Record<string, unknown> }> = {
    'a chain that refuses, in its own words': {
      fields: {
        cluster: 'BlackHoleCluster',
        flags: 'UH',
        chainMetadata: { ...entryRef, refuse: 'name-mismatch', refuseText: 'another name' },
      },
      is: { verdict: 'deny', reason: { code: 'name-mismatch', text: 'another name' }, flag: 'UH', path: 'none' },
    },
    'a reason that nobody knows is a refusal': {
      fields: { cluster: 'x', chainMetadata: { refuse: 'constructor' } },
      is: { verdict: 'deny', reason: { code: 'not-supported' } },
    },
    'a cluster that refuses stands behind the rule that leads to it': {
      fields: {
        cluster: 'x',
        flags: 'UH',
        chainMetadata: entryRef,
        clusterMetadata: { kind: 'DestinationRule', name: 'd', namespace: 'n', refuse: 'not-supported' },
      },
      is: { verdict: 'deny', by: { kind: 'DestinationRule' } },
    },
    'a client that left before it was decided': {
      fields: { connection: 0 },
      is: { verdict: 'deny', reason: { code: 'no-filter-chain', text: expect.stringContaining('left before') }, path: 'none' },
    },
    'no endpoint': { fields: { cluster: 'x', flags: 'UH' }, is: { verdict: 'deny', reason: { code: 'no-endpoints' } } },
    'no cluster': { fields: { cluster: 'x', flags: 'NC' }, is: { verdict: 'deny', reason: { code: 'no-cluster' } } },
    'the dialled address under ALLOW_ANY': {
      fields: { cluster: 'PassthroughCluster', upstream: dialled },
      is: { verdict: 'allow', reason: { code: 'allow-any' }, path: 'passthrough' },
    },
    'the way through a gateway': {
      fields: { cluster: 'x', upstream: '198.18.0.20:80', clusterMetadata: { gateway: true } },
      is: { verdict: 'allow', path: 'gateway', redialled: true },
    },
    'a failed connection was allowed': {
      fields: { cluster: 'x', flags: 'URX,UF', upstream: dialled, failure: 'refused' },
      is: { verdict: 'allow', flag: 'UF,URX', details: 'refused' },
    },
    'a chain that no connection fits, at a gateway': {
      role: 'gateway',
      fields: { flags: 'NR' },
      is: { verdict: 'deny', reason: { code: 'no-filter-chain' }, role: 'gateway', source: { namespace: '' } },
    },
    'a peer that is not served': {
      role: 'gateway',
      fields: { flags: 'NR', source: '10.0.0.1:1' },
      is: { verdict: 'deny', reason: { code: 'peer-not-allowed' } },
    },
    'no route for a request': {
      role: 'gateway',
      fields: { kind: 'request', id: 'e1-1-1', flags: 'NR', details: 'route_not_found', status: 404 },
      is: { verdict: 'deny', reason: { code: 'no-route' }, status: 404, flag: 'NR' },
    },
    'an answer of the route itself': {
      role: 'gateway',
      fields: { kind: 'request', id: 'e1-1-1', details: 'direct_response', status: 301, routeMetadata: entryRef },
      is: { verdict: 'allow', reason: { code: 'answered' }, by: { kind: 'ServiceEntry' } },
    },
    'a fault that a rule injects': {
      role: 'gateway',
      fields: {
        kind: 'request',
        id: 'e1-1-1',
        details: 'fault_filter_abort',
        flags: 'FI',
        status: 500,
        cluster: 'x',
        routeMetadata: entryRef,
      },
      is: { verdict: 'allow', reason: { code: 'answered' }, flag: 'FI', path: 'none' },
    },
    'bytes that are no request': {
      role: 'gateway',
      fields: { kind: 'request', id: 'e1-1-1', flags: 'DPE', details: 'http1.codec_error', status: 400 },
      is: { verdict: 'deny', reason: { code: 'bad-request' } },
    },
    'what the hop before told': {
      role: 'gateway',
      fields: { kind: 'request', id: 'e1-1-1', cluster: 'x', upstream: dialled, parent: 'f9', workload: 'shop/cart' },
      is: { parent: 'f9', source: { namespace: 'shop', workload: 'cart', authenticated: false } },
    },
    'a parent that no id can be is none': {
      role: 'gateway',
      fields: { kind: 'request', id: 'e1-1-1', cluster: 'x', parent: 'f 9', details: 'no parent' },
      is: { verdict: 'allow', details: 'no parent' },
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { role, fields, is }) => {
    const it = ledger(role ?? 'sidecar')
    if (role === undefined) it.begin('f1', client)
    it.hear(line(fields))
    if (role === undefined) it.end({ record: carried(), access: undefined })
    expect(records).toMatchObject([is])
    expect(records[0]?.parent).toBe(is['parent'])
  })
})

test('lines that are no entries, and whoever only looked whether the socket is there, are passed over', () => {
  const it = ledger('gateway')
  for (const text of ['', '{', '[]', '{"kind":"other"}', line({ source: '/dev/shm/relay.sock' })]) it.hear(text)
  expect(records).toEqual([])
})
