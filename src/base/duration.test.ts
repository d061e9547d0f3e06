// Holds how durations are read and printed, as Go does.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, parseDuration, timeText } from './index.ts'

describe('durations', () => {
  const cases: Record<string, { text: string; ms: number | undefined; printed?: string }> = {
    seconds: { text: '10s', ms: 10_000 },
    'a fraction of a second': { text: '1.5s', ms: 1500 },
    milliseconds: { text: '250ms', ms: 250 },
    'several units': { text: '1m30s', ms: 90_000 },
    hours: { text: '2h45m', ms: 9_900_000 },
    'microseconds, in both spellings': { text: '1us1µs', ms: 0.002, printed: '2us' },
    nanoseconds: { text: '1500000ns', ms: 1.5, printed: '1.5ms' },
    'a fraction without a leading digit': { text: '.5s', ms: 500, printed: '500ms' },
    'units in any order': { text: '1s1h', ms: 3_601_000, printed: '1h1s' },
    'binary fractions leave no noise': { text: '0.1s0.2s', ms: 300, printed: '300ms' },
    zero: { text: '0s', ms: 0 },
    'no unit': { text: '10', ms: undefined },
    'zero without a unit': { text: '0', ms: undefined },
    nothing: { text: '', ms: undefined },
    'only a unit': { text: 's', ms: undefined },
    'a sign': { text: '-1s', ms: undefined },
    'a space': { text: '1 s', ms: undefined },
    'a space at the end': { text: '1s ', ms: undefined },
    'an unknown unit': { text: '1d', ms: undefined },
    'an unknown unit after a good one': { text: '1h1d', ms: undefined },
    'upper case': { text: '1S', ms: undefined },
    'an exponent': { text: '1e3s', ms: undefined },
    'two points': { text: '1.5.5s', ms: undefined },
    'a very long text': { text: `${'1'.repeat(100)}s`, ms: undefined },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, ms, printed }) => {
    expect(parseDuration(text)).toBe(ms)
    if (ms !== undefined) expect(formatDuration(ms)).toBe(printed ?? text)
  })

  test('what is printed is read back', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })
})

test('a time is printed to the second, in UTC', () => {
  expect(timeText(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe('2026-01-02T03:04:05Z')
})
