// Holds what a change of the files leaves alone: the line from files to the runtime hands unchanged parts on as the very same objects.
import { describe, expect, test } from 'vitest'
import { readText } from '../config/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { compile, type Runtime } from '../runtime/index.ts'
import { type Proxy, translate } from '../translate/index.ts'
import type { Snapshot } from '../xds/index.ts'

const proxy: Proxy = { role: 'sidecar', namespace: 'default', name: 'app', labels: {} }

interface State {
  readonly model: Model
  readonly snapshot: Snapshot
  readonly runtime: Runtime
}

function entry(index: number, port = 443): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e${index}, namespace: default}
spec:
  hosts: [e${index}.test]
  resolution: DNS
  location: MESH_EXTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}, {number: ${port}, name: tls, protocol: TLS}]
`
}

function publish(text: string, before?: State): State {
  const config = readText(text, 'policy.yaml', { outboundPolicy: 'REGISTRY_ONLY' })
  expect(config.issues).toEqual([])
  const model = buildModel(config.resources, config.settings, before?.model)
  const { snapshot } = translate(model, proxy)
  return { model, snapshot, runtime: compile(snapshot, { addresses: [] }, before?.runtime).runtime }
}

function changed<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name)).toSorted()
}

const fixed = entry(999).replace('resolution: DNS', 'resolution: STATIC').concat('  endpoints: [{address: 203.0.113.9}]\n')
const many = [...Array.from({ length: 999 }, (_, index) => entry(index)), fixed]

describe('ten lines of comment before a thousand entries', () => {
  const before = publish(many.join('---\n'))
  const after = publish(`${'# nothing\n'.repeat(10)}${many.join('---\n')}`, before)

  test.each(['listeners', 'routes', 'clusters', 'endpoints', 'names'] as const)('leave all %s the same objects', (kind) => {
    expect(before.snapshot[kind].size).toBeGreaterThan(0)
    expect(changed<unknown>(before.snapshot[kind], after.snapshot[kind])).toEqual([])
  })

  test('move the places that records tell', () => {
    const ref = { kind: 'ServiceEntry', namespace: 'default', name: 'e500', field: 'spec.hosts[0]' }
    const line = before.runtime.placed(ref).line ?? 0
    expect(line).toBe(500 * 9 + 5)
    expect(after.runtime.placed(ref)).toMatchObject({ file: 'policy.yaml', line: line + 10, column: before.runtime.placed(ref).column })
  })
})

test('a change of one entry changes what is its own, and no other cluster', () => {
  const before = publish(many.join('---\n'))
  const after = publish(many.with(500, entry(500, 8443)).join('---\n'), before)
  expect(changed(before.snapshot.clusters, after.snapshot.clusters)).toEqual(['outbound|443||e500.test', 'outbound|8443||e500.test'])
  expect(changed(before.snapshot.routes, after.snapshot.routes)).toEqual([])
}, 30_000)
