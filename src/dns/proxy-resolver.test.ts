// Holds that a proxy which resolves names by itself is told real addresses, and none that it may not dial.
import dgram from 'node:dgram'
import { promises } from 'node:dns'
import net from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatAddress, parseIp, Watchable } from '../base/index.ts'
import type { Runtime } from '../runtime/index.ts'
import { serveProxyResolver } from './index.ts'
import { bindPair } from './proxy-resolver.ts'

const zone: Readonly<Record<string, readonly string[]>> = {
  'public.test': ['203.0.113.10'],
  'loop.test': ['127.0.0.1'],
  'metadata.test': ['169.254.169.254', '203.0.113.11'],
  'own.test': ['198.51.100.7'],
  'private.test': ['10.0.0.1'],
  'a.wild.test': ['10.0.0.2'],
}

const runtime = new Watchable<Runtime | undefined>({
  version: 1,
  strict: true,
  outboundPolicy: 'REGISTRY_ONLY',
  boundListeners: [],
  knowsNames: true,
  declaredName: (name) => ({ host: name.endsWith('.wild.test') ? '*.wild.test' : name, addresses: [] }),
  nameOfAddress: () => undefined,
  placed: (ref) => ref,
})
let privateNames = false
let service: Awaited<ReturnType<typeof serveProxyResolver>>
const resolver = new promises.Resolver({ timeout: 2000, tries: 1 })

beforeAll(async () => {
  service = await serveProxyResolver({
    runtime,
    own: new Set(['198.51.100.7'].flatMap((text) => parseIp(text) ?? [])),
    privateNames: () => privateNames,
    names: {
      query(name, type) {
        const records = (type === 'A' ? (zone[name] ?? []) : []).map((data) => ({ type: 'A' as const, data }))
        if (name === 'silent.test') return new Promise(() => undefined)
        return Promise.resolve(
          records.length === 0 ? { status: 'no-name', expires: 0 } : { status: 'found', records, expires: Date.now() + 5000 },
        )
      },
    },
  })
  resolver.setServers([formatAddress(service.address)])
})
afterAll(() => service.close())

const cases: Record<string, readonly [name: string, addresses: readonly string[]]> = {
  'a public address': ['public.test', ['203.0.113.10']],
  'loopback is left out': ['loop.test', []],
  'so is a metadata address, beside others': ['metadata.test', ['203.0.113.11']],
  'and an address of the node itself': ['own.test', []],
  'a private address of an exact name is told': ['private.test', ['10.0.0.1']],
  'of a name that only a wildcard covers it is not': ['a.wild.test', []],
  'a name that nobody answers is given up': ['silent.test', []],
}

test.each(Object.entries(cases))('%s', async (_case, [name, addresses]) => {
  expect(await resolver.resolve4(name).catch(() => [])).toEqual(addresses)
})

test('private addresses of wildcards are told where the mesh allows them', async () => {
  privateNames = true
  expect(await resolver.resolve4('a.wild.test')).toEqual(['10.0.0.2'])
  privateNames = false
})

test('a port that somebody has for TCP alone is not insisted on, and let go of', async () => {
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const taken = typeof address === 'object' ? (address?.port ?? 0) : 0
  const { udp, tcp, port } = await bindPair(taken)
  expect(port).not.toBe(taken)
  const again = dgram.createSocket('udp4')
  await new Promise<void>((resolve, reject) => again.once('error', reject).bind(taken, '127.0.0.1', resolve))
  for (const socket of [udp, again]) socket.close()
  for (const server of [tcp, other]) server.close()
})
