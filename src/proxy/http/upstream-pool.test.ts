// Holds that the pool hands out what is freshest, keeps little, and lets go in time.
import { describe, expect, it } from 'vitest'
import { createDeadlines, TestClock } from '../../base/index.ts'
import { defaultLimits } from '../limits.ts'
import { UpstreamPool } from './upstream-pool.ts'

class Connection {
  isClosed = false
  idleUntil = 0
  readonly key: string
  readonly opened: number
  readonly #pool: UpstreamPool<Connection>

  constructor(pool: UpstreamPool<Connection>, key: string, opened: number) {
    this.#pool = pool
    this.key = key
    this.opened = opened
  }

  close(): void {
    this.isClosed = true
    this.#pool.remove(this)
  }
}

function setUp(): { clock: TestClock; pool: UpstreamPool<Connection>; make: (key?: string) => Connection } {
  const clock = new TestClock()
  const limits = { ...defaultLimits, poolPerTarget: 2, poolTotal: 3, poolIdleMs: 1000 }
  const pool = new UpstreamPool<Connection>({ limits, clock, deadlines: createDeadlines(clock) })
  return { clock, pool, make: (key = 'a') => new Connection(pool, key, clock.monotonic()) }
}

describe('UpstreamPool', () => {
  it('hands out the connection that was used last, each once, by its key', () => {
    const { pool, make } = setUp()
    const [one, two] = [make(), make()]
    pool.put(one)
    pool.put(two)
    expect(pool.take('b')).toBeUndefined()
    expect([pool.take('a'), pool.take('a'), pool.take('a')]).toEqual([two, one, undefined])
  })

  it('closes what would be one too many for a target or in all', () => {
    const { pool, make } = setUp()
    const all = [make('a'), make('a'), make('a'), make('b'), make('c')]
    for (const connection of all) pool.put(connection)
    expect(all.map((connection) => connection.isClosed)).toEqual([false, false, true, false, true])
    expect(pool.size).toBe(3)
  })

  it('closes what has waited for too long, and then rests', () => {
    const { pool, make, clock } = setUp()
    const old = make()
    pool.put(old)
    clock.advance(700)
    const young = make()
    pool.put(young)
    clock.advance(700)
    expect([old.isClosed, young.isClosed]).toEqual([true, false])
    clock.advance(1000)
    expect(young.isClosed).toBe(true)
    clock.advance(1000)
    expect([pool.size, clock.pending]).toEqual([0, 0])
  })

  it('closes all of one key', () => {
    const { pool, make } = setUp()
    const [one, other] = [make('a'), make('b')]
    pool.put(one)
    pool.put(other)
    pool.closeKey('a')
    expect([one.isClosed, other.isClosed, pool.size]).toEqual([true, false, 1])
  })

  it('keeps a connection for as long as its cluster says, and no longer than it may live', () => {
    const { clock, pool, make } = setUp()
    const [brief, old] = [make('brief'), make('old')]
    pool.put(brief, { idle: 100 })
    clock.advance(200)
    expect([brief.isClosed, pool.take('brief')]).toEqual([true, undefined])
    pool.put(old, { idle: 60_000, duration: 5000 })
    clock.advance(4000)
    expect(old.isClosed).toBe(false)
    clock.advance(2000)
    expect(old.isClosed).toBe(true)
    expect([pool.size, clock.pending]).toEqual([0, 0])
  })

  it('never hands out what has waited for too long, however late the sweep is', () => {
    const { clock, pool, make } = setUp()
    const [one, two] = [make(), make()]
    pool.put(one, { idle: 10 })
    pool.put(two, { idle: 10 })
    clock.advance(20)
    expect(pool.take('a')).toBeUndefined()
    expect([one.isClosed, two.isClosed]).toEqual([true, true])
  })
})
