// Says what flow records are read from, whatever it is: a file, standard input, or the admin server of a running proxy.
import { SallyportError } from '../../base/index.ts'

/** Gives each line to `visit` until that says that it is enough. */
export type Visit = (line: string) => boolean

/** A source that was opened; what comes after the opening is told by `follow` alone, so that nothing is missed or told twice. */
export interface RecordSource {
  /** As it was named on the command line. */
  readonly name: string
  /** The order in which `history` tells what is there. */
  readonly order: 'newest first' | 'oldest first'
  history(visit: Visit): Promise<void>
  /** Tells what comes from now on; ends with the source, or with the signal. */
  follow(take: (line: string) => Promise<void>, signal: AbortSignal): Promise<void>
  close(): void
}

/** A source that cannot be read or reached. */
export class SourceError extends SallyportError {
  readonly exitCode: number

  constructor(exitCode: number, message: string, fix: string) {
    super('SLP0004', message, { fix })
    this.exitCode = exitCode
  }
}
