// What every step of an attack may know of the attempt that it belongs to.

export interface Context {
  /** The attempt's word: whoever sees it outside knows where it came from. */
  readonly token: string
  /** Of the attempt, by which the judge knows it. */
  readonly id: number
  /** Keeps what was opened open until the judge has looked. */
  readonly hold: (close: () => void) => void
}
