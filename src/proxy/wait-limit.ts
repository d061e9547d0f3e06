// Gives a connection one time limit at a time, moved as often as bytes come without touching a timer.
import type { Clock, Deadline, Deadlines } from '../base/index.ts'

export class WaitLimit {
  readonly #deadlines: Deadlines
  readonly #clock: Clock
  readonly #onExpired: () => void
  #deadline: Deadline | undefined
  /** When the armed deadline fires. */
  #fires = 0
  #due = Number.POSITIVE_INFINITY
  #ms = 0

  constructor(deadlines: Deadlines, clock: Clock, onExpired: () => void) {
    this.#deadlines = deadlines
    this.#clock = clock
    this.#onExpired = onExpired
  }

  /** Begins a wait of `ms` in place of the present one. */
  start(ms: number): void {
    const now = this.#clock.monotonic()
    this.#ms = ms
    this.#due = now + ms
    if (this.#deadline && this.#fires <= this.#due) return
    this.#deadline?.cancel()
    this.#arm(now)
  }

  /** Something happened: the present wait begins anew. */
  touch(): void {
    if (this.#due !== Number.POSITIVE_INFINITY) this.#due = this.#clock.monotonic() + this.#ms
  }

  stop(): void {
    this.#due = Number.POSITIVE_INFINITY
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  #arm(now: number): void {
    this.#fires = this.#due
    this.#deadline = this.#deadlines.arm(this.#due - now, () => {
      this.#deadline = undefined
      this.#onDeadline()
    })
  }

  #onDeadline(): void {
    if (this.#due === Number.POSITIVE_INFINITY) return
    const now = this.#clock.monotonic()
    if (now < this.#due) return this.#arm(now)
    this.#due = Number.POSITIVE_INFINITY
    this.#onExpired()
  }
}
