// Holds that a change among a thousand declarations touches what is its own: all else is decided by the very objects that decided before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createStore, type Store } from '../../src/config/index.ts'
import { buildModel, type Model } from '../../src/model/index.ts'
import { compile, type Runtime } from '../../src/runtime/index.ts'
import { type Proxy, translate } from '../../src/translate/index.ts'
import { attempt } from './pipeline.ts'

const COUNT = 1000
const proxy: Proxy = { role: 'sidecar', namespace: 'default', name: 'app', labels: {} }
const folder = mkdtempSync(join(tmpdir(), 'sallyport-change-'))
const stores: Store[] = []

afterEach(() => {
  for (const store of stores.splice(0)) store.close()
  rmSync(folder, { recursive: true, force: true })
})

function entry(i: number, extra = ''): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e${i}, namespace: default}
spec:
  hosts: [h${i}.test]
  resolution: STATIC
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 198.51.100.${i % 250}}]
${extra}`
}

interface State {
  readonly model: Model
  readonly runtime: Runtime
}

function advance(store: Store, before?: State): State {
  const { resources, settings } = store.snapshot.value
  const model = buildModel(resources, settings, before?.model)
  const { snapshot } = translate(model, proxy)
  return { model, runtime: compile(snapshot, { addresses: [] }, before?.runtime).runtime }
}

/** What decides for every host: the cluster's compiled object, or the code of the refusal. */
function deciders({ runtime }: State): unknown[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const { end } = attempt(runtime, { to: '192.0.2.1:443', says: { protocol: 'tls', sni: `h${i}.test`, alpn: [] } })
    return end.verdict === 'forward' ? end.cluster : end.verdict === 'deny' ? end.reason.code : end.verdict
  })
}

function differing(a: readonly unknown[], b: readonly unknown[]): number[] {
  return a.flatMap((one, i) => (one === b[i] ? [] : [i]))
}

test('one of a thousand is changed, goes, and comes back', () => {
  const documents = Array.from({ length: COUNT }, (_, i) => entry(i))
  const write = (list: readonly string[]): void => writeFileSync(join(folder, 'all.yaml'), list.join('---\n'))
  write(documents)
  const store = createStore([folder], { outboundPolicy: 'REGISTRY_ONLY', pollMs: 0 })
  stores.push(store)
  let state = advance(store)
  const first = deciders(state)
  expect(new Set(first).size).toBe(COUNT)
  const after = (list: readonly string[]): unknown[] => {
    write(list)
    store.refresh()
    state = advance(store, state)
    return deciders(state)
  }
  const changed = after(documents.with(500, entry(500).replace('198.51.100.0', '203.0.113.7')))
  expect(differing(first, changed)).toEqual([500])
  const gone = after(documents.toSpliced(500, 1))
  expect(differing(first, gone)).toEqual([500])
  expect(gone[500]).toBe('not-declared')
  const back = after(['# it moves all the others\n', ...documents])
  expect(differing(first, back)).toEqual([500])
}, 30_000)
