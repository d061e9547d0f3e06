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

class Request {
  state: 'unknown' | 'admitted' | 'waits' | 'refused' = 'unknown'
  readonly peer: string
  readonly #overload: Overload

  constructor(overload: Overload, peer = 'a') {
    this.#overload = overload
    this.peer = peer
  }

  come(): this {
    if (this.#overload.mustWait(this)) this.state = 'waits'
    else this.onTurn(false)
    return this
  }

  onTurn(isLate: boolean): void {
    this.state = this.#overload.beginRequest(this.peer, isLate) === undefined ? 'admitted' : 'refused'
  }
}

describe('time', () => {
  const limits = { calmRequests: 2, turnMs: 1, turnGraceMs: 10, turnWaitMs: 100 }
  /** Two that are under way, and one with which a turn begins that has become too long. */
  const press = (setup: ReturnType<typeof setUp>, peer = 'a'): void => {
    for (let count = 0; count < 3; count++) expect(new Request(setup.overload, peer).come().state).toBe('admitted')
    setup.clock.advance(2)
  }

  it('has what a turn of the event loop comes to late wait for another one', () => {
    const setup = setUp(limits)
    press(setup)
    const late = new Request(setup.overload).come()
    expect(late.state).toBe('waits')
    setup.endTurn()
    expect(late.state).toBe('admitted')
    expect(new Request(setup.overload).come().state).toBe('admitted')
  })

  it('has nobody wait while few requests are under way', () => {
    const { overload, clock } = setUp({ ...limits, calmRequests: 4 })
    for (let count = 0; count < 4; count++) {
      expect(new Request(overload).come().state).toBe('admitted')
      clock.advance(100)
    }
  })

  it('has who has most under way wait, not who has little', () => {
    const setup = setUp(limits)
    press(setup, 'greedy')
    expect(new Request(setup.overload, 'greedy').come().state).toBe('waits')
    expect(new Request(setup.overload, 'modest').come().state).toBe('admitted')
  })

  it('turns away who has waited for too long, and those who came later first wait on', () => {
    const setup = setUp(limits)
    press(setup)
    const first = new Request(setup.overload).come()
    setup.clock.advance(50)
    const second = new Request(setup.overload).come()
    setup.clock.advance(60)
    setup.endTurn()
    expect([first.state, second.state]).toEqual(['refused', 'waits'])
  })

  it('serves the newest first, and not all in one turn', async () => {
    const setup = setUp(limits)
    press(setup)
    const all = Array.from({ length: 20 }, () => new Request(setup.overload).come())
    setup.endTurn()
    // The turn is over its time before it looks at the clock again.
    setup.clock.advance(2)
    await Promise.resolve()
    expect(all.map(({ state }) => state)).toEqual([
      ...Array.from({ length: 12 }, () => 'waits'),
      ...Array.from({ length: 8 }, () => 'admitted'),
    ])
    setup.endTurn()
    await Promise.resolve()
    await Promise.resolve()
    expect(all.filter(({ state }) => state === 'admitted')).toHaveLength(20)
  })

  it('serves those who have waited for long when there is nothing else to do', () => {
    const setup = setUp(limits)
    press(setup)
    const waiting = new Request(setup.overload).come()
    setup.clock.advance(20)
    setup.endTurn()
    expect(waiting.state).toBe('waits')
    // The turn after took no time at all.
    setup.endTurn()
    expect(waiting.state).toBe('admitted')
  })

  it('serves nobody late in a queue that does not become empty, and everybody again when it has', () => {
    const setup = setUp(limits)
    press(setup)
    const first = new Request(setup.overload).come()
    setup.clock.advance(60)
    const second = new Request(setup.overload).come()
    setup.clock.advance(45)
    setup.endTurn()
    expect([first.state, second.state]).toEqual(['refused', 'waits'])
    // A turn that took no time.
    setup.endTurn()
    expect(second.state, 'after 45 ms in a queue of 105').toBe('waits')
    setup.clock.advance(2)
    const fresh = new Request(setup.overload).come()
    setup.endTurn()
    expect([fresh.state, second.state]).toEqual(['admitted', 'waits'])
    setup.clock.advance(60)
    setup.endTurn()
    expect(second.state).toBe('refused')
    setup.clock.advance(2)
    const later = new Request(setup.overload).come()
    setup.clock.advance(20)
    setup.endTurn()
    expect(later.state).toBe('waits')
    setup.endTurn()
    expect(later.state).toBe('admitted')
  })

  it('turns many away little by little', () => {
    const setup = setUp(limits)
    press(setup)
    const all = Array.from({ length: 30 }, () => new Request(setup.overload).come())
    const refused = (): number => all.filter(({ state }) => state === 'refused').length
    setup.clock.advance(200)
    setup.endTurn()
    expect(refused()).toBe(8)
    setup.clock.advance(2)
    setup.endTurn()
    expect(refused()).toBe(16)
  })
})
