// Holds which resources a refusal is taken to speak of.
import { expect, test } from 'vitest'
import { namedIn } from './named-in.ts'

const names = ['80', '8080', '0.0.0.0_80', 'outbound|80||a.test', 'outbound|80||b.test', 'a.test']

const cases: Record<string, readonly [string, readonly string[]]> = {
  'Envoy’s words': ['Error adding/updating listener(s) 0.0.0.0_80: error initializing configuration: unknown filter', ['0.0.0.0_80']],
  several: [
    'Error adding/updating cluster(s) outbound|80||a.test: x, outbound|80||b.test: y',
    ['outbound|80||a.test', 'outbound|80||b.test'],
  ],
  'our own words': ['route "8080": virtual_hosts[0]: no', ['8080']],
  'no name': ['Proto constraint validation failed', []],
  'a name inside of another word': ['port 180 of xa.test', []],
}

test.each(Object.entries(cases))('%s', (_name, [text, is]) => {
  expect(namedIn(text, names).toSorted()).toEqual([...is].sort())
})
