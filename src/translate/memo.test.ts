// Holds that remembering never answers with what no longer holds.
import { describe, expect, test } from 'vitest'
import { changedStretch, finish } from '../base/index.ts'
import { Assemblies, Memo, Parallel } from './memo.ts'

interface Item {
  readonly name: string
}

const items = ['a', 'b', 'c', 'd', 'e'].map((name): Item => ({ name }))

describe('a parallel list', () => {
  function counting() {
    const made: string[] = []
    const inputs = new Map<string, unknown>()
    const parallel = new Parallel<{ epoch: object }, Item, object>((_, key) => ({
      inputs: [inputs.get(key.name)],
      isSettled: true,
      make: () => {
        made.push(key.name)
        return { of: key.name }
      },
    }))
    const run = (keys: readonly Item[], ctx: { epoch: object }, quick?: unknown) => {
      return finish(parallel.all(ctx, keys, [{ stamp: quick, of: () => quick }]))
    }
    return { made, inputs, run }
  }

  test('makes each value once, whatever is inserted, removed or reordered, and anew what comes back', () => {
    const { made, run } = counting()
    const ctx = { epoch: {} }
    const [a, b, c, d, e] = items as [Item, Item, Item, Item, Item]
    const first = run([a, b, c], ctx)
    expect(run([a, b, c], ctx)).toEqual(first)
    run([d, a, b, e, c], ctx)
    run([c, a], ctx)
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e'])
    run([a, d, c], ctx)
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'd'])
  })

  test('asks again in a new epoch, and keeps the value when its inputs are the same', () => {
    const { made, inputs, run } = counting()
    const first = run(items, { epoch: {} })
    inputs.set('b', 1)
    const second = run(items, { epoch: {} })
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'b'])
    expect(second.map((value, i) => value === first[i])).toEqual([true, false, true, true, true])
  })

  test('asks again when a quick input is another', () => {
    const { made, inputs, run } = counting()
    const ctx = { epoch: {} }
    run(items.slice(0, 1), ctx, 1)
    inputs.set('a', 'new')
    run(items.slice(0, 1), ctx, 1)
    run(items.slice(0, 1), ctx, 2)
    expect(made).toEqual(['a', 'a'])
  })
})

describe('an assembly', () => {
  const how = {
    inputs: [],
    keyOf: (item: { name: string }) => item.name,
    isEqual: (a: Item, b: Item) => JSON.stringify(a) === JSON.stringify(b),
  }

  test('is kept while its parts say the same, though they are other objects', () => {
    const assemblies = new Assemblies()
    const build = (parts: readonly Item[]) => {
      const whole = assemblies.assemble('whole', { ...how, parts }, (settled) => ({ settled }))
      assemblies.sweep()
      return whole
    }
    const first = build(items)
    expect(build(items.map((item) => ({ ...item })))).toBe(first)
    const third = build([...items.slice(0, 2), { name: 'x' }, ...items.slice(3).map((item) => ({ ...item }))])
    expect(third).not.toBe(first)
    expect(third.settled[4]).toBe(items[4])
  })

  test('is forgotten when it is not asked for', () => {
    const assemblies = new Assemblies()
    const first = assemblies.get('one', [], () => ({}))
    assemblies.sweep()
    assemblies.sweep()
    expect(assemblies.get('one', [], () => ({}))).not.toBe(first)
  })
})

test('a memo holds the last value of a slot', () => {
  const memo = new Memo()
  const key = {}
  const one = memo.get(key, 'slot', [1], () => ({}))
  expect(memo.get(key, 'slot', [1], () => ({}))).toBe(one)
  expect(memo.get(key, 'other', [1], () => ({}))).not.toBe(one)
  expect(memo.get(key, 'slot', [2], () => ({}))).not.toBe(one)
})

test.each([
  ['no change', [1, 2, 3], [1, 2, 3], { start: 3, beforeEnd: 3, nowEnd: 3 }],
  ['one replaced', [1, 2, 3], [1, 9, 3], { start: 1, beforeEnd: 2, nowEnd: 2 }],
  ['one added', [1, 3], [1, 2, 3], { start: 1, beforeEnd: 1, nowEnd: 2 }],
  ['one of equals removed', [1, 1, 1], [1, 1], { start: 2, beforeEnd: 3, nowEnd: 2 }],
  ['all new', [1], [2, 3], { start: 0, beforeEnd: 1, nowEnd: 2 }],
])('the changed stretch: %s', (_, before, now, stretch) => {
  expect(changedStretch(before, now)).toEqual(stretch)
})
