// Holds that two lists are the same outside of the stretch that is told, whether it was compared or remembered.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changedStretch, spliced } from './changed-stretch.ts'

const edit = fc.record({ start: fc.nat(), length: fc.nat({ max: 3 }), added: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }) })

test('outside of the changed stretch two lists hold the same, one edit or several apart', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 12 }), fc.array(edit, { minLength: 1, maxLength: 5 }), (first, edits) => {
      const lists: (readonly number[])[] = [first]
      for (const { start, length, added } of edits) {
        const before = lists.at(-1) ?? []
        const at = start % (before.length + 1)
        const end = Math.min(before.length, at + length)
        const now = spliced(before, at, end, added)
        expect(now).toEqual([...before.slice(0, at), ...added, ...before.slice(end)])
        lists.push(now)
      }
      for (const before of lists) for (const now of lists) expectSameOutside(before, now)
    }),
  )
})

test('a list in which nothing is replaced is the same list', () => {
  const list = [1, 2, 3]
  expect(spliced(list, 2, 2, [])).toBe(list)
  expect(changedStretch(list, list)).toEqual({ start: 3, beforeEnd: 3, nowEnd: 3 })
})

function expectSameOutside(before: readonly number[], now: readonly number[]): void {
  const { start, beforeEnd, nowEnd } = changedStretch(before, now)
  expect([start <= beforeEnd, start <= nowEnd]).toEqual([true, true])
  expect(now.slice(0, start)).toEqual(before.slice(0, start))
  expect(now.slice(nowEnd)).toEqual(before.slice(beforeEnd))
}
