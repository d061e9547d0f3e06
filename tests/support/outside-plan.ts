// The test network as data: who is where, which names lead where, which ports of the outside do what.
import type { NameAnswer } from './name-server.ts'
import type { Topology } from './world.ts'

/** `out` is everything outside; `w1`, `w2` and `gw` stand for the machines of workloads and of the egress gateway. */
export const addresses = {
  out: '198.18.0.1',
  w1: '198.18.0.11',
  w2: '198.18.0.12',
  gw: '198.18.0.20',
} as const

const v6 = { out: '2001:db8::1', w1: '2001:db8::11', w2: '2001:db8::12', gw: '2001:db8::20' } as const

/** All addresses of these networks are the outside, except what `swallows` and closed ports say. */
export const outsideNetworks = ['203.0.113.0/24', '198.19.0.0/24', '2001:db8:113::/64']
export const swallows = ['203.0.113.250', '2001:db8:113::250']

export const ports = {
  http: [80, 8000, 8080, 8888],
  /** One of those, which speaks WebSocket too. */
  webSocket: 8888,
  https: [443, 8443],
  echo: [7000, 7001, 7002, 9000],
  serverFirst: [3306, 5432],
  redis: 6379,
  /** Nobody listens. */
  closed: 81,
} as const

/** Every HTTP answer of these is a 503. */
export const brokenOrigins = ['203.0.113.66', '203.0.113.67']

export const names: Readonly<Record<string, NameAnswer>> = {
  'd2iq.com': ['203.0.113.10'],
  'plain.example.test': ['203.0.113.11'],
  'other.example.test': ['203.0.113.12'],
  'api.example.test': ['203.0.113.13'],
  'www.wild.example.test': ['203.0.113.14'],
  'deep.www.wild.example.test': ['203.0.113.14'],
  'wild.example.test': ['203.0.113.15'],
  'special.wild.example.test': ['203.0.113.16'],
  'multi.example.test': ['203.0.113.20', '203.0.113.21', '203.0.113.22'],
  'secure.example.test': ['203.0.113.30'],
  'a.sni.example.test': ['203.0.113.31'],
  'b.sni.example.test': ['203.0.113.32'],
  'sni.example.test': ['203.0.113.33'],
  'origin.example.test': ['203.0.113.34'],
  'redis.domain': ['203.0.113.40'],
  'redis.example.test': ['203.0.113.40'],
  'tcp-a.example.test': ['203.0.113.41'],
  'tcp-b.example.test': ['203.0.113.42'],
  'canary.example.test': ['203.0.113.17'],
  'shadow.example.test': ['203.0.113.18'],
  'unknown.example.test': ['203.0.113.90'],
  'broken.example.test': ['203.0.113.66'],
  'dead.example.test': ['203.0.113.250'],
  'dual.example.test': ['203.0.113.19', '2001:db8:113::19'],
  'six.example.test': ['2001:db8:113::6'],
  'lying.example.test': ['127.0.0.1', '169.254.169.254', '::1'],
  'private.example.test': ['10.0.0.5'],
  'many.example.test': Array.from({ length: 1000 }, (_, index) => `203.0.113.${(index % 200) + 1}`),
  'silent.example.test': { silent: true },
  'failing.example.test': { fails: 'SERVFAIL' },
  'late.example.test': { addresses: ['203.0.113.11'], delayMs: 500 },
}

/** Names in each certificate; the server picks by SNI, and shows `default` to all others. */
export const certificates: Readonly<Record<string, readonly string[]>> = {
  default: ['default.invalid'],
  'd2iq.com': ['d2iq.com'],
  'secure.example.test': ['secure.example.test'],
  '_.sni.example.test': ['*.sni.example.test', 'sni.example.test'],
  'origin.example.test': ['origin.example.test'],
  'unknown.example.test': ['unknown.example.test'],
}

export function standardTopology(): Topology {
  const resolvConf = `nameserver ${addresses.out}\noptions ndots:1 timeout:2 attempts:1\n`
  const inside = (name: 'w1' | 'w2' | 'gw'): Topology['nodes'][string] => ({
    addresses: [`${addresses[name]}/24`, `${v6[name]}/64`],
    gateways: [addresses.out, v6.out],
    resolvConf,
  })
  const out = { addresses: [`${addresses.out}/24`, `${v6.out}/64`], local: outsideNetworks, swallows, resolvConf }
  return { nodes: { out, w1: inside('w1'), w2: inside('w2'), gw: inside('gw') } }
}
