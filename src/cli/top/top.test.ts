// Holds the numbers and the layout of `top`: rates that fall, rows in order, and a frame that fits its terminal.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { recordOf, refusedPackets } from '../flows/record.test-kit.ts'
import { FlowRates } from './flow-rates.ts'
import { layOut, layOutOnce, type ScreenState, type Sort, sorts, sortRows } from './screen.ts'
import { Traffic } from './traffic.ts'

const now = Date.UTC(2026, 0, 2, 12)

function traffic(): Traffic {
  const all = new Traffic()
  for (let index = 0; index < 20; index++) all.add(recordOf({ host: 'often.test', closed: now - 1000 - 100 * index, durationMs: index }))
  all.add(recordOf({ host: 'slow.test', closed: now - 5000, durationMs: 9000, bytesReceived: 5_000_000 }))
  for (let index = 0; index < 3; index++)
    all.add(recordOf({ host: 'evil.test', verdict: 'deny', reason: { code: 'not-declared', text: '' }, closed: now - 60_000 - index }))
  all.add({ ...refusedPackets, closed: now - 2000 })
  return all
}

describe('a rate', () => {
  test('is of the whole seconds that have passed, and falls to nothing', () => {
    const rates = new FlowRates(10)
    for (let second = 0; second < 10; second++) rates.add('a', now + second * 1000, 5)
    const at = [now, now + 1000, now + 10_000, now + 15_000, now + 20_000, now + 3_600_000].map((time) => rates.rateOf('a', time))
    // Asked in order, as a screen asks; the first two have already happened and change nothing.
    expect(at.slice(2)).toEqual([5, 2.5, 0, 0])
  })
  test('counts what comes late into its own second, and what is too old not at all', () => {
    const rates = new FlowRates(10)
    rates.add('a', now, 1)
    rates.add('a', now - 3000, 10)
    rates.add('a', now - 60_000, 1000)
    expect(rates.rateOf('a', now + 1000)).toBe(1.1)
  })
  test('of a key beyond the limit is nothing', () => {
    const rates = new FlowRates(1)
    rates.add('a', now, 1)
    rates.add('b', now, 1)
    expect(rates.rateOf('b', now + 1000)).toBe(0)
  })
})

describe('the order', () => {
  const orders: Record<Sort, string> = {
    rate: 'often.test',
    flows: 'often.test',
    denied: '192.0.2.53',
    bytes: 'slow.test',
    p95: 'slow.test',
  }
  test.each(sorts)('by %s', (sort) => {
    expect(sortRows(traffic().rows('destinations', now), sort)[0]?.key).toBe(orders[sort])
  })
})

test('denials are by reason and host, with packets counted each', () => {
  const rows = traffic().rows('denials', now)
  expect(rows.map(({ key, flows }) => [key, flows])).toEqual([
    ['protocol-not-carried 192.0.2.53', 7],
    ['not-declared evil.test', 3],
  ])
})

describe('a frame', () => {
  const state: ScreenState = { view: 'destinations', sort: 'rate', isPaused: false }
  const frame = (columns: number, rows: number, change: Partial<ScreenState> = {}): readonly string[] =>
    layOut(traffic(), { ...state, ...change }, { columns, rows }, now).map((line) => stripVTControlCharacters(line))

  test('says what is asked for', () => {
    const lines = frame(100, 24)
    expect(lines[0]).toMatch(/^31 flows \(2\.8\/s\) {3}10 denied {3}sent /)
    expect(lines[1]).toContain('[1 destinations]  2 denials')
    expect(lines[3]).toMatch(/^DESTINATION +RATE\/S +FLOWS +DENIED +SENT +RECEIVED +P50 +P95$/)
    expect(lines[4]).toMatch(/^often\.test +2\.0 +20 +0 /)
    expect(lines.at(-1)).toContain('q quit')
  })
  test.each([
    [100, 24],
    [40, 10],
    [20, 6],
    [200, 60],
    [10, 3],
    [1, 1],
  ])('fits %i columns and %i rows', (columns, rows) => {
    const lines = frame(columns, rows)
    expect(lines.length).toBeLessThanOrEqual(rows)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  })
  test('says that it is paused', () => {
    expect(frame(100, 24, { isPaused: true })[1]).toContain('PAUSED')
  })
  test('shows nothing raw of what a stranger sent', () => {
    const all = new Traffic()
    all.add(recordOf({ host: '\u001b[2Jx' }))
    expect(layOut(all, state, { columns: 80, rows: 10 }, now).join('\n')).not.toContain('\u001b[2J')
  })
})

test('once, destinations and denials are printed, with rates over the whole time', () => {
  const text = stripVTControlCharacters(layOutOnce(traffic(), 'flows', 20))
  expect(text).toMatch(/^31 flows \(0\.5\/s\)/)
  expect(text).toMatch(/\nDESTINATION (.*\n)+\nDENIED /)
  expect(stripVTControlCharacters(layOutOnce(new Traffic(), 'flows', 20))).toBe('0 flows (0.0/s)   0 denied   sent 0 B   received 0 B\n')
})
