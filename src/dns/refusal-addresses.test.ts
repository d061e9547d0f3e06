// Holds that refusal addresses name their name, stay in their ranges, and are bounded.
import { describe, expect, test } from 'vitest'
import { cidrContains, parseCidr, parseIp } from '../base/index.ts'
import { createRefusalAddresses, refusalRanges } from './index.ts'

const names = Array.from({ length: 5000 }, (_, index) => `name-${index}.test`)

describe('refusal addresses', () => {
  test('lead back to the name, by either family', () => {
    const refusals = createRefusalAddresses()
    for (const family of [4, 6] as const) expect(refusals.nameOf(refusals.addressFor('evil.test', family))).toBe('evil.test')
  })

  test('are the same in every run', () => {
    expect(createRefusalAddresses().addressFor('evil.test', 4)).toBe(createRefusalAddresses().addressFor('evil.test', 4))
  })

  test('differ for different names and lie in the reserved ranges, clear of the virtual ones', () => {
    const refusals = createRefusalAddresses()
    const ranges = refusalRanges.map((text) => parseCidr(text) ?? expect.fail(text))
    const virtual = ['240.240.0.0/16', '2001:2::/64'].map((text) => parseCidr(text) ?? expect.fail(text))
    const given = names.slice(0, 4096).flatMap((name) => [refusals.addressFor(name, 4), refusals.addressFor(name, 6)])
    expect(new Set(given).size).toBe(8192)
    expect(given.filter((ip) => !ranges.some((range) => cidrContains(range, ip)))).toEqual([])
    expect(given.filter((ip) => virtual.some((range) => cidrContains(range, ip)))).toEqual([])
  })

  test('forget the name that was used longest ago when there are too many', () => {
    const refusals = createRefusalAddresses()
    const first = refusals.addressFor(names[0] ?? '', 4)
    const second = refusals.addressFor(names[1] ?? '', 4)
    for (const name of names.slice(2, 4096)) refusals.addressFor(name, 4)
    expect(refusals.nameOf(first)).toBe(names[0])
    refusals.addressFor('one-more.test', 4)
    expect(refusals.size).toBe(4096)
    expect(refusals.nameOf(first)).toBe(names[0])
    expect(refusals.nameOf(second)).not.toBe(names[1])
  })

  test('do not name what is none of them', () => {
    const refusals = createRefusalAddresses()
    for (const text of ['240.241.0.1', '203.0.113.1', '2001:2:0:f1::1', '2001:2:0:f1::1:1', '2001:2::f0f0:1']) {
      expect(refusals.nameOf(parseIp(text) ?? expect.fail(text))).toBeUndefined()
    }
  })
})
