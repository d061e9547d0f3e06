// Holds that addresses which are followed through changes of names are those of a start with the same names.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Claimant, StableAddresses } from './virtual-addresses.ts'

interface Name extends Claimant {
  readonly age: number
}

/** Few slots, so that many hash alike. */
const name = fc
  .record({ id: fc.nat({ max: 30 }), slotHash: fc.nat({ max: 12 }) })
  .map(({ id, slotHash }): Name => ({ namespace: '', host: `n${id}`, age: id, slotHash: slotHash * 255 * 7 + (id % 3) }))
const names = fc.uniqueArray(name, { selector: ({ host }) => host, maxLength: 20 })
const byAge = (a: Name, b: Name): number => a.age - b.age

test('names that come and go have the addresses that they would have from the beginning, or it is said that they may not', () => {
  let followed = 0
  fc.assert(
    fc.property(fc.array(names, { minLength: 2, maxLength: 8 }), (all) => {
      let before: readonly Name[] = []
      let addresses = new StableAddresses(before)
      for (const plan of all) {
        // A host has one hash.
        const now = plan.map((one) => before.find(({ host }) => host === one.host) ?? one).toSorted(byAge)
        const gone = before.filter((one) => !now.includes(one))
        const added = now.filter((one) => !before.includes(one))
        if (addresses.follow(gone, added, (a, b) => byAge(a, b) < 0)) followed++
        else addresses = new StableAddresses(now)
        const fresh = new StableAddresses(now)
        expect(now.map((one) => addresses.of(one))).toEqual(now.map((one) => fresh.of(one)))
        for (const one of gone) expect(addresses.of(one)).toBeUndefined()
        before = now
      }
    }),
    { numRuns: 300 },
  )
  expect(followed).toBeGreaterThan(0)
})
