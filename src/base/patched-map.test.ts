// Holds that a map made by patching says what a map made anew would say.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { followParts, type PartMap } from './patched-map.ts'
import { finish } from './slices.ts'

interface Part {
  readonly entries: readonly (readonly [string, number])[]
}

/** Every part has keys of its own. */
const part = fc.record({ id: fc.nat({ max: 12 }), keys: fc.nat({ max: 3 }), value: fc.nat({ max: 3 }) })
const list = fc.uniqueArray(part, { selector: (one) => one.id, maxLength: 10 })

test('a map that follows its parts says what one from scratch would say', () => {
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 8 }), (lists) => {
      const known = new Map<string, Part>()
      const partOf = (one: { id: number; keys: number; value: number }): Part => {
        const name = JSON.stringify(one)
        const made = known.get(name) ?? { entries: Array.from({ length: one.keys }, (_, i) => [`${one.id}-${i}`, one.value] as const) }
        known.set(name, made)
        return made
      }
      let followed: PartMap<Part, number> = { fixed: [], parts: [], map: new Map() }
      for (const plan of lists) {
        const parts = plan.map(partOf)
        followed = finish(followParts(followed, { fixed: followed.fixed, parts }, (one) => one.entries))
        const fresh = new Map(parts.flatMap((one) => one.entries))
        expect(new Map(followed.map)).toEqual(fresh)
        expect(followed.map.size).toBe(fresh.size)
        for (const key of [...fresh.keys(), 'nowhere'])
          expect([followed.map.get(key), followed.map.has(key)]).toEqual([fresh.get(key), fresh.has(key)])
      }
    }),
  )
})

test('a map without a change is the same map', () => {
  const parts = [{ entries: [['a', 1]] as const }]
  const first = finish(followParts<Part, number>({ fixed: [], parts: [], map: new Map() }, { fixed: [], parts }, (one) => one.entries))
  expect(finish(followParts(first, { fixed: first.fixed, parts: [...parts] }, (one) => one.entries)).map).toBe(first.map)
})

test('many small changes in a row are right, and end as an ordinary map', () => {
  let followed: PartMap<Part, number> = { fixed: [], parts: [], map: new Map() }
  let parts: Part[] = Array.from({ length: 400 }, (_, i) => ({ entries: [[`k${i}`, 0]] }))
  for (let round = 0; round < 400; round++) {
    parts = parts.map((one, i) => (i === round ? { entries: [[`k${i}`, round]] } : one))
    followed = finish(followParts(followed, { fixed: followed.fixed, parts }, (one) => one.entries))
  }
  expect(new Map(followed.map)).toEqual(new Map(parts.flatMap((one) => one.entries)))
})
