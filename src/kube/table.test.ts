// Holds tables to those of a kube-apiserver 1.34.4: the same objects, the same columns and cells.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findResource, toTable, type Json, type KubeObject } from './index.ts'
import { age, humanDuration } from './columns/column.ts'

interface Recorded {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly format: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly Json[]; readonly object: KubeObject }[]
}

const recorded: Readonly<Record<string, Recorded>> = JSON.parse(readFileSync(new URL('testdata/tables.json', import.meta.url), 'utf8'))
const names: Readonly<Record<string, string>> = { crds: 'customresourcedefinitions', 'events.events.k8s.io': 'events' }

/** Ages count from the moment of the recording: they are compared by the column's own words elsewhere. */
function withoutAges(cells: readonly Json[], columns: Recorded['columns']): readonly Json[] {
  const shifting = ['Age', 'Last Seen', 'First Seen']
  return cells.map((cell, index) =>
    shifting.includes(columns[index]?.name ?? '') ? 'age' : typeof cell === 'string' ? cell.replace(/\(.* ago\)/, '(age ago)') : cell,
  )
}

describe('tables are those of Kubernetes', () => {
  test.each(Object.entries(recorded))('%s', (name, { columns, rows }) => {
    const { apiVersion = '' } = rows[0]?.object ?? {}
    const slash = apiVersion.indexOf('/')
    const resource = findResource(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), names[name] ?? name)
    if (resource === undefined) throw new Error(`${apiVersion} ${name} is not served`)
    const table = toTable(
      resource,
      rows.map(({ object }) => object),
      { now: Date.now(), include: 'None' },
    )
    const definitions = table.columnDefinitions.map(({ name: title, type, format, priority }) => ({ name: title, type, format, priority }))
    expect(definitions).toEqual(columns)
    expect(table.rows.map(({ cells }) => withoutAges(cells, columns))).toEqual(rows.map(({ cells }) => withoutAges(cells, columns)))
  })
})

describe('a table', () => {
  const resource = findResource('networking.istio.io', 'v1', 'serviceentries')
  const object: KubeObject = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'a', namespace: 'b', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { hosts: ['a.example'] },
  }
  const now = Date.parse('2026-01-01T00:05:30Z')

  test('goes with the metadata of its objects, and has the version of its only one', () => {
    if (resource === undefined) throw new Error('not served')
    const { metadata, rows } = toTable(resource, [object], { now })
    expect({ metadata, rows }).toEqual({
      metadata: { resourceVersion: '7' },
      rows: [
        {
          cells: ['a', '["a.example"]', null, null, '5m30s'],
          object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
        },
      ],
    })
  })

  test('has all of the object where that is asked for, and no columns in later events of a watch', () => {
    if (resource === undefined) throw new Error('not served')
    const { rows, columnDefinitions } = toTable(resource, [object], { now, include: 'Object', withoutColumns: true })
    expect([rows[0]?.object, columnDefinitions]).toEqual([object, []])
  })
})

describe('an age', () => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour
  const cases: readonly (readonly [number, string])[] = [
    [-2 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [120 * second, '2m'],
    [9 * minute + 59 * second, '9m59s'],
    [10 * minute + 59 * second, '10m'],
    [179 * minute, '179m'],
    [180 * minute, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 59 * minute, '8h'],
    [47 * hour, '47h'],
    [48 * hour, '2d'],
    [7 * day + 23 * hour, '7d23h'],
    [8 * day, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [731 * day, '2y1d'],
    [9 * 365 * day, '9y'],
  ]
  test.each(cases)('of %i ms is printed as %s', (milliseconds, text) => {
    expect(humanDuration(milliseconds)).toBe(text)
  })

  test('that is not known is printed so', () => {
    expect(age(undefined, 0)).toBe('<unknown>')
  })
})
