// Holds that waiting ends: with the value, with the error, or at the limit.
import { expect, test } from 'vitest'
import { deferred, withTimeout } from './index.ts'

test('a deferred is settled from outside', async () => {
  const good = deferred<number>()
  good.resolve(1)
  await expect(good.promise).resolves.toBe(1)
  const bad = deferred<number>()
  bad.reject(new Error('no'))
  await expect(bad.promise).rejects.toThrow('no')
})

test('the limit lets a value and an error through', async () => {
  await expect(withTimeout(Promise.resolve(1), 1000, 'late')).resolves.toBe(1)
  await expect(withTimeout(Promise.reject(new Error('no')), 1000, 'late')).rejects.toThrow('no')
})

test('the limit ends a wait with its code and what was waited for', async () => {
  const wait = withTimeout(deferred<void>().promise, 5, 'the gateway did not answer')
  await expect(wait).rejects.toMatchObject({ code: 'SLP0003', message: 'the gateway did not answer (limit 5 ms)' })
})
