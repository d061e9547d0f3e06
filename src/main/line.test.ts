// Holds in which order configurations are put into force and told of, and what is left when the line is closed.
import { expect, test } from 'vitest'
import type { Steps } from '../base/index.ts'
import { Line } from './line.ts'

/** A line that notes what it does; each configuration takes a few turns of the event loop. */
function noting(): { readonly line: Line<string>; readonly notes: string[] } {
  const notes: string[] = []
  function* telling(config: string): Steps<void> {
    yield* wait()
    notes.push(`told ${config}`)
  }
  function* applying(config: string): Steps<Steps<void>> {
    yield* wait()
    notes.push(`in force ${config}`)
    return telling(config)
  }
  return { line: new Line(applying), notes }
}

/** Longer than a slice. */
function* wait(): Steps<void> {
  const until = performance.now() + 10
  do yield
  while (performance.now() < until)
  yield
}

test('the first is in force at once and told of later; the others follow one by one, and only the last of those that wait', async () => {
  const { line, notes } = noting()
  line.take('a')
  expect(notes).toEqual(['in force a'])
  for (const config of ['b', 'c', 'd']) line.take(config)
  await expect.poll(() => notes).toEqual(['in force a', 'told a', 'in force d', 'told d'])
  line.take('e')
  await expect.poll(() => notes.at(-1)).toBe('told e')
})

test('whoever closes early is still told of the first', () => {
  const { line, notes } = noting()
  line.take('a')
  line.close()
  expect(notes).toEqual(['in force a', 'told a'])
})

test('what comes later is given up when the line is closed', async () => {
  const { line, notes } = noting()
  line.take('a')
  await expect.poll(() => notes).toContain('told a')
  line.take('b')
  line.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(notes).toEqual(['in force a', 'told a'])
})
