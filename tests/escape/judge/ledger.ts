// Gathers what was seen outside, and says which attempt it came from.
import type { Attempt, Places } from '../attempt.ts'

/** Something that was seen where no attempt should leave a trace. */
export interface Evidence {
  /** For people, and for attempts that are known by it: `TCP to 198.18.0.7`. */
  readonly what: string
  /** In which an attempt's token is looked for. */
  readonly text: string
  /** Where it went. */
  readonly address?: string
}

/** An attempt together with what its placeholders stand for. */
export interface Trial {
  readonly attempt: Attempt
  readonly places: Places
}

const mostEvidence = 20_000

export class Ledger {
  #seen: Evidence[] = []

  add(evidence: Evidence): void {
    if (this.#seen.length >= mostEvidence) throw new Error(`more than ${mostEvidence} traces were left: something is in a loop`)
    this.#seen.push({ ...evidence, text: evidence.text.toLowerCase() })
  }

  take(): readonly Evidence[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }
}

export function isFrom({ attempt, places }: Trial, evidence: Evidence): boolean {
  if (evidence.text.includes(places.token)) return true
  if (evidence.address !== undefined && [places.v4, places.v6, places.unrouted, places.walled].includes(evidence.address)) return true
  return attempt.shows === evidence.what || evidence.what.endsWith(`:${places.port}`)
}
