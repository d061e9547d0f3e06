// Holds the account of fields, and server-side apply, to what a kube-apiserver 1.34.4 did step by step.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  apiVersionOf,
  findResource,
  recordUpdate,
  serverSideApply,
  StatusError,
  type ApiResource,
  type JsonObject,
  type KubeObject,
  type ManagedFieldsEntry,
  type StatusCause,
  type Writer,
} from '../index.ts'

interface Step {
  readonly op: 'apply' | 'create' | 'update' | 'merge' | 'status'
  readonly resource: string
  readonly manager?: string
  readonly query?: string
  readonly object?: KubeObject
  readonly patch?: KubeObject
  readonly answer: {
    readonly code: number
    readonly message?: string
    readonly causes?: readonly StatusCause[]
    readonly object?: KubeObject
  }
}

const scenarios: readonly { readonly name: string; readonly steps: readonly Step[] }[] = JSON.parse(
  readFileSync(new URL('../testdata/apply.json', import.meta.url), 'utf8'),
)

function served(name: string): { readonly resource: ApiResource; readonly version: string } {
  const [plural = '', version = 'v1'] = name.split('.')
  const group = ['serviceentries', 'virtualservices'].includes(plural) ? 'networking.istio.io' : ''
  const resource = findResource(group, version, plural)
  if (resource === undefined) throw new Error(`${name} are not served`)
  return { resource, version }
}

const time = '2027-01-01T00:00:00Z'

function withoutTimes(entries: readonly ManagedFieldsEntry[] | undefined): readonly unknown[] {
  return (entries ?? []).map(({ time: _, ...entry }) => entry)
}

function writerOf({ op, manager = '', resource: name, answer }: Step): Writer {
  const { resource, version } = served(name)
  // Entries are in the order of their times: this write is the newest of those that were recorded.
  const recorded = answer.object?.metadata.managedFields?.map((entry) => entry.time ?? '') ?? []
  const time = recorded.sort().at(-1) ?? ''
  return {
    manager,
    apiVersion: apiVersionOf({ group: resource.group, version }),
    time,
    ...(op === 'status' ? { subresource: 'status' } : {}),
  }
}

function play(step: Step, before: KubeObject | undefined): KubeObject {
  const { resource } = served(step.resource)
  const writer = writerOf(step)
  const sent = step.object ?? step.patch
  if (sent === undefined) throw new Error('nothing was sent')
  if (step.op === 'apply') {
    return serverSideApply(resource, {
      applied: sent,
      writer,
      force: step.query?.includes('force=true') ?? false,
      ...(before ? { before } : {}),
    })
  }
  if (step.answer.object === undefined) throw new Error('no outcome')
  const { managedFields: _, ...metadata } = step.answer.object.metadata
  const reset = sent.metadata?.managedFields
  return recordUpdate(
    resource,
    before,
    { ...step.answer.object, metadata: reset === undefined ? metadata : { ...metadata, managedFields: reset } },
    writer,
  )
}

/** The parts that clients decide; the server fills in more in Services and Pods, and leaves empty maps out. */
function decided({ data, spec, metadata }: KubeObject, isPlain: boolean): unknown {
  const { labels, annotations } = metadata
  return { labels, annotations, ...(isPlain ? { data: data === undefined ? {} : data, spec } : {}) }
}

describe.each(scenarios.filter(({ name }) => name !== 'what apply refuses'))('$name', ({ steps }) => {
  const before = steps.map((_step, index) => steps.slice(0, index).findLast(({ answer }) => answer.object !== undefined)?.answer.object)

  test.each(steps.map((step, index) => [index + 1, `${step.op} by ${step.manager ?? 'nobody'}`, step, before[index]] as const))(
    '%i %s',
    (_index, _name, step, known) => {
      const { answer } = step
      if (answer.object === undefined) {
        expect(statusOf(() => play(step, known))).toEqual({ code: answer.code, message: answer.message, causes: answer.causes })
        return
      }
      const after = play(step, known)
      expect(withoutTimes(after.metadata.managedFields)).toEqual(withoutTimes(answer.object.metadata.managedFields))
      const isPlain = step.resource !== 'services' && step.resource !== 'pods'
      const annotations = (object: KubeObject): KubeObject =>
        isPlain ? object : { ...object, metadata: { ...object.metadata, annotations: {} } }
      expect(decided(annotations(after), isPlain)).toEqual(decided(annotations(answer.object), isPlain))
    },
  )
})

function statusOf(play: () => unknown): unknown {
  try {
    return play()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const { code, message, details } = error.status
    return { code, message, causes: details?.causes }
  }
}

describe('what apply refuses', () => {
  const steps = scenarios.find(({ name }) => name === 'what apply refuses')?.steps ?? []
  const typed = steps.filter(({ answer }) => answer.message?.startsWith('failed to create typed') && !answer.message.includes('&{'))

  test.each(typed.map((step) => [step.answer.message ?? '', step] as const))('%s', (message, step) => {
    const sent = typeof step.patch === 'string' ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'r' }, foo: 1 } : undefined
    expect(statusOf(() => play(sent ? { ...step, patch: sent } : step, undefined))).toEqual({ code: 400, message, causes: undefined })
  })

  test('a list that is longer than any', () => {
    const { resource } = served('serviceentries')
    const ports = Array.from({ length: 257 }, (_, index) => ({ number: 80, name: `p${index}` }))
    const applied = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'a' },
      spec: { hosts: ['a.example'], ports },
    }
    const writer = { manager: 'one', apiVersion: 'networking.istio.io/v1', time }
    expect(() => serverSideApply(resource, { applied, writer, force: false })).toThrow('.spec.ports: must have at most 256 items')
  })

  test('an account of one’s own', () => {
    const [step] = steps
    if (step === undefined) throw new Error('no step')
    expect(statusOf(() => play(step, undefined))).toMatchObject({ code: 400, message: 'metadata.managedFields must be nil' })
  })
})

describe('the account', () => {
  const { resource } = served('configmaps')
  const map = (data: Record<string, string>, more: JsonObject = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', ...more },
    data,
  })
  const writer = (manager: string, at = time): Writer => ({ manager, apiVersion: 'v1', time: at })

  test('keeps the time of an entry that does not change', () => {
    const first = recordUpdate(resource, undefined, map({ x: '1' }), writer('one'))
    const second = recordUpdate(resource, first, { ...map({ x: '1', y: '2' }) }, writer('two', '2028-01-01T00:00:00Z'))
    expect(second.metadata.managedFields?.map((entry) => [entry.manager, entry.time])).toEqual([
      ['one', time],
      ['two', '2028-01-01T00:00:00Z'],
    ])
  })

  test('joins the oldest of more than ten writers', () => {
    let object = recordUpdate(resource, undefined, map({ k0: '' }), writer('m0', '2026-01-01T00:00:00Z'))
    for (let index = 1; index < 20; index += 1) {
      const data = Object.fromEntries(Array.from({ length: index + 1 }, (_, key) => [`k${key}`, '']))
      object = recordUpdate(resource, object, map(data), writer(`m${index}`, `2026-01-${String(index + 1).padStart(2, '0')}T00:00:00Z`))
    }
    const managers = object.metadata.managedFields?.map((entry) => entry.manager)
    expect(managers?.length).toBe(10)
    expect(managers).toContain('ancient-changes')
    expect(JSON.stringify(object.metadata.managedFields)).toContain('"f:k3"')
  })

  test('takes over what a client says of it, as kubectl does when it migrates', () => {
    const first = recordUpdate(resource, undefined, map({ x: '1' }), writer('kubectl-client-side-apply'))
    const entry = first.metadata.managedFields?.[0]
    if (entry === undefined) throw new Error('no entry')
    const migrated = recordUpdate(
      resource,
      first,
      map({ x: '1' }, { managedFields: [{ ...entry, manager: 'kubectl', operation: 'Apply' }] }),
      writer('kubectl'),
    )
    expect(withoutTimes(migrated.metadata.managedFields)).toEqual([
      { manager: 'kubectl', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: entry.fieldsV1 },
    ])
  })

  test('knows what was there before anybody applied', () => {
    const after = serverSideApply(resource, { before: map({ x: '1' }), applied: map({ y: '2' }), writer: writer('one'), force: false })
    expect(after.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['one', 'before-first-apply'])
  })
})
