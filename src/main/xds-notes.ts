// Says on stderr what happens between a proxy and its xDS server, each thing once until it has changed.
import type { Rejection } from '../runtime/index.ts'
import type { AdsState, Refusal } from '../xds/index.ts'

export class XdsNotes {
  readonly #server: string
  #isAway = false
  #refused = new Set<string>()
  #denied = new Set<string>()

  constructor(server: string) {
    this.#server = server
  }

  /** `savedAt`: when it was kept, milliseconds since the epoch. */
  beginsWithKept(savedAt: number): void {
    say(
      `the xDS server ${this.#server} says nothing yet: this begins with the configuration that was kept at ${new Date(savedAt).toISOString()}`,
    )
  }

  beginsWithPart(): void {
    say(`the xDS server ${this.#server} has not sent all that is needed: this begins with what has come, and refuses the rest`)
  }

  /** A stream that ends and is opened again at once is nothing to tell of. */
  follow({ isConnected, failures, why }: AdsState, isConfigured: boolean): void {
    if (!isConnected && failures > 1 && !this.#isAway) {
      this.#isAway = true
      const goesOn = isConfigured ? 'what was sent last goes on' : 'nothing is allowed yet'
      say(`the xDS server ${this.#server} is away (${why ?? 'no reason given'}): ${goesOn}`)
    } else if (isConnected && this.#isAway && failures === 0) {
      this.#isAway = false
      say(`the xDS server ${this.#server} is back`)
    }
  }

  report(refusals: readonly Refusal[], rejected: readonly Rejection[]): void {
    for (const { text } of refusals) {
      if (this.#refused.has(text)) continue
      this.#refused.add(text)
      say(`refused, and its last good version goes on: ${text}`)
    }
    // A long life sees many; that one is told a second time does no harm.
    if (this.#refused.size > 1000) this.#refused = new Set(refusals.map(({ text }) => text))
    const denied = new Set(rejected.map(({ resource, path, message }) => `${resource} ${path}: ${message}`))
    for (const text of denied) if (!this.#denied.has(text)) say(`not carried out, and refused: ${text}`)
    this.#denied = denied
  }
}

function say(text: string): void {
  process.stderr.write(`sallyport: ${text}\n`)
}
