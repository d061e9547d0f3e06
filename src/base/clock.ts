// Tells the time and arms timers through one interface, so that tests turn the clock by hand and ten thousand time limits share one timer.
import { warnOfListener } from './watchable.ts'

/** Timers of Node.js count no further: what is set for longer fires at once. */
export const longestTimerMs = 2 ** 31 - 1

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the epoch; may jump. For records. */
  now(): number
  /** Milliseconds since some fixed moment; never jumps. For durations; may stand still while one event is dealt with. */
  monotonic(): number
  /** As `monotonic`, and never stands still: for work that has to know how long it has been at it. */
  exact(): number
  /** The timer does not keep the process alive. */
  setTimer(ms: number, fn: () => void): Timer
}

/** Asking the time costs as much as a good deal of other work, and one event asks for it a dozen times. */
let moment = 0
let isKnown = false
const settled = Promise.resolve()

function forget(): void {
  isKnown = false
}

/** The same for all that runs without a pause: it is asked for anew when the event loop or a promise goes on. */
function monotonic(): number {
  if (!isKnown) {
    moment = performance.now()
    isKnown = true
    void settled.then(forget)
  }
  return moment
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic,
  exact: () => performance.now(),
  setTimer(ms, fn) {
    const timeout = setTimeout(fn, ms)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}

/** Stands still until a test moves it. */
export class TestClock implements Clock {
  #now: number
  #sequence = 0
  readonly #timers = new Map<number, { readonly due: number; readonly fn: () => void }>()

  constructor(now = 1_700_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  exact(): number {
    return this.monotonic()
  }

  /** How many timers are armed: a test that ends with some has forgotten to close something. */
  get pending(): number {
    return this.#timers.size
  }

  setTimer(ms: number, fn: () => void): Timer {
    const id = this.#sequence++
    this.#timers.set(id, { due: this.#now + Math.max(0, ms), fn })
    return { cancel: () => void this.#timers.delete(id) }
  }

  /** Moves on by `ms` and runs what falls due on the way, in order, each at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next.id)
      this.#now = Math.max(this.#now, next.due)
      next.fn()
    }
    this.#now = end
  }

  #next(end: number): { id: number; due: number; fn: () => void } | undefined {
    let first: { id: number; due: number; fn: () => void } | undefined
    for (const [id, { due, fn }] of this.#timers) {
      if (due <= end && (first === undefined || due < first.due)) first = { id, due, fn }
    }
    return first
  }
}

export interface Deadline {
  cancel(): void
  /** Starts the wait anew from now; does nothing once the deadline has passed or was cancelled. */
  refresh(): void
}

/** Coarse time limits: never early, at most two ticks (100 ms) late, and cheap enough for one per read. */
export interface Deadlines {
  arm(ms: number, fn: () => void): Deadline
}

const TICK_MS = 50
const SLOTS = 512

/** A hashed timer wheel: one timer of the clock, armed only while a deadline is. */
export function createDeadlines(clock: Clock = systemClock, tickMs: number = TICK_MS): Deadlines {
  return new TimerWheel(clock, tickMs)
}

interface Entry {
  /** The tick at which it falls due; `refresh` moves it on without moving the entry. */
  due: number
  slot: Set<Entry> | undefined
  readonly fn: () => void
}

class TimerWheel implements Deadlines {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #slots: readonly Set<Entry>[] = Array.from({ length: SLOTS }, () => new Set<Entry>())
  #armed = 0
  #lastTick = 0
  #timer: Timer | undefined

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  arm(ms: number, fn: () => void): Deadline {
    const entry: Entry = { due: 0, slot: undefined, fn }
    if (this.#armed === 0) this.#lastTick = this.#tickNow()
    this.#place(entry, this.#dueIn(ms))
    this.#armed++
    this.#wind()
    return {
      cancel: () => this.#remove(entry),
      refresh: () => {
        if (entry.slot) entry.due = Math.max(entry.due, this.#dueIn(ms))
      },
    }
  }

  #tickNow(): number {
    return Math.floor(this.#clock.monotonic() / this.#tickMs)
  }

  /** One tick more than asked, because the present tick is already partly over. */
  #dueIn(ms: number): number {
    return this.#tickNow() + Math.ceil(Math.max(0, ms) / this.#tickMs) + 1
  }

  #place(entry: Entry, due: number): void {
    entry.due = due
    entry.slot = this.#slots[due % SLOTS]
    entry.slot?.add(entry)
  }

  #remove(entry: Entry): void {
    if (!entry.slot) return
    entry.slot.delete(entry)
    entry.slot = undefined
    this.#armed--
    if (this.#armed > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wind(): void {
    if (this.#timer || this.#armed === 0) return
    this.#timer = this.#clock.setTimer(this.#tickMs, () => {
      this.#timer = undefined
      this.#turn()
      this.#wind()
    })
  }

  /** Visits each slot since the last turn once; a process that slept longer than a round visits them all once. */
  #turn(): void {
    const now = this.#tickNow()
    const from = Math.max(this.#lastTick + 1, now - SLOTS + 1)
    this.#lastTick = now
    for (let tick = from; tick <= now; tick++) {
      for (const entry of Array.from(this.#slots[tick % SLOTS] ?? [])) this.#visit(entry, now)
    }
  }

  #visit(entry: Entry, now: number): void {
    // Cancelled by an entry before it in this very turn.
    if (!entry.slot) return
    if (entry.due > now) {
      entry.slot.delete(entry)
      this.#place(entry, entry.due)
      return
    }
    this.#remove(entry)
    try {
      entry.fn()
    } catch (error) {
      warnOfListener(error)
    }
  }
}

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
  /** As `Math.random`. */
  readonly random?: () => number
}

/** Says how long to wait before the next attempt: longer each time, and never quite the same for two that failed together. */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Milliseconds: the second half of twice the wait before, at a random place in it. */
  next(): number {
    const { baseMs, maxMs, random = Math.random } = this.#options
    const whole = Math.min(maxMs, baseMs * 2 ** this.#failures)
    this.#failures++
    return Math.round(whole / 2 + (random() * whole) / 2)
  }

  reset(): void {
    this.#failures = 0
  }
}
