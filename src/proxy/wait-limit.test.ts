// Holds that a connection's one time limit fires when it should, however often it is moved.
import { describe, expect, it } from 'vitest'
import { createDeadlines, TestClock } from '../base/index.ts'
import { WaitLimit } from './wait-limit.ts'

function setUp(): { clock: TestClock; limit: WaitLimit; fired: number[]; start: number } {
  const clock = new TestClock()
  const fired: number[] = []
  const start = clock.now()
  const limit = new WaitLimit(createDeadlines(clock), clock, () => fired.push(clock.now() - start))
  return { clock, limit, fired, start }
}

/** Deadlines may be two ticks late, each time they are armed anew. */
const SLACK = 200

describe('WaitLimit', () => {
  it('fires once when its time is over', () => {
    const { clock, limit, fired } = setUp()
    limit.start(1000)
    clock.advance(5000)
    expect(fired).toHaveLength(1)
    expect(fired[0]).toBeGreaterThanOrEqual(1000)
    expect(fired[0]).toBeLessThan(1000 + SLACK)
    expect(clock.pending).toBe(0)
  })

  it('counts from the last touch', () => {
    const { clock, limit, fired } = setUp()
    limit.start(1000)
    clock.advance(900)
    limit.touch()
    clock.advance(900)
    expect(fired).toHaveLength(0)
    clock.advance(100 + SLACK)
    expect(fired).toHaveLength(1)
  })

  it('fires early when a shorter wait takes the place of a longer one', () => {
    const { clock, limit, fired } = setUp()
    limit.start(10_000)
    limit.start(500)
    clock.advance(500 + SLACK)
    expect(fired).toHaveLength(1)
  })

  it('fires late when a longer wait takes the place of a shorter one', () => {
    const { clock, limit, fired } = setUp()
    limit.start(500)
    limit.start(10_000)
    clock.advance(9000)
    expect(fired).toHaveLength(0)
    clock.advance(1000 + SLACK)
    expect(fired).toHaveLength(1)
  })

  it('does not fire when it is stopped, and leaves no timer', () => {
    const { clock, limit, fired } = setUp()
    limit.start(500)
    limit.stop()
    limit.touch()
    clock.advance(5000)
    expect([fired.length, clock.pending]).toEqual([0, 0])
  })

  it('can be used again after it fired', () => {
    const { clock, limit, fired } = setUp()
    limit.start(500)
    clock.advance(1000)
    limit.start(500)
    clock.advance(1000)
    expect(fired).toHaveLength(2)
  })
})
