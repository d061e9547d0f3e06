// The demo's network as data: who is where, which name leads where, and what is served at which port.
import type { Topology } from '../tests/support/world.ts'

export const addresses = {
  application: '198.18.1.10',
  gateway: '198.18.1.20',
  outside: '198.18.1.1',
  nameServer: '203.0.113.53',
  d2iq: '203.0.113.10',
  other: '203.0.113.12',
  direct: '203.0.113.13',
  redis: '203.0.113.40',
  /** Redis answers at every address of the outside; nothing declares this one. */
  otherRedis: '203.0.113.41',
} as const

export const names: Readonly<Record<string, readonly string[]>> = {
  'd2iq.com': [addresses.d2iq],
  'other.example.test': [addresses.other],
  'direct.example.test': [addresses.direct],
  'redis.domain': [addresses.redis],
}

/** Every address of this network is the outside. */
const outsideNetwork = '203.0.113.0/24'

export const outsidePorts = { http: 80, https: 443, redis: 6379, dns: 53, udp: 443 } as const

export const adminAddress = { sidecar: '127.0.0.1:15020', gateway: '127.0.0.1:15021' } as const

export function topology(): Topology {
  const resolvConf = `nameserver ${addresses.nameServer}\noptions timeout:2 attempts:1\n`
  const inside = (address: string): Topology['nodes'][string] => ({
    addresses: [`${address}/24`],
    gateways: [addresses.outside],
    resolvConf,
  })
  return {
    nodes: {
      outside: { addresses: [`${addresses.outside}/24`], local: [outsideNetwork], resolvConf },
      application: inside(addresses.application),
      gateway: inside(addresses.gateway),
    },
  }
}
