// Holds stock Envoy to taking whatever the tests of a file have had translated: without a refusal, and without a word about deprecated or unknown fields.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { parseCidr } from '../../src/base/index.ts'
import { openFeed, startEnvoy, StockSnapshots } from '../../src/envoy/index.ts'
import { create, type Snapshot } from '../../src/xds/index.ts'
import { AddressSchema } from '../../src/xds/gen/envoy/config/core/v3/address_pb.js'
import { type Listener, ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.js'
import { tellCounts } from './counts.ts'
import { findEnvoy } from './envoy.ts'

type Role = 'sidecar' | 'gateway'

const kept: { readonly role: Role; readonly snapshot: Snapshot }[] = []

/** Takes part in the test file that imports it: at its end everything is put to Envoy. */
export function keepForEnvoy(role: Role, snapshot: Snapshot): Snapshot {
  kept.push({ role, snapshot })
  return snapshot
}

afterAll(async () => {
  const program = findEnvoy()
  if (program === undefined || kept.length === 0) {
    if (process.env['CI'] === 'true') expect(program).toBeDefined()
    return
  }
  const notes = (await Promise.all((['sidecar', 'gateway'] as const).map((role) => putAll(role, program)))).flat()
  tellCounts(`Envoy took ${kept.length} snapshots as they were translated in ${expect.getState().testPath?.split('/').at(-1)}`)
  expect(notes.filter((note) => !isMissingFile(note))).toEqual([])
}, 60_000)

async function putAll(role: Role, binary: { readonly path: string; readonly version: string }): Promise<readonly string[]> {
  const mine = kept.filter((one) => one.role === role)
  if (mine.length === 0) return []
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-envoy-'))
  const notes: string[] = []
  const feed = await openFeed(join(folder, 'xds.sock'))
  const resolver = { ip: '127.0.0.1', port: 9 }
  const envoy = startEnvoy({ binary, folder, node: nodeOf(role), ads: feed.path, resolver, onNote: (text) => notes.push(text) })
  const stock = new StockSnapshots({
    role,
    log: '/dev/null',
    idPrefix: 'e0',
    workload: 'default/client',
    neverReached: ['127.0.0.0/8', '169.254.0.0/16', '::1/128'].flatMap((text) => parseCidr(text) ?? []),
    ...(role === 'sidecar' && { capture: { relay: join(folder, 'relay.sock') } }),
  })
  try {
    for (const { snapshot } of mine)
      notes.push(...(await feed.put(unbound(role, stock.of(snapshot), folder))).filter((text) => !notes.includes(text)))
  } finally {
    await envoy.close()
    await feed.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return notes
}

function nodeOf(role: Role) {
  return {
    id: `${role === 'sidecar' ? 'sidecar' : 'router'}~127.0.0.1~client.default~default.svc.cluster.local`,
    cluster: 'client.default',
  }
}

/** Ports that this machine may use for something else are not bound, and sockets stand where there is a folder. */
function unbound(role: Role, snapshot: Snapshot, folder: string): Snapshot {
  if (role === 'sidecar') return snapshot
  const moved = (listener: Listener): Listener => {
    const isPipe = listener.address?.address.case === 'pipe'
    const path = join(folder, `${listener.name}.sock`)
    const address = isPipe ? create(AddressSchema, { address: { case: 'pipe', value: { path } } }) : listener.address
    return create(ListenerSchema, { ...(listener as object), bindToPort: isPipe, ...(address && { address }) })
  }
  return { ...snapshot, listeners: new Map(Array.from(snapshot.listeners, ([name, listener]) => [name, moved(listener)])) }
}

/** Files that declarations of tests name and nobody has. Real ones are put to Envoy by the recorded scenarios. */
function isMissingFile(note: string): boolean {
  return /Invalid path: |Failed to load incomplete private key from path: /.test(note)
}
