// Shares the caller's terminal with the command as a shell shares it with a job: lent while the command needs it, taken back when it stops or ends.
import { foregroundGroup, ownGroup, setForegroundGroup } from './libc.ts'

export class Terminal {
  readonly #fd: number | undefined

  /** Without a descriptor there is no terminal, and nothing to do. */
  constructor(fd: number | undefined) {
    this.#fd = fd
  }

  get exists(): boolean {
    return this.#fd !== undefined
  }

  /** Whether it is the caller's job that has the terminal, and so may lend it. */
  isOurs(): boolean {
    return this.#fd !== undefined && foregroundGroup(this.#fd) === ownGroup()
  }

  /** To the caller's group, from whomever inside has it: an interactive shell inside leaves it to a group that is gone. */
  takeBack(): void {
    if (this.#fd === undefined || foregroundGroup(this.#fd) < 0) return
    try {
      setForegroundGroup(this.#fd, ownGroup())
    } catch {
      // The terminal is gone: there is nobody left to give it to.
      return
    }
  }
}
