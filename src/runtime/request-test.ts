// Describes what the conditions of a route are asked about, and what they are compiled into.
/** The parts of a request that routes look at. */
export interface RequestParts {
  readonly method: string
  readonly authority: string
  /** Without query and fragment. */
  readonly path: string
  /** With the query. */
  readonly target: string
  readonly scheme: string
  headers(name: string): readonly string[]
}

export type RequestTest = (request: RequestParts) => boolean

/** Without a test, every request matches. */
export interface Part<Test> {
  readonly test?: Test
  readonly problem?: string
}
