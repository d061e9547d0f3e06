// Holds what is translated to what another process makes of its bytes: the same resources, all of them carried out.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { equals } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { readText } from '../../src/config/index.ts'
import { buildModel } from '../../src/model/index.ts'
import { settle } from '../../src/runtime/index.ts'
import { translate } from '../../src/translate/index.ts'
import { allDescriptors } from '../../src/xds/gen/descriptors.js'
import { decodeResource, emptySnapshot, type ResourceKey, type Snapshot, type SnapshotPart, snapshotParts } from '../../src/xds/index.ts'
import { gateway, sidecar } from './player.ts'

const folder = join(import.meta.dirname, 'testdata', 'recorded')
const common = readFileSync(join(folder, 'common.yaml'), 'utf8')
const scenarios = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const strictnesses = ['strict', 'istio'] as const

test.each(scenarios.map(({ name }) => [name] as const))('%s', (name) => {
  const yaml = [common, readFileSync(join(folder, name, 'input.yaml'), 'utf8')].join('\n---\n')
  for (const strictness of strictnesses) {
    const { resources, settings } = readText(yaml, name, { outboundPolicy: 'REGISTRY_ONLY', strictness })
    for (const proxy of [sidecar, gateway]) {
      const { snapshot } = translate(buildModel(resources, settings), proxy)
      const received = throughBytes(snapshot)
      expect(differences(snapshot, received)).toEqual([])
      const node = { addresses: [] }
      const settled = settle({
        offered: received,
        good: emptySnapshot,
        inForce: emptySnapshot,
        previous: undefined,
        node,
        isGivenUp: () => false,
      })
      expect(settled.refused).toEqual([])
    }
  }
})

/** Every part writes and reads resources of its own. */
const parts = Object.values(snapshotParts) as readonly SnapshotPart[]

function throughBytes(snapshot: Snapshot): Snapshot {
  const received = new Map<ResourceKey, Map<string, unknown>>(parts.map(({ key }) => [key, new Map<string, unknown>()]))
  for (const part of parts) {
    for (const [name, resource] of snapshot[part.key]) {
      const read = decodeResource(part.typeUrl, Buffer.concat(part.encode(name, resource)))
      received.get(read.key)?.set(read.name, read.resource)
    }
  }
  const all: Record<string, unknown> = { ...emptySnapshot, ...Object.fromEntries(received) }
  return all as Snapshot & typeof all
}

function differences(sent: Snapshot, received: Snapshot): readonly string[] {
  return parts.flatMap(({ key }) =>
    Array.from(sent[key].entries() as Iterable<[string, object]>).flatMap(([name, resource]) =>
      isSame(resource, received[key].get(name)) ? [] : [`${key} ${name}`],
    ),
  )
}

/** Places of declarations are no messages: of those the first line is compared. */
function isSame(sent: object, received: object | undefined): boolean {
  if ('$typeName' in sent && received !== undefined && '$typeName' in received) {
    const schema = allDescriptors.getMessage(String(sent.$typeName))
    return schema !== undefined && equals(schema, sent as never, received as never)
  }
  return received !== undefined && 'line' in sent && 'line' in received && sent.line === received.line
}
