// Holds when a Pod is started again, and how long that is waited with.
import { expect, test } from 'vitest'
import { type Next, type RestartPolicy, Restarts } from './index.ts'

const minute = 60_000

const cases: Record<
  string,
  { policy: RestartPolicy; ends: readonly (readonly [exitCode: number, ranMs: number])[]; next: readonly Next[] }
> = {
  'never, when it has succeeded': { policy: 'Never', ends: [[0, 5]], next: [{ is: 'over', phase: 'Succeeded' }] },
  'never, when it has failed': { policy: 'Never', ends: [[1, 5]], next: [{ is: 'over', phase: 'Failed' }] },
  'on failure, when it has succeeded': { policy: 'OnFailure', ends: [[0, 5]], next: [{ is: 'over', phase: 'Succeeded' }] },
  'on failure': { policy: 'OnFailure', ends: [[137, 5]], next: [{ is: 'again', afterMs: 0 }] },
  'always, at once and then ever later': {
    policy: 'Always',
    ends: [0, 0, 0, 0, 0, 0, 0, 0].map((code) => [code, 5] as const),
    next: [0, 10, 20, 40, 80, 160, 300, 300].map((seconds) => ({ is: 'again', afterMs: seconds * 1000 })),
  },
  'what has run for long has not been in a hurry': {
    policy: 'Always',
    ends: [
      [1, 5],
      [1, 5],
      [1, 11 * minute],
      [1, 5],
    ],
    next: [0, 10, 0, 10].map((seconds) => ({ is: 'again', afterMs: seconds * 1000 })),
  },
}

test.each(Object.entries(cases))('%s', (_name, { policy, ends, next }) => {
  const restarts = new Restarts(policy)
  expect(ends.map(([exitCode, ranMs]) => restarts.ended(exitCode, ranMs))).toEqual(next)
})
