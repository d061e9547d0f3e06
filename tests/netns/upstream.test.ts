// Holds through the seal how destinations are spoken to: TLS begun at the sidecar and at the gateway, PROXY protocol, limits, endpoints that fail.
import { readFileSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { destinationRule, documents, secret, serviceEntry } from '../support/declare.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import type { Probe, ProbeReport } from '../support/probe.ts'
import { isRequest } from '../support/seen.ts'
import { openFolder, startSidecar, type Sidecar } from '../support/sidecar.ts'
import { openWorkload } from '../support/workload.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()
const folder = openFolder()

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Played {
  readonly sidecar: Sidecar
  readonly play: (probe: Probe) => Promise<ProbeReport>
  /** The status of one request on a connection of its own. */
  readonly get: (host: string) => Promise<number | string>
}

async function withSidecar(declarations: string, script: (played: Played) => Promise<void>): Promise<void> {
  const sidecar = startSidecar(stand.node('w1'), {
    declarations,
    options: ['-l', 'app=web'],
    command: [process.execPath, bundled('test-probe.js')],
  })
  const workload = await openWorkload(sidecar.running)
  const play = (probe: Probe): Promise<ProbeReport> => workload.play(probe)
  try {
    await script({
      sidecar,
      play,
      async get(host) {
        const answer = await play({ id: 'get', kind: 'http', dial: `${host}:80`, headers: [['Host', host]], timeout: 15 })
        return 'many' in answer ? 'many' : (answer.status ?? answer.outcome)
      },
    })
  } finally {
    await workload.end()
    await sidecar.finish()
  }
}

const host = 'origin.example.test'
/** Plain to the application, TLS on the way out. */
const origin = serviceEntry({ host, port: 80, protocol: 'HTTP' }).replace('protocol: HTTP}', 'protocol: HTTP, targetPort: 443}')
const secured = (tls: Readonly<Record<string, unknown>>): string => destinationRule({ host, policy: { tls: { mode: 'SIMPLE', ...tls } } })

describe('TLS is begun for a sealed command', () => {
  test('that spoke plain HTTP, and follows its declaration', async () => {
    await withSidecar(documents(origin, secured({ caCertificates: stand.outside.authority })), async ({ sidecar, get }) => {
      stand.outside.seen()
      expect(await get(host)).toBe(200)
      const seen = stand.outside.seen().filter(isRequest)
      expect(seen).toMatchObject([{ proto: 'https', sni: host, certificate: host, local: '203.0.113.34:443', peer: addresses.w1 }])
      // The same trust is not enough for another name, and the system's trust not for this authority.
      sidecar.declare(
        documents(origin, secured({ caCertificates: stand.outside.authority, sni: 'unknown.example.test', subjectAltNames: [host] })),
      )
      await expect.poll(() => get(host)).toBe(503)
      sidecar.declare(documents(origin, secured({})))
      await expect.poll(() => lastDetails(sidecar, get)).toContain('CERTIFICATE_VERIFY_FAILED')
      // A rule for everybody gives no workload a Secret, and plain bytes are not what was asked for.
      const trusted = secret('mine', { cacert: readFileSync(stand.outside.authority, 'utf8') })
      sidecar.declare(documents(origin, secured({ credentialName: 'mine' }), trusted))
      await expect.poll(() => get(host)).toBe(403)
      const refused = { reason: { code: 'not-supported' }, by: { kind: 'DestinationRule', name: 'rule' } }
      await expect.poll(() => sidecar.records().at(-1)).toMatchObject(refused)
      const selected = destinationRule({ host, policy: { tls: { mode: 'SIMPLE', credentialName: 'mine' } }, selects: { app: 'web' } })
      sidecar.declare(documents(origin, selected))
      await expect.poll(() => get(host)).toBe(503)
      sidecar.declare(documents(origin, selected, trusted))
      await expect.poll(() => get(host)).toBe(200)
      expect(
        stand.outside
          .seen()
          .filter(isRequest)
          .every(({ proto }) => proto === 'https'),
      ).toBe(true)
    })
  })

  test('by the gateway, beside the sidecar', async () => {
    const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: way-out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [${host}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: way-out, namespace: default}
spec:
  hosts: [${host}]
  gateways: [mesh, way-out]
  http:
  - match: [{gateways: [mesh], port: 80}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 80}}}]
  - match: [{gateways: [way-out], port: 80}]
    route: [{destination: {host: ${host}, port: {number: 80}}}]
`
    await withSidecar(documents(origin, secured({ caCertificates: stand.outside.authority }), gateway), async ({ sidecar, get }) => {
      stand.outside.seen()
      expect(await get(host)).toBe(200)
      expect(stand.outside.seen().filter(isRequest)).toMatchObject([{ proto: 'https', sni: host, local: '203.0.113.34:443' }])
      await expect.poll(() => sidecar.records().map(({ role, path }) => `${role} ${path}`)).toContain('sidecar gateway')
    })
  })
})

async function lastDetails(sidecar: Sidecar, get: Played['get']): Promise<string> {
  await get(host)
  return sidecar.records().at(-1)?.details ?? ''
}

describe('the rest of a policy', () => {
  test('announces the client, limits connections, and leaves out what fails', async () => {
    const echo = serviceEntry({ host: 'tcp-a.example.test', port: 7000, protocol: 'TCP', addresses: ['203.0.113.41'] })
    const web = serviceEntry({
      host: 'multi.example.test',
      port: 80,
      protocol: 'HTTP',
      resolution: 'STATIC',
      endpoints: ['203.0.113.20', '203.0.113.66'],
    })
    const policy = { proxyProtocol: { version: 'V1' }, connectionPool: { tcp: { maxConnections: 2 } } }
    const outlier = { consecutive5xxErrors: 0, consecutiveGatewayErrors: 3, baseEjectionTime: '60s', maxEjectionPercent: 100 }
    const rules = [
      destinationRule({ host: 'tcp-a.example.test', policy }),
      destinationRule({ host: 'multi.example.test', policy: { loadBalancer: { simple: 'ROUND_ROBIN' }, outlierDetection: outlier } }),
    ].map((text, index) => text.replace('"rule"', `"rule-${index}"`))
    await withSidecar(documents(echo, web, ...rules), async ({ sidecar, play, get }) => {
      const dial = '203.0.113.41:7000'
      const answer = await play({ id: 'echo', kind: 'tcp', dial, send: 'hello\n' })
      expect(JSON.stringify(answer)).toMatch(/PROXY TCP4 [0-9.]+ 203\.0\.113\.41 \d+ 7000/)
      for (const id of ['one', 'two']) await play({ id, kind: 'hold', dial, send: 'x\n' })
      expect(await play({ id: 'three', kind: 'tcp', dial, send: 'x\n' })).toMatchObject({ outcome: 'closed' })
      await expect.poll(() => sidecar.records().map(({ flag }) => flag)).toContain('UO')
      const statuses: unknown[] = []
      for (let i = 0; i < 12; i++) statuses.push(await get('multi.example.test'))
      expect(statuses.filter((status) => status === 503)).toHaveLength(3)
      expect(statuses.slice(6)).toEqual(Array.from({ length: 6 }, () => 200))
    })
  })
})
