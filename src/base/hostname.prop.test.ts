// Holds that the map of hosts answers as a plain search with the matching rules would.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  HostMap,
  hostCovers,
  type Hostname,
  hostMatches,
  hostsOverlap,
  isWildcard,
  parseHostname,
  parseHostPattern,
  splitAuthority,
} from './index.ts'

// Three labels, so that names meet.
const name = fc.array(fc.constantFrom('a', 'b', 'example'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.') as Hostname)
const pattern = fc.oneof(
  name,
  name.map((rest) => `*.${rest}` as Hostname),
  fc.constant('*' as Hostname),
)

test('get finds the exact name, else the longest wildcard that matches', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), name, (patterns, host) => {
      const map = new HostMap<string>()
      for (const each of patterns) map.set(each, each)
      const matching = patterns.filter((each) => hostMatches(each, host)).sort((a, b) => b.length - a.length)
      const expected = matching.find((each) => !isWildcard(each)) ?? matching[0]
      expect(map.get(host)).toBe(expected)
    }),
  )
})

test('what the narrower pattern matches, the wider one matches', () => {
  fc.assert(
    fc.property(pattern, pattern, name, (wider, narrower, host) => {
      if (hostCovers(wider, narrower) && hostMatches(narrower, host)) expect(hostMatches(wider, host)).toBe(true)
      if (hostMatches(wider, host) && hostMatches(narrower, host)) expect(hostsOverlap(wider, narrower)).toBe(true)
    }),
  )
})

test('parsing changes nothing the second time, and never throws', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'aZ09-_.*:@[]%/ '.split('')), maxLength: 20 }), pattern)
  fc.assert(
    fc.property(text, (candidate) => {
      const host = parseHostname(candidate)
      if (host !== undefined) expect(parseHostname(host)).toBe(host)
      const parsed = parseHostPattern(candidate)
      if (parsed !== undefined) expect(parseHostPattern(parsed)).toBe(parsed)
      const authority = splitAuthority(candidate)
      if (authority !== undefined && URL.canParse(`http://${candidate}/`)) {
        expect(new URL(`http://${candidate}/`).username).toBe('')
      }
    }),
    { numRuns: 1000 },
  )
})
