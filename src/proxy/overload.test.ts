// Holds who is turned away when memory, places or time run short, and who is not.
import { describe, expect, it } from 'vitest'
import { TestClock } from '../base/index.ts'
import { defaultLimits } from './limits.ts'
import { Overload } from './overload.ts'
import { Shares } from './shares.ts'

describe('shares', () => {
  const taking = (shares: Shares, who: string, count: number): number => {
    let taken = 0
    for (; taken < count && shares.hasRoom(who); taken++) shares.begin(who)
    return taken
  }

  it('gives one alone what is not kept for others, and all of them together not one place more than there are', () => {
    const shares = new Shares(100)
    expect(taking(shares, 'a', 200)).toBe(80)
    for (const who of 'bcdefghijklmnopqrstuvwxyz') taking(shares, who, 200)
    expect(shares.total).toBe(100)
  })

  it('leaves a newcomer his part, however many places somebody had before', () => {
    const shares = new Shares(100)
    expect(taking(shares, 'greedy', 90)).toBe(80)
    expect(taking(shares, 'newcomer', 10)).toBe(10)
    expect(shares.hasRoom('greedy')).toBe(false)
  })

  it('turns the greedy one away while places are scarce, and lets him in again when they are not', () => {
    const shares = new Shares(100)
    taking(shares, 'greedy', 80)
    shares.begin('newcomer')
    expect(shares.hasRoom('greedy')).toBe(false)
    expect(shares.hasRoom('newcomer')).toBe(true)
    for (let count = 0; count < 10; count++) shares.end('greedy')
    expect(shares.hasRoom('greedy')).toBe(true)
    for (let count = 0; count < 70; count++) shares.end('greedy')
    shares.end('newcomer')
    shares.end('newcomer')
    expect(shares.total).toBe(0)
  })
})

function setUp(limits: Partial<typeof defaultLimits> = {}) {
  const clock = new TestClock()
  const turns: (() => void)[] = []
  let pressure = 0
  const overload = new Overload({
    limits: { ...defaultLimits, ...limits },
    clock,
    pressure: () => pressure,
    afterTurn: (then) => turns.push(then),
  })
  const press = (to: number): void => {
    pressure = to
    clock.advance(250)
  }
  const endTurn = (): void => {
    for (const then of turns.splice(0)) then()
  }
  return { overload, clock, press, endTurn }
}

const denied = { verdict: 'deny', flag: 'OM', details: 'overload' }

describe('memory', () => {
  const steps: Record<string, { at: number; idle: number; stops: boolean; sheds: boolean }> = {
    'as long as there is enough, nothing changes': { at: 0.84, idle: 1000, stops: false, sheds: false },
    'from 85 % idle connections have less time': { at: 0.85, idle: 100, stops: false, sheds: false },
    'from 92 % keep-alive ends': { at: 0.92, idle: 100, stops: true, sheds: false },
    'from 95 % nothing new is taken': { at: 0.95, idle: 100, stops: true, sheds: true },
  }

  it.each(Object.entries(steps))('%s', (_name, { at, idle, stops, sheds }) => {
    const { overload, press } = setUp()
    press(at)
    expect(overload.idleMs(1000)).toBe(idle)
    expect(overload.stopsKeepAlive).toBe(stops)
    expect(overload.beginRequest('a')).toEqual(sheds ? expect.objectContaining({ ...denied, status: 503 }) : undefined)
    expect(overload.beginConnection('a')).toEqual(sheds ? expect.objectContaining({ ...denied, status: 0 }) : undefined)
  })

  it('takes again what comes once there is some', () => {
    const { overload, press } = setUp()
    press(1)
    expect(overload.beginRequest('a')).toMatchObject(denied)
    press(0.5)
    expect(overload.beginRequest('a')).toBeUndefined()
  })
})

describe('time', () => {
  it('turns away what a turn of the event loop comes to late, and nothing of the next turn', () => {
    const { overload, clock, endTurn } = setUp({ calmRequests: 2, turnMs: 20 })
    for (let count = 0; count < 3; count++) expect(overload.beginRequest('a')).toBeUndefined()
    clock.advance(21)
    expect(overload.beginRequest('a')).toMatchObject({ ...denied, status: 503 })
    endTurn()
    expect(overload.beginRequest('a')).toBeUndefined()
  })

  it('turns nobody away while few requests are under way', () => {
    const { overload, clock } = setUp({ calmRequests: 4, turnMs: 20 })
    for (let count = 0; count < 4; count++) {
      expect(overload.beginRequest('a')).toBeUndefined()
      clock.advance(100)
    }
  })

  it('turns away who has most under way, not who has little', () => {
    const { overload, clock } = setUp({ calmRequests: 2, turnMs: 20 })
    for (let count = 0; count < 10; count++) overload.beginRequest('greedy')
    clock.advance(21)
    expect(overload.beginRequest('greedy')).toMatchObject(denied)
    expect(overload.beginRequest('modest')).toBeUndefined()
  })
})
