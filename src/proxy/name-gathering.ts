// Learns names' addresses for one connection or request, and keeps what was learnt for as long as it is being judged.
import { messageOf } from '../base/index.ts'
import type { NameFacts, Resolution } from '../flow/index.ts'
import type { Context } from './context.ts'

/** Names that one decision may ask for. */
const MAX_NAMES = 16
/** For a source of names that breaks its promise to end. */
const OWN_LIMIT_MS = 30_000

export class NameGathering {
  readonly facts: NameFacts
  readonly #context: Pick<Context, 'names' | 'deadlines' | 'clock'>
  #learnt: Map<string, Resolution> | undefined

  constructor(context: Pick<Context, 'names' | 'deadlines' | 'clock'>) {
    this.#context = context
    this.facts = (name) => this.#learnt?.get(name) ?? context.names.known(name)
  }

  /** False: this name was learnt before, or there have been too many; asking again would not help. */
  mayLearn(name: string): boolean {
    return this.#learnt === undefined || (!this.#learnt.has(name) && this.#learnt.size < MAX_NAMES)
  }

  learn(name: string, untilMs: number, then: () => void): void {
    this.#learnt ??= new Map()
    const learnt = this.#learnt
    const { names, deadlines, clock } = this.#context
    let isOver = false
    const settle = (resolution: Resolution): void => {
      if (isOver) return
      isOver = true
      deadline.cancel()
      learnt.set(name, resolution)
      then()
    }
    const fail = (failed: string): void => settle({ failed, expires: clock.now() })
    const deadline = deadlines.arm(untilMs || OWN_LIMIT_MS, () => fail('no answer in time'))
    names.resolve(name).then(settle, (error: unknown) => fail(messageOf(error)))
  }

  /** What was learnt may be out of date: a later judgement asks anew. */
  forget(): void {
    this.#learnt = undefined
  }
}
