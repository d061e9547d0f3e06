// Holds each row of the table of engine differences: what our own data plane does, and what stock Envoy does with the same resources.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineDifferences } from '../../src/envoy/index.ts'
import { hello } from '../../src/proxy/sniff/client-hello.test-kit.ts'
import { noEnvoy, findEnvoy } from '../support/envoy.ts'
import { flowClosed, flowDecided } from '../../src/telemetry/index.ts'
import { leaveOutEngines } from '../support/simulation.ts'
import { openEnvoyStand } from '../support/envoy-stand.ts'
import { type Ground, layGround } from '../support/ground.ts'
import type { Stand, StandCall } from '../support/stand.ts'
import { create } from '../../src/xds/index.ts'
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { pipeline, type Played, verdict } from './player.ts'

const entry = (name: string, spec: string): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {location: MESH_EXTERNAL, ${spec}}
`
const tcp = (name: string): string =>
  entry(name, `hosts: [${name}.test], ports: [{number: 7000, name: tcp, protocol: TCP}], resolution: DNS`)
const http = (name: string, hosts = `${name}.test`): string =>
  entry(name, `hosts: ["${hosts}"], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS`)
const any = (name: string): string =>
  entry(
    name,
    `hosts: [${name}.test], addresses: [203.0.113.50], ports: [{number: 8000, name: any}], resolution: STATIC, endpoints: [{address: 203.0.113.50}]`,
  )

const names = { 'a.test': ['203.0.113.41'], 'b.test': ['203.0.113.42'] }

leaveOutEngines()

let ground: Ground
let stand: Stand

beforeAll(async () => {
  if (findEnvoy() === undefined) return
  ground = await layGround()
  stand = await openEnvoyStand('sidecar', ground)
})
afterAll(async () => {
  await stand?.close()
  await ground?.close()
})

/** `CLUSTER` of what Envoy allowed, or why it did not. */
async function underEnvoy(played: Played, call: StandCall): Promise<string> {
  await stand.put({ snapshot: played.translation.snapshot, names })
  const { record } = await stand.call(call)
  if (record === undefined) return 'no record'
  return record.verdict === 'allow' ? (record.cluster ?? '-') : record.reason.code
}

type Key = keyof typeof engineDifferences

/** Rows that ask what becomes of one call. */
const rows: Partial<Record<Key, { readonly yaml: string; readonly call: StandCall; readonly sallyport: RegExp; readonly envoy: string }>> =
  {
    'resolved-address': {
      yaml: tcp('a'),
      call: { to: '203.0.113.41:7000', bytes: true },
      sallyport: /^outbound\|7000\|\|a.test -> /,
      envoy: 'not-declared',
    },
    'tls-without-name': {
      yaml: any('a'),
      call: { to: '203.0.113.50:8000', says: hello({}), bytes: true },
      sallyport: /^outbound\|8000\|\|a.test -> /,
      envoy: 'name-mismatch',
    },
    'port-of-host': {
      yaml: entry('wild', 'hosts: ["*.wild.test"], ports: [{number: 8080, name: http, protocol: HTTP}], resolution: NONE'),
      call: { to: '203.0.113.41:8080', host: 'a.wild.test' },
      sallyport: /./,
      envoy: 'destination-mismatch',
    },
    'refused-destination': {
      yaml: `${http('a')}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule, namespace: default}
spec: {host: a.test, trafficPolicy: {tls: {mode: SIMPLE, credentialName: c}}}
`,
      call: { to: '203.0.113.41:80', host: 'a.test' },
      sallyport: /^not-supported 403/,
      envoy: 'not-supported',
    },
    'special-address': {
      yaml: `${entry('a', 'hosts: [a.test], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS')}${entry('wide', 'hosts: [wide.test], addresses: [0.0.0.0/0], ports: [{number: 443, name: tcp, protocol: TCP}], resolution: NONE')}`,
      call: { to: '169.254.169.254:443', sni: 'a.test' },
      sallyport: /./,
      envoy: 'private-address',
    },
  }

describe.skipIf(findEnvoy() === undefined)(`what stock Envoy does otherwise (${noEnvoy})`, () => {
  for (const [key, row] of Object.entries(rows)) {
    test(engineDifferences[key as Key].what, async () => {
      const played = pipeline(row.yaml)
      expect.soft(verdict(played.runtime, { ...row.call, names })).toMatch(row.sallyport)
      expect.soft(await underEnvoy(played, row.call)).toBe(row.envoy)
    })
  }

  test(engineDifferences['names-agree'].what, async () => {
    const played = pipeline(`${http('a')}${http('b')}`)
    const [address] = played.runtime.declaredName('a.test')?.addresses ?? []
    expect(await underEnvoy(played, { to: `${address}:80`, host: 'b.test' })).toBe('outbound|80||b.test')
  })

  test(engineDifferences['hosts-file'].what, async () => {
    const played = pipeline(entry('wild', 'hosts: ["*.wild.test"], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE'))
    const call = { to: '203.0.113.41:80', host: 'deep.wild.test' }
    const told = { 'deep.wild.test': ['10.0.0.1'] }
    ground.setNames(told)
    expect(verdict(played.runtime, { ...call, names: told })).toBe('private-address 403 UH')
    expect(await underEnvoy(played, call)).toBe('outbound|80||*.wild.test')
  })

  test(engineDifferences['refusal-body'].what, async () => {
    const played = pipeline(http('a'))
    await stand.put({ snapshot: played.translation.snapshot, names })
    const { answer, record } = await stand.call({
      to: '203.0.113.9:80',
      host: 'x.test',
      path: '/%41',
      headers: { accept: 'application/json' },
    })
    expect(answer).toMatch(/^HTTP\/1.1 403 /)
    expect(answer).toContain('no ServiceEntry declares host "x.test"')
    expect(answer).toContain(`x-sallyport-decision: ${record?.id}`)
    expect(answer).not.toContain('apiVersion')
  })

  test(engineDifferences['cut-hello'].what, async () => {
    const played = pipeline(entry('a', 'hosts: [a.test], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS'))
    await stand.put({ snapshot: played.translation.snapshot, names })
    const call = { to: '203.0.113.41:443', says: hello({ sni: 'a.test', extensions: [[21, Buffer.alloc(500)]] }) }
    expect((await stand.call(call)).record).toMatchObject({ verdict: 'allow', cluster: 'outbound|443||a.test' })
    expect((await stand.call({ ...call, inPieces: true })).record?.verdict).not.toBe('allow')
  })

  // No difference, but what both do: what is refused is told in the engine's words, and the last good version goes on.
  test('what Envoy refuses is told with its reason, and everything else goes on', async () => {
    const { snapshot } = pipeline(http('a')).translation
    const name = 'outbound|80||a.test'
    const broken = create(ClusterSchema, {
      name,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
      lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    })
    await stand.put({ snapshot, names })
    await stand.put({ snapshot: { ...snapshot, clusters: new Map([...snapshot.clusters, [name, broken]]) }, names })
    expect(stand.notes).toContainEqual(
      expect.stringMatching(/^Envoy refuses what it was given: CDS: .*outbound\|80\|\|a\.test: .*cluster provided LB/),
    )
    expect((await stand.call({ to: '203.0.113.41:80', host: 'a.test' })).record).toMatchObject({ verdict: 'allow', cluster: name })
  })

  test(engineDifferences['end-of-connection'].what, async () => {
    const told: string[] = []
    const stops = [flowDecided.subscribe(() => told.push('decided')), flowClosed.subscribe(() => told.push('closed'))]
    await stand.put({ snapshot: pipeline(http('a')).translation.snapshot, names })
    await stand.call({ to: '203.0.113.41:80', host: 'a.test' })
    for (const stop of stops) stop()
    expect(told).toContain('closed')
    expect(told).not.toContain('decided')
  })

  test('each difference has a test', () => {
    const held = ['names-agree', 'hosts-file', 'refusal-body', 'cut-hello', 'end-of-connection', ...Object.keys(rows)]
    // Held by tests/netns/envoy.test.ts, where connections live through a change.
    expect([...held, 'live-change'].toSorted()).toEqual(Object.keys(engineDifferences).toSorted())
  })
})
