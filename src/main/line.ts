// Puts configurations into force one after the other: the first at once, the others in slices between which traffic goes on.
import { finish, inSlices, type SlicedWork, type Steps, warnOfListener } from '../base/index.ts'

export class Line<Config> {
  readonly #applying: (config: Config) => Steps<void>
  #work: SlicedWork | undefined
  #isFirst = true
  #waiting: { readonly config: Config } | undefined

  constructor(applying: (config: Config) => Steps<void>) {
    this.#applying = applying
  }

  /** Of those that come while one is being put into force, only the last counts. */
  take(config: Config): void {
    if (this.#isFirst) {
      this.#isFirst = false
      finish(this.#applying(config))
    } else if (this.#work === undefined) this.#begin(config)
    else this.#waiting = { config }
  }

  close(): void {
    this.#waiting = undefined
    this.#work?.cancel()
  }

  #begin(config: Config): void {
    let isOver = false
    const over = (): void => {
      isOver = true
      this.#work = undefined
      const next = this.#waiting
      this.#waiting = undefined
      if (next !== undefined) this.#begin(next.config)
    }
    const failed = (error: unknown): void => {
      warnOfListener(error)
      over()
    }
    const work = inSlices(this.#applying(config), { done: over, failed })
    if (!isOver) this.#work = work
  }
}
