// Holds how the waits between attempts grow, where they end, and that they differ from one client to the next.
import { expect, test } from 'vitest'
import { Backoff } from './index.ts'

test('each wait is twice the one before, up to the longest, and begins anew after a success', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 1 })
  expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1000, 1000])
  backoff.reset()
  expect(backoff.next()).toBe(100)
})

test('chance takes up to half of a wait away, and never all of it', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 0 })
  expect(Array.from({ length: 5 }, () => backoff.next())).toEqual([50, 100, 200, 400, 500])
})

test('after very many failures it is still the longest wait', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 1 })
  for (let i = 0; i < 5000; i++) backoff.next()
  expect(backoff.next()).toBe(1000)
})
