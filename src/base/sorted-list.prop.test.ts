// Holds that patching a sorted list gives what sorting it anew gives, for few changes and for many.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { patchSorted } from './sorted-list.ts'

interface Item {
  readonly key: number
}

const compare = (a: Item, b: Item): number => a.key - b.key
const items = (maxLength: number) => fc.array(fc.nat({ max: 20 }), { maxLength }).map((keys) => keys.map((key): Item => ({ key })))

test('patching gives the list that sorting gives, the same objects in the same order', () => {
  fc.assert(
    fc.property(items(60), fc.array(fc.nat(), { maxLength: 60 }), items(60), (all, picks, added) => {
      const sorted = all.toSorted(compare)
      const gone = [...new Set(picks.flatMap((pick) => sorted[pick % (sorted.length + 1)] ?? []))]
      const patched = patchSorted(sorted, { gone, added }, compare)
      const expected = [...sorted.filter((item) => !gone.includes(item)), ...added].sort(compare)
      expect(patched.length).toBe(expected.length)
      expect(patched.every((item, i) => item === expected[i])).toBe(true)
    }),
  )
})

test('a list in which nothing changes is the same list', () => {
  const sorted = [{ key: 1 }, { key: 2 }]
  expect(patchSorted(sorted, { gone: [], added: [] }, compare)).toBe(sorted)
})
