// Holds that the test clock turns as it is told and that coarse deadlines are never early, hardly late, and leave nothing behind.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDeadlines, systemClock, TestClock } from './index.ts'

describe('the test clock', () => {
  test('runs what falls due, in order, each at its own time', () => {
    const clock = new TestClock(0)
    const seen: string[] = []
    clock.setTimer(20, () => seen.push(`b@${clock.now()}`))
    clock.setTimer(10, () => {
      seen.push(`a@${clock.now()}`)
      clock.setTimer(5, () => seen.push(`nested@${clock.now()}`))
    })
    clock.advance(15)
    expect(seen).toEqual(['a@10', 'nested@15'])
    clock.advance(100)
    expect(seen).toEqual(['a@10', 'nested@15', 'b@20'])
    expect([clock.now(), clock.pending]).toEqual([115, 0])
  })

  test('does not run what was cancelled', () => {
    const clock = new TestClock()
    let runs = 0
    clock.setTimer(1, () => runs++).cancel()
    clock.advance(10)
    expect(runs).toBe(0)
  })
})

test('the system clock may stand still while one event is dealt with, and its exact time does not', () => {
  const [began, exactly] = [systemClock.monotonic(), systemClock.exact()]
  while (systemClock.exact() === exactly);
  expect(systemClock.monotonic()).toBe(began)
})

test('the system clock sets timers that can be cancelled', async () => {
  const fired = await new Promise<string>((resolve) => {
    systemClock.setTimer(1, () => resolve('early')).cancel()
    systemClock.setTimer(20, () => resolve('late'))
  })
  expect(fired).toBe('late')
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000)
})

describe('deadlines', () => {
  test('one fires once, not before its time and at most two ticks after', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 49 }),
        fc.integer({ min: 1, max: 70 }),
        (ms, start, step) => {
          const clock = new TestClock(start)
          const fired: number[] = []
          createDeadlines(clock).arm(ms, () => fired.push(clock.now() - start))
          while (clock.now() - start < ms + 200) clock.advance(step)
          expect(fired).toHaveLength(1)
          expect(fired[0]).toBeGreaterThanOrEqual(ms)
          expect(fired[0]).toBeLessThanOrEqual(ms + 100)
          expect(clock.pending).toBe(0)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('ten thousand share one timer of the clock, and none is left when all are cancelled', () => {
    const clock = new TestClock()
    const deadlines = createDeadlines(clock)
    const armed = Array.from({ length: 10_000 }, (_, index) => deadlines.arm(1000 + index, () => expect.unreachable('was cancelled')))
    expect(clock.pending).toBe(1)
    for (const deadline of armed) deadline.cancel()
    expect(clock.pending).toBe(0)
    clock.advance(60_000)
  })

  test('a refresh starts the wait anew', () => {
    const clock = new TestClock(0)
    const fired: number[] = []
    const deadline = createDeadlines(clock).arm(1000, () => fired.push(clock.now()))
    for (let round = 0; round < 10; round++) {
      clock.advance(900)
      deadline.refresh()
    }
    expect(fired).toEqual([])
    clock.advance(1100)
    expect(fired).toHaveLength(1)
    expect(fired[0]).toBeGreaterThanOrEqual(10_000)
    deadline.refresh()
    clock.advance(5000)
    expect(fired).toHaveLength(1)
  })

  test('one that waits longer than a round of the wheel is not early', () => {
    const clock = new TestClock(0)
    const fired: number[] = []
    createDeadlines(clock).arm(3_600_000, () => fired.push(clock.now()))
    clock.advance(3_599_999)
    expect(fired).toEqual([])
    clock.advance(200)
    expect(fired).toHaveLength(1)
  })

  test('one that cancels its neighbour in the same tick keeps it from firing', () => {
    const clock = new TestClock()
    const deadlines = createDeadlines(clock)
    let fired = 0
    const pair = [0, 1].map((index) =>
      deadlines.arm(100, () => {
        fired++
        pair[1 - index]?.cancel()
      }),
    )
    clock.advance(1000)
    expect(fired).toBe(1)
  })

  test('one may arm another while it fires', () => {
    const clock = new TestClock(0)
    const deadlines = createDeadlines(clock)
    const fired: number[] = []
    const again = (): void => {
      fired.push(clock.now())
      if (fired.length < 3) deadlines.arm(100, again)
    }
    deadlines.arm(100, again)
    clock.advance(1000)
    expect(fired).toHaveLength(3)
    expect(clock.pending).toBe(0)
  })

  test('a process that slept for a long time still fires all of them', () => {
    let now = 0
    let wake = (): void => undefined
    const sleeper = {
      now: () => now,
      monotonic: () => now,
      exact: () => now,
      setTimer: (_ms: number, fn: () => void) => {
        wake = fn
        return { cancel: () => undefined }
      },
    }
    const deadlines = createDeadlines(sleeper)
    let fired = 0
    for (let index = 0; index < 1000; index++) deadlines.arm(index * 97, () => fired++)
    now = 10_000_000
    wake()
    expect(fired).toBe(1000)
  })
})
