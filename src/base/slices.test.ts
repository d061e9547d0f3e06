// Holds that sliced work comes to its end, by itself or when told to, and leaves the event loop its turns.
import { expect, test, vi } from 'vitest'
import { finish, inSlices, type Steps } from './slices.ts'

function* counting(to: number): Steps<number> {
  let sum = 0
  for (let i = 1; i <= to; i++) {
    const until = performance.now() + 1
    while (performance.now() < until) sum += 0
    sum += i
    yield
  }
  return sum
}

function* failing(): Steps<never> {
  yield
  throw new Error('no')
}

const never = (): void => {
  throw new Error('called')
}

test('all at once', () => {
  expect(finish(counting(3))).toBe(6)
})

test('with pauses in between, when they are asked for, and to its end at once when it is told to', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    let clock = 0
    const ends: number[] = []
    const ended = new Promise<number>((done) => {
      const now = (): number => (clock += 3)
      inSlices(counting(4), { done, failed: never, pause: 10 }, now)
      inSlices(counting(3), { done: (sum) => ends.push(sum), failed: never, pause: 10 }, now).finish()
    })
    expect(ends).toEqual([6])
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(100)
    expect(await ended).toBe(10)
  } finally {
    vi.useRealTimers()
  }
})

test('in slices, with turns of the event loop in between', async () => {
  let turns = 0
  const turn = setInterval(() => turns++, 1)
  await new Promise<void>((resolve, reject) => {
    inSlices(counting(40), {
      done: (sum) => {
        expect(sum).toBe(820)
        resolve()
      },
      failed: reject,
    })
  })
  clearInterval(turn)
  expect(turns).toBeGreaterThan(0)
})

test('what is left can be done at once', () => {
  const done = vi.fn()
  const work = inSlices(counting(20), { done, failed: never })
  expect(done).not.toHaveBeenCalled()
  work.finish()
  expect(done).toHaveBeenCalledExactlyOnceWith(210)
})

test('what is left can be left', async () => {
  const work = inSlices(counting(20), { done: never, failed: never })
  work.cancel()
  work.finish()
  await new Promise((resolve) => setImmediate(resolve))
})

test('none by a clock that stands still', () => {
  const done = vi.fn()
  inSlices(counting(20), { done, failed: never }, () => 0)
  expect(done).toHaveBeenCalledExactlyOnceWith(210)
})

test('a failure is told once', () => {
  const failed = vi.fn()
  inSlices(failing(), { done: never, failed }).finish()
  expect(failed).toHaveBeenCalledOnce()
})
