// Holds that a start from the last good file decides as the program that has written it, and follows what a server changes then as one that has never been away.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PatchedMap } from '../base/index.ts'
import { readSources } from '../config/index.ts'
import { buildModel } from '../model/index.ts'
import { addressOwners, type Compiled, compile, settle, settledBefore } from '../runtime/index.ts'
import { translate } from '../translate/index.ts'
import { decodeHeld, decodeResource, encodeHeld, type ResourceKey, type Snapshot, snapshotParts, type TakenOver } from '../xds/index.ts'
import { document, factsOf, seenOf } from './line.test-kit.ts'

const node = { addresses: [] }
const keys = ['listeners', 'routes', 'clusters', 'endpoints', 'names', 'origins'] as const

test('what a sidecar begins with decides as before, and so does what becomes of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-kept-'))
  const seen = { wholes: 0, changes: 0 }
  try {
    fc.assert(
      fc.property(fc.array(document, { minLength: 1, maxLength: 6 }), fc.array(document, { maxLength: 3 }), (first, more) => {
        const [before, after] = [first, [...more, ...first.slice(1)]].map((texts) => snapshotOf(folder, texts))
        if (before === undefined || after === undefined) return
        const whole = compile(before, node)
        const { snapshot: kept, owners } = keptOf(before, whole)
        // Something is missing in it: then it is judged at a start, and is not taken over.
        if (whole.rejected.length > 0) return
        seen.wholes++
        const settled = settledBefore(kept, node, owners)
        if (more.length % 2 === 0) expect(seenOf(settled.runtime)).toEqual(seenOf(whole.runtime))
        const offered = changed(kept, before, after)
        if (offered !== kept) seen.changes++
        const offer = { offered, good: kept, inForce: kept, previous: settled.runtime, node, isGivenUp: () => true }
        const { runtime, rejected, refused } = settle(offer)
        if (refused.length === 0) expect(factsOf({ runtime, rejected })).toEqual(factsOf(compile(after, node)))
      }),
      { numRuns: 20 },
    )
    expect(Math.min(seen.wholes, seen.changes)).toBeGreaterThan(5)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 30_000)

function snapshotOf(folder: string, texts: readonly string[]): Snapshot | undefined {
  const path = join(folder, 'all.yaml')
  writeFileSync(path, texts.map((text, i) => text.replace('NAME', `n${i}`)).join('---\n'))
  const config = readSources([path], { outboundPolicy: 'REGISTRY_ONLY' })
  const model = buildModel(config.resources, config.settings, undefined)
  return translate(model, { role: 'sidecar', namespace: 'default', name: 'app', labels: {} }).snapshot
}

/** As it comes out of a file. */
function keptOf(snapshot: Snapshot, { runtime }: Compiled): TakenOver {
  const held = keys.map((key) => {
    const all = [...bytesOf(snapshot, key)].map(([name, body]) => {
      const read = decodeResource(snapshotParts[key].typeUrl, body)
      return [name, { read, version: `of ${name}`, shownVersion: '', body, updated: 0 }] as const
    })
    return [key, all] as const
  })
  const body = Buffer.concat([
    ...encodeHeld({ held: new Map(held), isSettled: true, hasOwnMetadata: true, owners: addressOwners(runtime) }),
  ])
  const restored = decodeHeld({ body, savedAt: 0, isOwn: true })
  if (typeof restored === 'string' || !('kept' in restored)) throw new Error(`it is not taken over: ${JSON.stringify(restored)}`)
  return restored.kept
}

/** `kept` with what a server sends of `now` because it is another than `before`, which is what was kept. */
function changed(kept: Snapshot, earlier: Snapshot, now: Snapshot): Snapshot {
  const parts: Partial<Record<ResourceKey, ReadonlyMap<string, unknown>>> = {}
  for (const key of keys) {
    const before = new Map(bytesOf(earlier, key))
    const bytes = new Map(bytesOf(now, key))
    const changes = new Map<string, unknown>(Array.from(before.keys(), (name) => [name, undefined]))
    for (const [name, body] of bytes) {
      if (before.get(name)?.equals(body)) changes.delete(name)
      else changes.set(name, decodeResource(snapshotParts[key].typeUrl, body).resource)
    }
    if (changes.size > 0) parts[key] = PatchedMap.of<unknown>(kept[key], changes)
  }
  const next = { ...kept, ...parts }
  // Each part was given resources of its own key.
  return Object.keys(parts).length === 0 ? kept : (next as Snapshot & typeof next)
}

function* bytesOf(snapshot: Snapshot, key: (typeof keys)[number]): Iterable<readonly [string, Buffer]> {
  const part = snapshotParts[key]
  for (const [name, resource] of snapshot[key]) yield [name, Buffer.concat([...part.encode(name, resource as never)])]
}
