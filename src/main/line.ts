// Puts configurations into force one after the other: the first at once, the others in slices between which traffic goes on, and so what is to be told of each.
import { finish, inSlices, type SlicedWork, type Steps, warnOfListener } from '../base/index.ts'

/** Ends when the configuration is in force; what is to be told of it then comes as further steps. */
type Applying<Config> = (config: Config) => Steps<Steps<void> | void>

/** Milliseconds between two slices of what is to be told of the first configuration. */
const pauseMs = 10

export class Line<Config> {
  readonly #applying: Applying<Config>
  #work: SlicedWork | undefined
  #isFirst = true
  /** What is to be told of the first has not all been told. */
  #isTellingFirst = false
  #waiting: { readonly config: Config } | undefined

  constructor(applying: Applying<Config>) {
    this.#applying = applying
  }

  /** The first is in force already. */
  hasBegun(): void {
    this.#isFirst = false
  }

  /** Of those that come while one is being put into force, only the last counts. */
  take(config: Config): void {
    if (this.#isFirst) {
      this.#isFirst = false
      const telling = finish(this.#applying(config))
      if (!telling) return
      this.#isTellingFirst = true
      // Meanwhile the command is started, which is not to wait for it.
      this.#begin(telling, pauseMs)
    } else if (this.#work === undefined) this.#begin(whole(this.#applying(config)))
    else this.#waiting = { config }
  }

  close(): void {
    this.#waiting = undefined
    if (this.#isTellingFirst) this.#work?.finish()
    else this.#work?.cancel()
  }

  #begin(steps: Steps<void>, pause?: number): void {
    let isOver = false
    const over = (): void => {
      isOver = true
      this.#isTellingFirst = false
      this.#work = undefined
      const next = this.#waiting
      this.#waiting = undefined
      if (next !== undefined) this.#begin(whole(this.#applying(next.config)))
    }
    const failed = (error: unknown): void => {
      warnOfListener(error)
      over()
    }
    const work = inSlices(steps, { done: over, failed, ...(pause !== undefined && { pause }) })
    if (!isOver) this.#work = work
  }
}

function* whole(applying: Steps<Steps<void> | void>): Steps<void> {
  const telling = yield* applying
  if (telling) yield* telling
}
