// What the main thread of a fuzz run and its workers tell each other.

export interface WorkerOrder {
  readonly name: string
  readonly seed: number
  readonly milliseconds: number
  /** Instead of the time, where it is more than 0. */
  readonly executions: number
  /** Two counters (inputs run, length of the present one), then the present input. */
  readonly shared: SharedArrayBuffer
}

export const slots = 2
export const shownBytes = 8192

export interface WorkerReport {
  readonly executions: number
  readonly labels: number
  readonly discovered: readonly string[]
  readonly finding?: { readonly input: string; readonly words: string }
}
