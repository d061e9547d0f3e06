// Holds what becomes of a secret that cannot be used: what was read last serves on, and nobody reads it again for every connection.
import { expect, test } from 'vitest'
import { TestClock } from '../base/index.ts'
import type { SecretMaterial } from '../identity/index.ts'
import { SecureContexts } from './secure-contexts.ts'

const plan = { roots: { secret: 'kubernetes://a-cacert' }, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const

test('a secret that cannot be used is read once, and another one at once', () => {
  const counts = { bad: 0, good: 0 }
  const bad: SecretMaterial = {
    get roots(): string {
      counts.bad++
      throw new Error('it cannot be read')
    },
  }
  const good = (): SecretMaterial => ({
    get roots(): string {
      counts.good++
      return ''
    },
  })
  let now: SecretMaterial = good()
  const clock = new TestClock()
  const contexts = new SecureContexts(clock, () => now)
  const first = contexts.of(plan, 'client')
  now = bad
  for (let times = 0; times < 5; times++) expect(contexts.of(plan, 'client')).toBe(first)
  clock.advance(5000)
  expect(contexts.of(plan, 'client')).toBe(first)
  expect(counts.bad).toBe(1)
  now = good()
  expect(contexts.of(plan, 'client')).not.toBe(first)
})

test('without anything to go on with it is no context', () => {
  const contexts = new SecureContexts(new TestClock(), () => undefined)
  for (let times = 0; times < 2; times++)
    expect(() => contexts.of(plan, 'client')).toThrow('nobody has given the secret "kubernetes://a-cacert"')
})
