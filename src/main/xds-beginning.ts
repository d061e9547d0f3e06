// Decides when the first configuration of an xDS server may count: when it is whole, or when nothing more comes and there is something.
import { type Clock, systemClock, type Timer } from '../base/index.ts'

/** `whole`: all that is needed has come; `kept`: what another time has left; `part`: what has come, although more is needed; `nothing`. */
export type Beginning = 'whole' | 'kept' | 'part' | 'nothing'

/** Milliseconds without a word from the server. */
export interface BeginningLimits {
  /** Until what was kept counts. */
  readonly kept: number
  /** Until what there is counts, or it is known that there is nothing. */
  readonly part: number
}

export interface BeginningParts {
  readonly limits: BeginningLimits
  readonly hasKept: boolean
  readonly clock?: Clock
  /** Called once. `nothing` is no end: what comes later still counts, and is told of. */
  readonly begin: (how: Beginning) => void
}

/** A server that cuts what it has into several responses sends them one right after the other. */
const quietMs = 10
/** A server that never stops and never comes to an end is waited for so many times as long as a silent one. */
const mostPatience = 10

export class FirstConfiguration {
  readonly #parts: BeginningParts
  readonly #clock: Clock
  #quiet: Timer | undefined
  #silence: Timer | undefined
  #keptSilence: Timer | undefined
  readonly #limit: Timer
  #hasSome = false
  #isOver = false

  constructor(parts: BeginningParts) {
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
    this.#limit = this.#clock.setTimer(parts.limits.part * mostPatience, () => this.#giveUp())
    this.#listen()
  }

  /** The server has said something. */
  heard(): void {
    if (this.#isOver) return
    this.#quiet?.cancel()
    this.#listen()
  }

  /** What was heard has been judged. */
  judged({ isWhole }: { readonly isWhole: boolean }): void {
    if (this.#isOver) return
    this.#hasSome = true
    this.#quiet?.cancel()
    if (isWhole) this.#quiet = this.#clock.setTimer(quietMs, () => this.#begin('whole'))
  }

  /** The server cannot be reached. */
  away(): void {
    if (this.#parts.hasKept) this.#begin('kept')
  }

  close(): void {
    this.#isOver = true
    for (const timer of [this.#quiet, this.#silence, this.#keptSilence, this.#limit]) timer?.cancel()
  }

  #listen(): void {
    const { limits, hasKept } = this.#parts
    this.#silence?.cancel()
    this.#keptSilence?.cancel()
    this.#silence = this.#clock.setTimer(limits.part, () => this.#giveUp())
    if (hasKept) this.#keptSilence = this.#clock.setTimer(limits.kept, () => this.#begin('kept'))
  }

  #giveUp(): void {
    if (this.#hasSome) this.#begin('part')
    else this.#parts.begin('nothing')
  }

  #begin(how: Beginning): void {
    if (this.#isOver) return
    this.close()
    this.#parts.begin(how)
  }
}
