// Holds what is proposed for a misspelt word, and that nothing is proposed for a foreign one.
import { expect, test } from 'vitest'
import { nearest } from './index.ts'

const words = ['ALLOW_ANY', 'REGISTRY_ONLY', 'outboundTrafficPolicy', 'hosts', 'http']

const cases: Record<string, readonly [written: string, meant: string | undefined]> = {
  'a word in place of its neighbour': ['REGISTER_ONLY', 'REGISTRY_ONLY'],
  'two letters swapped': ['hosst', 'hosts'],
  'a letter too few': ['host', 'hosts'],
  'another case': ['Hosts', 'hosts'],
  'another spelling of the same words': ['outbound_traffic_policy', 'outboundTrafficPolicy'],
  'a foreign word': ['banana', undefined],
  'one letter says nothing': ['x', undefined],
  'a monster is not measured': ['h'.repeat(10_000), undefined],
}

test.each(Object.entries(cases))('%s', (_title, [written, meant]) => expect(nearest(written, words)).toBe(meant))
