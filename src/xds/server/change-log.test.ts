// Holds that what has changed since a generation is told with what was there before, as long as anybody may ask.
import { expect, test } from 'vitest'
import { ChangeLog } from './change-log.ts'
import type { EncodedResource } from './encoded-resource.ts'

const none = new Uint8Array()
const was = (version: string): EncodedResource => ({ name: 'a', version, mark: 0, element: none, deltaElement: none })

test('the first change after a generation says what there was at it', () => {
  const log = new ChangeLog(1)
  log.append(2, [{ name: 'a', before: was('one') }])
  log.append(3, [
    { name: 'a', before: was('two') },
    { name: 'b', before: undefined },
  ])
  const told = (generation: number) => Array.from(log.since(generation) ?? [], ([name, before]) => `${name} ${before?.version ?? 'new'}`)
  expect([told(1), told(2), told(3)]).toEqual([['a one', 'b new'], ['a two', 'b new'], []])
})

test('what is forgotten is not known to be nothing', () => {
  const log = new ChangeLog(1)
  log.append(2, [{ name: 'a', before: undefined }])
  log.append(3, [{ name: 'b', before: undefined }])
  log.forget(2)
  expect(log.since(1)).toBeUndefined()
  expect(Array.from(log.since(2)?.keys() ?? [])).toEqual(['b'])
})

test('more than there is room for pushes out the oldest', () => {
  const log = new ChangeLog(1, 3)
  for (let generation = 2; generation < 8; generation++)
    log.append(generation, [
      { name: 'a', before: undefined },
      { name: 'b', before: undefined },
    ])
  expect([log.since(5), log.since(6)?.size]).toEqual([undefined, 2])
})
