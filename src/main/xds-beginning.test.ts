// Holds when the first configuration of an xDS server counts: whole, kept, in part, or not at all.
import { expect, test } from 'vitest'
import { TestClock } from '../base/index.ts'
import { type Beginning, FirstConfiguration } from './xds-beginning.ts'

function beginning({ hasKept = false } = {}) {
  const clock = new TestClock()
  const began: Beginning[] = []
  const first = new FirstConfiguration({ limits: { kept: 2000, part: 15_000 }, hasKept, clock, begin: (how) => began.push(how) })
  return { clock, began, first }
}

test('what is whole counts when nothing more has come for a moment', () => {
  const { clock, began, first } = beginning({ hasKept: true })
  first.heard()
  first.judged({ isWhole: true })
  clock.advance(5)
  // The next piece of the same list.
  first.heard()
  clock.advance(50)
  expect(began).toEqual([])
  first.judged({ isWhole: true })
  clock.advance(10)
  expect(began).toEqual(['whole'])
  expect(clock.pending).toBe(0)
})

test('what was kept counts at once when the server is away', () => {
  const { clock, began, first } = beginning({ hasKept: true })
  first.away()
  first.away()
  expect(began).toEqual(['kept'])
  expect(clock.pending).toBe(0)
})

test('what was kept counts after two seconds of silence, and not while the server speaks', () => {
  const { clock, began, first } = beginning({ hasKept: true })
  for (let i = 0; i < 5; i++) {
    clock.advance(1900)
    first.heard()
    first.judged({ isWhole: false })
  }
  expect(began).toEqual([])
  clock.advance(2000)
  expect(began).toEqual(['kept'])
})

test('what has come counts after fifteen seconds of silence, although more is needed', () => {
  const { clock, began, first } = beginning()
  clock.advance(14_000)
  first.heard()
  first.judged({ isWhole: false })
  clock.advance(14_999)
  expect(began).toEqual([])
  clock.advance(1)
  expect(began).toEqual(['part'])
})

test('without a word nothing counts, and what comes later still does', () => {
  const { clock, began, first } = beginning()
  first.away()
  clock.advance(15_000)
  expect(began).toEqual(['nothing'])
  first.heard()
  first.judged({ isWhole: true })
  clock.advance(10)
  expect(began).toEqual(['nothing', 'whole'])
})

test('a server that never comes to an end is not waited for for ever', () => {
  const { clock, began, first } = beginning()
  for (let i = 0; i < 100 && began.length === 0; i++) {
    first.heard()
    first.judged({ isWhole: false })
    clock.advance(10_000)
  }
  expect(began).toEqual(['part'])
  expect(clock.now() - new TestClock().now()).toBe(150_000)
})
