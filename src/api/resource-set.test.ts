// Holds how resources are found and ordered, and that what has not changed keeps its identity.
import { expect, test } from 'vitest'
import { createResourceSet, type Resource } from './index.ts'

function entry(name: string, created = 0, namespace = 'default'): Resource<'ServiceEntry'> {
  const meta = { name, namespace, labels: {}, annotations: {}, created }
  const origin = { source: 'x.yaml', line: 1, placeOf: () => ({ line: 1, column: 1 }) }
  return { kind: 'ServiceEntry', meta, spec: { hosts: ['a.test'] }, origin, hash: name, unsupported: [] }
}

test('the oldest is first, then by name, then by namespace', () => {
  const set = createResourceSet([entry('b'), entry('z', -5), entry('a', 7), entry('a', 0, 'other'), entry('a')])
  expect(set.of('ServiceEntry').map(({ meta }) => `${meta.namespace}/${meta.name}`)).toEqual([
    'default/z',
    'default/a',
    'other/a',
    'default/b',
    'default/a',
  ])
})

test('a resource is found by its name, and nothing by a foreign one', () => {
  const one = entry('one')
  const set = createResourceSet([one])
  expect(set.get('ServiceEntry', 'default', 'one')).toBe(one)
  expect(set.get('ServiceEntry', 'other', 'one')).toBeUndefined()
  expect(set.get('Gateway', 'default', 'one')).toBeUndefined()
  expect(set.of('Gateway')).toEqual([])
  expect(set.governed).toEqual([])
})

test('a list without a change is the list of before', () => {
  const one = entry('one')
  const first = createResourceSet([one, entry('two')])
  const same = createResourceSet(Array.from(first.of('ServiceEntry')).reverse(), { version: 2, previous: first })
  expect(same.of('ServiceEntry')).toBe(first.of('ServiceEntry'))
  const other = createResourceSet([one], { version: 3, previous: same })
  expect(other.of('ServiceEntry')).toEqual([one])
  expect([first.version, same.version, other.version]).toEqual([1, 2, 3])
})
