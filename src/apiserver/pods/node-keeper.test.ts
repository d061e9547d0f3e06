// Holds what becomes of Nodes that nobody is in touch from: not ready, ready again, and gone, unless Pods are on them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fieldAtPath, findKind, isJsonList, isJsonObject, type KubeObject } from '../../kube/index.ts'
import { type ObjectStore, openLevelStore } from '../../store/index.ts'
import { writeBeginnings } from '../index.ts'
import { ObjectWriter } from '../object-writer.ts'
import { NodeKeeper } from './node-keeper.ts'
import { usualPodLimits } from './pod-keeper.ts'

let directory: string
let store: ObjectStore
let writer: ObjectWriter
let keeper: NodeKeeper | undefined
const linked = new Set<string>()

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodes-'))
  store = await openLevelStore(directory)
  await writeBeginnings(store, Date.now)
  writer = new ObjectWriter(store, Date.now)
  linked.clear()
})

afterEach(async () => {
  keeper?.close()
  await store.close()
  rmSync(directory, { recursive: true })
})

function resourceOf(kind: string) {
  const resource = findKind('', kind)
  if (resource === undefined) throw new Error(`${kind} is not served`)
  return resource
}

const written = { isDryRun: false, manager: 'test' }
const poll = { timeout: 15_000 }
const node = (name: string) => ({ resource: resourceOf('Node'), version: 'v1', namespace: '', name })
const condition = (reason: string) => ({ type: 'Ready', status: 'True', reason })

async function makeNode(name: string, reason = 'SallyportJoined'): Promise<void> {
  await writer.create(node(name), { apiVersion: 'v1', kind: 'Node', metadata: { name } }, written)
  const change = (before: KubeObject) => ({ object: { ...before, status: { conditions: [condition(reason)] } }, warnings: [] })
  await writer.change(node(name), change, { ...written, isStatus: true })
}

async function makePod(name: string, nodeName: string): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [{ name, image: name }] },
  }
  await writer.create({ resource: resourceOf('Pod'), version: 'v1', namespace: 'default', name }, pod, written)
}

/** Of its condition: gone when there is no such Node. */
function readiness(name: string): unknown {
  const stored = store.get({ resource: 'nodes', namespace: '', name })
  if (stored === undefined) return 'gone'
  const object: KubeObject = JSON.parse(stored.value.toString())
  const conditions = fieldAtPath(object, ['status', 'conditions'])
  const ready = isJsonList(conditions) ? conditions.filter(isJsonObject).find(({ type }) => type === 'Ready') : undefined
  return ready?.['status']
}

function begin(limits: { readonly lostMs: number; readonly nodeRemovedMs: number }): void {
  keeper = new NodeKeeper({
    store,
    writer,
    links: { has: (namespace, name) => linked.has(`${namespace}/${name}`) },
    limits: { ...usualPodLimits, ...limits },
    report: (error) => expect.unreachable(String(error)),
    node: 'own',
  })
}

it('is not ready when nobody has been in touch from it for a while, and ready again when somebody is', async () => {
  await makeNode('theirs')
  await makePod('web', 'theirs')
  begin({ lostMs: 0, nodeRemovedMs: 600_000 })
  await expect.poll(() => readiness('theirs'), poll).toBe('Unknown')
  linked.add('default/web')
  await expect.poll(() => readiness('theirs'), poll).toBe('True')
})

it('is gone long after, but not with a Pod on it, not the server’s own, and not one that somebody made in another way', async () => {
  for (const name of ['empty', 'busy', 'own']) await makeNode(name)
  await makeNode('foreign', 'KubeletReady')
  await makePod('web', 'busy')
  begin({ lostMs: 0, nodeRemovedMs: 1 })
  await expect.poll(() => ['empty', 'busy', 'own', 'foreign'].map(readiness), poll).toEqual(['gone', 'Unknown', 'True', 'True'])
})
