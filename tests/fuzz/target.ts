// What a fuzzer needs to know of a parser: how to run one input through it and its oracles.
import type { Random } from './random.ts'

export interface FuzzTarget {
  readonly name: string
  /** Name of a list of pieces that mean something to the parser. */
  readonly dictionary: string
  /**
   * Runs one input through the parser and holds it to its oracles; throws what is wrong. Returns a label of what the parser made of it:
   * inputs with new labels are kept and changed further.
   */
  run(input: Buffer, random: Random): string
}

/** Thrown by an oracle; any other error is a finding too. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export function hold(condition: boolean, words: string): asserts condition {
  if (!condition) throw new Finding(words)
}

/** Compares plain values by their JSON. */
export function holdSame(actual: unknown, expected: unknown, words: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Finding(`${words}: ${cut(a)} instead of ${cut(b)}`)
}

function cut(text: string | undefined): string {
  return text === undefined || text.length <= 300 ? String(text) : `${text.slice(0, 300)}…`
}
