// Runs one fuzzer: makes inputs, runs them, keeps those that the parser treated in a new way, and stops at the first finding.
import { readDictionary } from './corpus.ts'
import { mutate } from './mutator.ts'
import { Random } from './random.ts'
import type { FuzzTarget } from './target.ts'

export interface FuzzRun {
  readonly target: FuzzTarget
  readonly seeds: readonly Buffer[]
  readonly seed: number
  /** Called before each input is run, with how many were run: false ends the run. */
  readonly goOn: (executions: number, input: Buffer) => boolean
}

export interface FuzzResult {
  readonly executions: number
  /** Ways in which the parser treated inputs. */
  readonly labels: number
  readonly finding?: { readonly input: Buffer; readonly words: string }
  /** Inputs with labels that no seed had. */
  readonly discovered: readonly Buffer[]
}

const MOST_LABELS = 20_000
const MOST_KEPT = 4000
const LONGEST_KEPT = 2048
const BETWEEN_PAUSES = 64
const settled = Promise.resolve()

export async function fuzz({ target, seeds, seed, goOn }: FuzzRun): Promise<FuzzResult> {
  const random = new Random(seed)
  const pool = [...seeds]
  const labels = new Set<string>()
  const dictionary = readDictionary(target.dictionary)
  const discovered: Buffer[] = []
  let executions = 0
  const result = (finding?: FuzzResult['finding']): FuzzResult => ({
    executions,
    labels: labels.size,
    discovered,
    ...(finding && { finding }),
  })
  for (;;) {
    const isSeed = executions < seeds.length
    const input = isSeed ? Buffer.from(seeds[executions] ?? Buffer.alloc(0)) : mutate(random, { seeds: pool, dictionary })
    if (!goOn(executions, input)) return result()
    executions++
    // What a parser has put off is done, and does not keep what it was for.
    if (executions % BETWEEN_PAUSES === 0) await settled
    try {
      const label = target.run(input, random)
      if (labels.has(label) || labels.size >= MOST_LABELS) continue
      labels.add(label)
      if (!isSeed && pool.length < MOST_KEPT && input.length <= LONGEST_KEPT) {
        pool.push(input)
        discovered.push(input)
      }
    } catch (error) {
      return result({ input, words: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
    }
  }
}
