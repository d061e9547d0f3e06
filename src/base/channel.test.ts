// Holds that what is told on a channel reaches its subscribers, and that a subscriber's failure stays its own.
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { channel } from './index.ts'

test('two holders of one name speak to each other', () => {
  const seen: number[] = []
  const leave = channel<number>('test:one').subscribe((message) => seen.push(message))
  channel<number>('test:one').publish(1)
  channel<number>('test:other').publish(2)
  leave()
  channel<number>('test:one').publish(3)
  expect(seen).toEqual([1])
})

test('a publisher can see whether anybody listens', () => {
  const quiet = channel<string>('test:quiet')
  expect(quiet.hasSubscribers).toBe(false)
  const leave = quiet.subscribe(() => undefined)
  expect(quiet.hasSubscribers).toBe(true)
  leave()
  expect(quiet.hasSubscribers).toBe(false)
})

test('a subscriber that throws becomes a warning, and the others still hear', async () => {
  const seen: string[] = []
  const leave = [
    channel<string>('test:broken').subscribe(() => {
      throw new Error('subscriber')
    }),
    channel<string>('test:broken').subscribe((message) => seen.push(message)),
  ]
  const warned = once(process, 'warning')
  channel<string>('test:broken').publish('heard')
  expect(seen).toEqual(['heard'])
  expect(String((await warned)[0])).toContain('subscriber')
  for (const each of leave) each()
})
