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

/** Compares plain values: numbers, texts, lists and records of such. */
export function holdSame(actual: unknown, expected: unknown, words: string): void {
  if (!isSame(actual, expected)) throw new Finding(`${words}: ${shown(actual)} instead of ${shown(expected)}`)
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return left.length === right.length && left.every(([name, value]) => isSame(value, (b as Readonly<Record<string, unknown>>)[name]))
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text === undefined || text.length <= 300 ? String(text) : `${text.slice(0, 300)}…`
}
