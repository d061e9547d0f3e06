// What the simulation's caller is told to do, and what it answers.

export interface CallerOrder {
  readonly ip: string
  readonly port: number
  /** The local port, by which the call's record is known. */
  readonly from: number
  /** In latin1; empty: the client says nothing. */
  readonly words: string
  readonly silenceMs: number
}

export interface CallerAnswer {
  readonly from: number
  readonly answer: string
}
