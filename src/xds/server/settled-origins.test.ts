// Holds that a place which moved is another object, and one that did not is the same, although its source tells the place of now.
import { expect, test } from 'vitest'
import { finish, PatchedMap } from '../../base/index.ts'
import type { OriginPlace } from '../snapshot.ts'
import { SettledOrigins } from './settled-origins.ts'

function moving(line: number): OriginPlace & { line: number } {
  return {
    source: 'a.yaml',
    line,
    placeOf() {
      return { line: this.line + 2, column: 5 }
    },
    fields() {
      return [['spec', { line: this.line + 2, column: 5 }]]
    },
  }
}

test('what has not moved stays, what has is told anew', () => {
  const settled = new SettledOrigins()
  const [a, b] = [moving(1), moving(10)]
  const origins = new Map([
    ['a', a],
    ['b', b],
  ])
  const first = finish(settled.following(origins))
  expect(finish(settled.following(origins))).toBe(first)
  b.line = 11
  const second = finish(settled.following(origins))
  expect(second.get('a')).toBe(first.get('a'))
  expect([first.get('b')?.line, second.get('b')?.line]).toEqual([10, 11])
  expect(second.get('b')?.layout).toBe(first.get('b')?.layout)
  expect(first.get('b')?.placeOf('spec')).toEqual({ line: 12, column: 5 })
  expect(Array.from(second.get('b')?.fields?.() ?? [])).toEqual([['spec', { line: 13, column: 5 }]])
})

test('what came and went is seen', () => {
  const settled = new SettledOrigins()
  const a = moving(1)
  const first = finish(settled.following(new Map([['a', a]])))
  const second = finish(settled.following(new Map()))
  expect([first.size, second.size]).toEqual([1, 0])
})

test('of many, what differs is told without comparing them', () => {
  const settled = new SettledOrigins()
  const all = new Map(Array.from({ length: 1000 }, (_, i) => [`e${i}`, moving(i)]))
  const first = finish(settled.following(all))
  const moved = all.get('e7')
  if (moved !== undefined) moved.line = 5000
  all.delete('e8')
  all.set('new', moving(1))
  const second = finish(settled.following(all))
  expect(second.size).toBe(1000)
  expect(new Set(PatchedMap.changedKeys(first, second))).toEqual(new Set(['e7', 'e8', 'new']))
  expect([second.get('e7')?.line, second.has('e8'), second.get('new')?.line]).toEqual([5000, false, 1])
})
