// Tests the table "what becomes of an outbound attempt" row by row, under both strictnesses, on the resources that stand for each.
import { describe, expect, test } from 'vitest'
import { compile } from './index.ts'
import { type Call, play, tell } from './play.test-kit.ts'
import {
  blackHole,
  catchAll,
  dnsCluster,
  duration,
  edsCluster,
  endpointsOf,
  http1,
  listener,
  originalDstCluster,
  otherBytes,
  otherHosts,
  passthrough,
  ranges,
  refTo,
  routeTable,
  routeTo,
  silent,
  sniffedHttpChain,
  snapshotOf,
  tcpChain,
  tls,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

type Strictness = 'strict' | 'istio'
type Policy = 'REGISTRY_ONLY' | 'ALLOW_ANY'

/**
 * What is declared: d2iq.com HTTP 80 by DNS, static.test HTTP 80 with an empty endpoint list, none.test HTTP 8080 by NONE, shop.test
 * TLS 443, vip.test TLS 443 at 203.0.113.50, redis.test TCP 6379 at 203.0.113.40, range.test TCP 9000 in 198.51.100.0/24,
 * open.test TCP 5432 without an address, auto.test unset 7000 at 203.0.113.60, wild TLS 443 *.wild.test (NONE).
 */
function worldOf(strictness: Strictness, policy: Policy = 'REGISTRY_ONLY') {
  const strict = strictness === 'strict'
  const snapshot = snapshotOf({
    listeners: [virtualOutbound({ strictness, policy }), ...sniffedListeners(strict, policy), ...addressListeners(strict, policy)],
    routes: [
      routeTable('80', [hostOn(80, 'd2iq.com'), hostOn(80, 'static.test', '203.0.113.30'), otherHosts({ policy, strictness })]),
      routeTable('8080', [hostOn(8080, 'none.test'), otherHosts({ policy, strictness })]),
      routeTable('auto.test:7000', [hostOn(7000, 'auto.test', '203.0.113.60', ...(strict ? [] : ['*']))]),
    ],
    clusters: clustersOf(strict),
    endpoints: [
      endpointsOf('outbound|80||static.test', []),
      endpointsOf('outbound|443||vip.test', ['203.0.113.51:443']),
      endpointsOf('outbound|7000||auto.test', ['203.0.113.61:7000']),
    ],
    names: {
      'd2iq.com': [],
      'static.test': [],
      'vip.test': ['203.0.113.50'],
      'auto.test': ['203.0.113.60'],
      'redis.test': ['203.0.113.40'],
    },
  })
  return compile(snapshot, { addresses: [] }).runtime
}

function hostOn(port: number, name: string, ...domains: string[]) {
  const route = routeTo(`outbound|${port}||${name}`)
  return virtualHost(`${name}:${port}`, [name, `${name}.`, ...domains], [route], refTo(`ServiceEntry/a/${name}`))
}

function sniffedListeners(strict: boolean, policy: Policy) {
  const common = { otherwise: catchAll(policy), listenerFiltersTimeout: duration(strict ? 250 : 0) }
  return [
    listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [sniffedHttpChain('80')], ...common }),
    listener('0.0.0.0_8080', ['0.0.0.0:8080'], { chains: [sniffedHttpChain('8080')], ...common }),
    listener('0.0.0.0_443', ['0.0.0.0:443'], {
      chains: [
        tcpChain('outbound|443||shop.test', { match: { serverNames: ['shop.test'] }, said: refTo('ServiceEntry/a/shop') }),
        tcpChain('outbound|443||*.wild.test', { match: { serverNames: ['*.wild.test'] }, said: refTo('ServiceEntry/a/wild') }),
      ],
      ...common,
    }),
    listener('203.0.113.60_7000', ['203.0.113.60:7000'], {
      chains: [sniffedHttpChain('auto.test:7000')],
      ...common,
      otherwise: tcpChain('outbound|7000||auto.test'),
    }),
  ]
}

function addressListeners(strict: boolean, policy: Policy) {
  const otherwise = catchAll(policy)
  const vip = tcpChain('outbound|443||vip.test', {
    said: refTo('ServiceEntry/a/vip'),
    ...(strict && { match: { serverNames: ['vip.test'] } }),
  })
  const range = tcpChain('outbound|9000||range.test', { match: { prefixRanges: ranges('198.51.100.0/24') } })
  const open = tcpChain('outbound|5432||open.test', { said: refTo('ServiceEntry/a/open', strict ? { resolvesTo: 'open.test' } : {}) })
  return [
    listener('203.0.113.50_443', ['203.0.113.50:443'], { chains: [vip] }),
    listener('203.0.113.40_6379', ['203.0.113.40:6379'], { chains: [tcpChain('outbound|6379||redis.test')] }),
    listener('0.0.0.0_9000', ['0.0.0.0:9000'], { chains: [range], otherwise }),
    listener('0.0.0.0_5432', ['0.0.0.0:5432'], strict ? { chains: [open], otherwise } : { chains: [open] }),
  ]
}

function clustersOf(strict: boolean) {
  /** Resolution NONE: strict dials the name, Istio the dialled address. */
  const byNone = (name: string, endpoint: string) => (strict ? dnsCluster(name, [endpoint]) : originalDstCluster(name))
  return [
    blackHole(),
    passthrough(),
    dnsCluster('outbound|80||d2iq.com', ['d2iq.com:80'], { said: refTo('ServiceEntry/a/d2iq') }),
    edsCluster('outbound|80||static.test', { said: refTo('ServiceEntry/a/static') }),
    byNone('outbound|8080||none.test', 'none.test:8080'),
    dnsCluster('outbound|443||shop.test', ['shop.test:443']),
    byNone('outbound|443||*.wild.test', 'a.wild.test:443'),
    edsCluster('outbound|443||vip.test'),
    originalDstCluster('outbound|6379||redis.test'),
    originalDstCluster('outbound|9000||range.test'),
    byNone('outbound|5432||open.test', 'open.test:5432'),
    edsCluster('outbound|7000||auto.test'),
  ]
}

const resolver = {
  'd2iq.com': ['203.0.113.10'],
  'none.test': ['203.0.113.11'],
  'shop.test': ['203.0.113.12'],
  'a.wild.test': ['203.0.113.13'],
  'open.test': ['203.0.113.14', '203.0.113.15'],
}
const nowhere = '192.0.2.99'

interface Row {
  readonly call: Call
  /** One word for both, or one for each. */
  readonly becomes: string | Readonly<Record<Strictness, string>>
}

const closed = 'deny not-declared 0 UH'
const forbidden = 'deny not-declared 403 UH'
/** Refused where strict tells an HTTP client why. */
const toldIfStrict = { strict: forbidden, istio: closed }

const rows: Record<string, Row> = {
  '1 a declared host: the dialled address is ignored': {
    call: { to: '203.0.113.10:80', says: http1('d2iq.com') },
    becomes: 'forward outbound|80||d2iq.com -> 203.0.113.10:80',
  },
  '2 an unknown host on an HTTP port': {
    call: { to: `${nowhere}:80`, says: http1('evil.test') },
    becomes: { strict: 'deny not-declared 403 -', istio: 'deny not-declared 502 -' },
  },
  '3 HTTP to a port that nobody declares': { call: { to: '203.0.113.10:8181', says: http1('d2iq.com') }, becomes: toldIfStrict },
  '4 HTTP to a port that is declared at other addresses': {
    call: { to: `${nowhere}:6379`, says: http1('d2iq.com') },
    becomes: toldIfStrict,
  },
  '5 HTTP to the address of a service without protocol, right host': {
    call: { to: '203.0.113.60:7000', says: http1('auto.test') },
    becomes: 'forward outbound|7000||auto.test -> 203.0.113.61:7000',
  },
  '5 HTTP to the address of a service without protocol, any host': {
    call: { to: '203.0.113.60:7000', says: http1('other.test') },
    becomes: { strict: 'deny name-mismatch 403 NR', istio: 'forward outbound|7000||auto.test -> 203.0.113.61:7000' },
  },
  '6 HTTP to an address that is a declared one': {
    call: { to: '203.0.113.30:80', says: http1('203.0.113.30') },
    becomes: 'deny no-endpoints 503 UH',
  },
  '6 HTTP to an address that is nobody’s': {
    call: { to: `${nowhere}:80`, says: http1(nowhere) },
    becomes: { strict: 'deny not-declared 403 -', istio: 'deny not-declared 502 -' },
  },
  '7 a declared host at somebody else’s address': {
    call: { to: `${nowhere}:80`, says: http1('d2iq.com') },
    becomes: 'forward outbound|80||d2iq.com -> 203.0.113.10:80',
  },
  '7 the same with resolution NONE: Istio lets Host be spoofed': {
    call: { to: `${nowhere}:8080`, says: http1('none.test') },
    becomes: {
      strict: 'forward outbound|8080||none.test -> 203.0.113.11:8080',
      istio: `forward outbound|8080||none.test -> ${nowhere}:8080`,
    },
  },
  '8 TLS with a declared name': {
    call: { to: `${nowhere}:443`, says: tls('shop.test') },
    becomes: 'forward outbound|443||shop.test -> 203.0.113.12:443',
  },
  '9 TLS with an unknown name': { call: { to: `${nowhere}:443`, says: tls('evil.test') }, becomes: closed },
  '10 TLS with any name to the address of a TLS service': {
    call: { to: '203.0.113.50:443', says: tls('evil.test') },
    becomes: { strict: 'deny name-mismatch 0 UH', istio: 'forward outbound|443||vip.test -> 203.0.113.51:443' },
  },
  '10 and with its own name': {
    call: { to: '203.0.113.50:443', says: tls('vip.test') },
    becomes: 'forward outbound|443||vip.test -> 203.0.113.51:443',
  },
  '11 TLS to an HTTP port': { call: { to: '203.0.113.10:80', says: tls('d2iq.com') }, becomes: closed },
  '12 TLS without a name': { call: { to: `${nowhere}:443`, says: tls() }, becomes: closed },
  '12 TLS without a name to the address of a TLS service': {
    call: { to: '203.0.113.50:443', says: tls() },
    becomes: { strict: closed, istio: 'forward outbound|443||vip.test -> 203.0.113.51:443' },
  },
  '13 TCP to a declared address': {
    call: { to: '203.0.113.40:6379', says: otherBytes },
    becomes: 'forward outbound|6379||redis.test -> 203.0.113.40:6379',
  },
  '14 TCP into a declared range': {
    call: { to: '198.51.100.77:9000', says: silent },
    becomes: 'forward outbound|9000||range.test -> 198.51.100.77:9000',
  },
  '14 TCP beside a declared range': { call: { to: '198.51.101.77:9000', says: silent }, becomes: closed },
  '15 TCP to any address on the port of a service without one': {
    call: { to: `${nowhere}:5432`, says: otherBytes },
    becomes: { strict: 'deny destination-mismatch 0 UH', istio: `forward outbound|5432||open.test -> ${nowhere}:5432` },
  },
  '15 and to an address that its name resolves to: that one first': {
    call: { to: '203.0.113.15:5432', says: otherBytes },
    becomes: {
      strict: 'forward outbound|5432||open.test -> 203.0.113.15:5432 203.0.113.14:5432',
      istio: 'forward outbound|5432||open.test -> 203.0.113.15:5432',
    },
  },
  '16 TCP to an unknown address': { call: { to: `${nowhere}:6379`, says: otherBytes }, becomes: closed },
  '17 a declared host on a port of its that is not declared': {
    call: { to: '203.0.113.10:8000', says: http1('d2iq.com') },
    becomes: toldIfStrict,
  },
  '18 raw TCP on an HTTP port': { call: { to: '203.0.113.10:80', says: otherBytes }, becomes: closed },
  '18 plain HTTP on a TLS port': { call: { to: '203.0.113.12:443', says: http1('shop.test') }, becomes: toldIfStrict },
  '19 a client that waits for the server, on an HTTP port': { call: { to: '203.0.113.10:80', says: silent }, becomes: closed },
  '19 a client that waits for the server, on a port without protocol': {
    call: { to: '203.0.113.60:7000', says: silent },
    becomes: 'forward outbound|7000||auto.test -> 203.0.113.61:7000',
  },
  '23 another workload’s address': { call: { to: '198.18.0.12:8080', says: otherBytes }, becomes: closed },
  '25 CONNECT on an HTTP port': {
    call: {
      to: '203.0.113.10:80',
      says: { protocol: 'http1', method: 'CONNECT', target: 'd2iq.com:443', host: 'd2iq.com' },
      method: 'CONNECT',
    },
    becomes: 'deny protocol-not-supported 404 NR',
  },
  '27 HTTP/1.0 on an HTTP port': { call: { to: '203.0.113.10:80', says: { protocol: 'other', note: 'HTTP/1.0' } }, becomes: closed },
  '28 a declared host without endpoints': {
    call: { to: '203.0.113.30:80', says: http1('static.test') },
    becomes: 'deny no-endpoints 503 UH',
  },
  'the loop guard': { call: { to: '198.18.0.12:15001', says: otherBytes }, becomes: closed },
}

describe.each<Strictness>(['strict', 'istio'])('REGISTRY_ONLY, %s', (strictness) => {
  const runtime = worldOf(strictness)
  test.each(Object.entries(rows))('%s', (_name, { call, becomes }) => {
    expect(tell(play(runtime, { resolver, ...call }))).toBe(typeof becomes === 'string' ? becomes : becomes[strictness])
  })
})

const allowed: Record<string, Row> = {
  '2 an unknown host on an HTTP port': {
    call: { to: `${nowhere}:80`, says: http1('evil.test') },
    becomes: `passthrough PassthroughCluster -> ${nowhere}:80`,
  },
  '3 HTTP to a port that nobody declares': {
    call: { to: `${nowhere}:8181`, says: http1('d2iq.com') },
    becomes: `passthrough PassthroughCluster -> ${nowhere}:8181`,
  },
  '9 TLS with an unknown name': {
    call: { to: `${nowhere}:443`, says: tls('evil.test') },
    becomes: `passthrough PassthroughCluster -> ${nowhere}:443`,
  },
  '10 TLS with any name to the address of a TLS service': {
    call: { to: '203.0.113.50:443', says: tls('evil.test') },
    becomes: { strict: 'deny name-mismatch 0 NR', istio: 'forward outbound|443||vip.test -> 203.0.113.51:443' },
  },
  '15 TCP to any address on the port of a service without one': {
    call: { to: `${nowhere}:5432`, says: otherBytes },
    becomes: {
      strict: `passthrough PassthroughCluster -> ${nowhere}:5432`,
      istio: `forward outbound|5432||open.test -> ${nowhere}:5432`,
    },
  },
  '16 TCP to an unknown address': { call: { to: `${nowhere}:6379` }, becomes: `passthrough PassthroughCluster -> ${nowhere}:6379` },
  '18 raw TCP on an HTTP port': {
    call: { to: `${nowhere}:80`, says: otherBytes },
    becomes: `passthrough PassthroughCluster -> ${nowhere}:80`,
  },
  '25 CONNECT on an HTTP port': {
    call: { to: `${nowhere}:80`, says: { protocol: 'http1', method: 'CONNECT', target: 'x:1', host: 'd2iq.com' }, method: 'CONNECT' },
    becomes: 'deny protocol-not-supported 404 NR',
  },
  'the loop guard holds under every policy': {
    call: { to: '198.18.0.12:15001', says: otherBytes },
    becomes: 'deny not-declared 0 UH',
  },
  'the metadata address of clouds': {
    call: { to: '169.254.169.254:80', says: http1('169.254.169.254') },
    becomes: { strict: 'deny private-address 403 UH', istio: 'passthrough PassthroughCluster -> 169.254.169.254:80' },
  },
  'a private address': { call: { to: '10.1.2.3:22' }, becomes: 'passthrough PassthroughCluster -> 10.1.2.3:22' },
}

describe.each<Strictness>(['strict', 'istio'])('ALLOW_ANY, %s', (strictness) => {
  const runtime = worldOf(strictness, 'ALLOW_ANY')
  test.each(Object.entries(allowed))('%s', (_name, { call, becomes }) => {
    expect(tell(play(runtime, { resolver, ...call }))).toBe(typeof becomes === 'string' ? becomes : becomes[strictness])
  })
})

const questions: Record<string, { call: Call; asked: Readonly<Record<Strictness, readonly string[]>> }> = {
  'an undeclared destination: strict waits so that it can say why': {
    call: { to: `${nowhere}:22` },
    asked: { strict: ['first-bytes 250'], istio: [] },
  },
  'a declared address: nobody waits': { call: { to: '203.0.113.40:6379' }, asked: { strict: [], istio: [] } },
  'a sniffed port: strict for so long, Istio for ever': {
    call: { to: '203.0.113.60:7000' },
    asked: { strict: ['first-bytes 250'], istio: ['first-bytes 0'] },
  },
  'a declared host by DNS: bytes, then addresses': {
    call: { to: `${nowhere}:80`, says: http1('d2iq.com') },
    asked: { strict: ['first-bytes 250', 'addresses d2iq.com'], istio: ['first-bytes 0', 'addresses d2iq.com'] },
  },
  'a service without address: its addresses, and only then the bytes for a refusal': {
    call: { to: `${nowhere}:5432` },
    asked: { strict: ['addresses open.test', 'first-bytes 250'], istio: [] },
  },
}

describe.each<Strictness>(['strict', 'istio'])('what is asked, %s', (strictness) => {
  const runtime = worldOf(strictness)
  test.each(Object.entries(questions))('%s', (_name, { call, asked }) => {
    expect(play(runtime, { resolver, ...call }).asked).toEqual(asked[strictness])
  })
})
