// Holds when an endpoint that fails is left out, for how long, and how it comes back.
import { describe, expect, it } from 'vitest'
import type { OutlierPlan } from '../../runtime/index.ts'
import { OutlierDetection, type Outcome } from './outlier-detection.ts'

const plan: OutlierPlan = {
  consecutive5xx: 5,
  consecutiveGateway: 0,
  consecutiveLocal: 0,
  splitLocal: false,
  interval: 10_000,
  baseEjection: 30_000,
  maxEjection: 300_000,
  maxEjectionPercent: 100,
  panicPercent: 0,
}

class Play {
  now = 0
  readonly detection = new OutlierDetection(0)
  readonly plan: OutlierPlan
  readonly total: number

  constructor(changes: Partial<OutlierPlan> = {}, total = 2) {
    this.plan = { ...plan, ...changes }
    this.total = total
  }

  tell(host: string, ...outcomes: Outcome[]): this {
    for (const outcome of outcomes) this.detection.report(this.plan, host, outcome, { now: this.now, total: this.total })
    return this
  }

  isOut(host: string, at = this.now): boolean {
    this.now = at
    return this.detection.isEjected(host, at)
  }
}

const five: Outcome[] = [500, 503, 599, 500, 500]

describe('outlier detection', () => {
  const cases: Record<
    string,
    { readonly outcomes: Outcome[]; readonly isOut: boolean; readonly plan?: Partial<OutlierPlan>; readonly total?: number }
  > = {
    'five 5xx in a row': { outcomes: five, isOut: true },
    'four 5xx': { outcomes: five.slice(1), isOut: false },
    'an answer in between': { outcomes: [500, 500, 500, 500, 404, 500], isOut: false },
    'failures to connect count as 503': { outcomes: ['connect-failed', 'timeout', 'connect-failed', 'timeout', 'timeout'], isOut: true },
    'a connection that is made counts as success': {
      outcomes: ['timeout', 'timeout', 'timeout', 'timeout', 'connected', 'timeout'],
      isOut: false,
    },
    'gateway errors alone': { outcomes: [502, 503, 504], isOut: true, plan: { consecutive5xx: 0, consecutiveGateway: 3 } },
    'a 500 is no gateway error': { outcomes: [502, 503, 500, 504], isOut: false, plan: { consecutive5xx: 0, consecutiveGateway: 3 } },
    'both detectors off': { outcomes: [...five, ...five], isOut: false, plan: { consecutive5xx: 0 } },
    'failures to connect, counted apart': {
      outcomes: ['timeout', 'timeout'],
      isOut: true,
      plan: { splitLocal: true, consecutiveLocal: 2 },
    },
    'answers do not end a count of failures to connect': {
      outcomes: ['timeout', 200, 'timeout'],
      isOut: true,
      plan: { splitLocal: true, consecutiveLocal: 2 },
    },
    'failures to connect are no 5xx when counted apart': {
      outcomes: ['timeout', 'timeout', 'timeout', 'timeout', 'timeout', 'timeout'],
      isOut: false,
      plan: { splitLocal: true },
    },
    'the default share of 10 % lets none of two go (recorded)': { outcomes: five, isOut: false, plan: { maxEjectionPercent: 10 } },
    'one of ten may go at 10 %': { outcomes: five, isOut: true, plan: { maxEjectionPercent: 10 }, total: 10 },
  }
  for (const [name, { outcomes, isOut, plan: changes = {}, total = 2 }] of Object.entries(cases)) {
    it(`${isOut ? 'leaves out' : 'keeps'}: ${name}`, () => {
      expect(new Play(changes, total).tell('a', ...outcomes).isOut('a')).toBe(isOut)
    })
  }

  it('takes back at the first whole interval after the time is over', () => {
    const play = new Play()
    play.now = 4000
    play.tell('a', ...five)
    expect([play.isOut('a', 34_000), play.isOut('a', 39_999), play.isOut('a', 40_000)]).toEqual([true, true, false])
    expect(play.isOut('b')).toBe(false)
  })

  it('takes longer each time, up to a longest', () => {
    const play = new Play({ interval: 1000, maxEjection: 70_000 })
    const lasted = [1, 2, 3, 4].map(() => {
      const from = play.now
      play.tell('a', ...five)
      while (play.isOut('a', play.now + 1000));
      return play.now - from
    })
    expect(lasted).toEqual([30_000, 60_000, 70_000, 70_000])
  })

  it('forgives a step for each interval in good standing', () => {
    const play = new Play({ interval: 1000 })
    play.tell('a', ...five)
    expect(play.isOut('a', 30_000)).toBe(false)
    play.now = 32_000
    play.tell('a', ...five)
    expect([play.isOut('a', 61_999), play.isOut('a', 62_000)]).toEqual([true, false])
  })

  it('does not leave out more than its share', () => {
    const play = new Play({ maxEjectionPercent: 50 }, 4)
    play
      .tell('a', ...five)
      .tell('b', ...five)
      .tell('c', ...five)
    expect(['a', 'b', 'c', 'd'].map((host) => play.isOut(host))).toEqual([true, true, false, false])
    // Having been spared it has to fail as often again.
    play.now = 40_000
    play.tell('c', ...five.slice(1))
    expect(play.isOut('c')).toBe(false)
    expect(play.tell('c', 500).isOut('c')).toBe(true)
  })

  it('stays small when addresses come and go', () => {
    const play = new Play({ maxEjectionPercent: 0 }, 1)
    for (let i = 0; i < 10_000; i++) play.tell(`host-${i}`, 500)
    expect(play.detection.isQuiet(play.now)).toBe(true)
    expect(play.detection.size).toBeLessThan(100)
  })
})
