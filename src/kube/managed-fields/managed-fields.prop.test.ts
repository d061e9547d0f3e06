// Holds server-side apply to what has to be true of every sequence of applies.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findResource, serverSideApply, StatusError, type KubeObject } from '../index.ts'
import { managedIn } from './entries.ts'
import { difference, fromFieldsV1, intersection, isSameSet, toFieldsV1, union, type FieldSet } from './field-set.ts'

const resource = findResource('', 'v1', 'services')
if (resource === undefined) throw new Error('not served')

const text = fc.constantFrom('a', 'b', 'c')
const port = fc.record({ port: fc.constantFrom(80, 443, 8080), name: fc.constantFrom('x', 'y') }, { requiredKeys: ['port'] })
const service = fc
  .record(
    {
      labels: fc.dictionary(text, text, { minKeys: 1 }),
      selector: fc.dictionary(text, text),
      ports: fc.uniqueArray(port, { selector: (one) => one.port, maxLength: 3 }),
    },
    { requiredKeys: ['labels'] },
  )
  .map(
    ({ labels, selector, ports }): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', labels },
      spec: { ...(selector ? { selector } : {}), ...(ports ? { ports } : {}) },
    }),
  )
const manager = fc.constantFrom('one', 'two', 'three')

function apply(before: KubeObject | undefined, applied: KubeObject, who: string, force = true): KubeObject {
  if (resource === undefined) throw new Error('not served')
  const writer = { manager: who, apiVersion: 'v1', time: '2026-01-01T00:00:00Z' }
  return serverSideApply(resource, { applied, writer, force, ...(before ? { before } : {}) })
}

function owned(object: KubeObject, who: string): FieldSet {
  return managedIn(object).find((one) => one.manager === who)?.fields ?? fromFieldsV1({})
}

test('applying twice is applying once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(manager, service), { minLength: 1, maxLength: 6 }), (steps) => {
      let object: KubeObject | undefined
      for (const [who, applied] of steps) {
        object = apply(object, applied, who)
        expect(apply(object, applied, who)).toBe(object)
      }
    }),
  )
})

test('a manager has what it applies, and what two have they agree on', () => {
  fc.assert(
    fc.property(fc.tuple(service, service), ([first, second]) => {
      const object = apply(undefined, first, 'one')
      try {
        const both = apply(object, second, 'two', false)
        expect(isSameSet(owned(both, 'one'), owned(object, 'one'))).toBe(true)
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        const forced = apply(object, second, 'two')
        const lost = difference(owned(object, 'one'), owned(forced, 'one'))
        expect(isSameSet(intersection(lost, owned(forced, 'two')), lost)).toBe(true)
      }
    }),
  )
})

test('applies of different fields come to the same in either order', () => {
  const labelled = (name: string, labels: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels },
    spec: {},
  })
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b'), text), fc.dictionary(fc.constantFrom('c', 'd'), text), (left, right) => {
      const one = apply(apply(undefined, labelled('s', left), 'one'), labelled('s', right), 'two')
      const two = apply(apply(undefined, labelled('s', right), 'two'), labelled('s', left), 'one')
      expect(one).toEqual(two)
    }),
  )
})

test('a set of fields is read as it is written', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(service, service), { minLength: 1, maxLength: 3 }), (pairs) => {
      const sets = pairs.map(([first]) => owned(apply(undefined, first, 'one'), 'one'))
      for (const set of sets) expect(isSameSet(fromFieldsV1(toFieldsV1(set)), set)).toBe(true)
      const all = sets.reduce(union)
      for (const set of sets) expect(isSameSet(union(all, set), all)).toBe(true)
    }),
  )
})
