// Remembers which resources changed in which generation, so that a stream is told what it has missed at the cost of that alone.
import type { EncodedResource } from './encoded-resource.ts'

export interface ResourceChange {
  readonly name: string
  /** What it was before; undefined: it was not there. */
  readonly before: EncodedResource | undefined
}

interface Entry extends ResourceChange {
  readonly generation: number
}

/** Changes that are kept for streams which do not keep up. */
const mostChanges = 50_000

export class ChangeLog {
  #entries: Entry[] = []
  #floor: number
  /** What was last said: most streams have come equally far. */
  #said: { readonly generation: number; readonly changes: ReadonlyMap<string, EncodedResource | undefined> } | undefined
  readonly #most: number

  constructor(generation: number, most = mostChanges) {
    this.#floor = generation
    this.#most = most
  }

  append(generation: number, changes: readonly ResourceChange[]): void {
    for (const { name, before } of changes) this.#entries.push({ generation, name, before })
    this.#said = undefined
    const tooMany = this.#entries.length - this.#most
    const oldest = tooMany > 0 ? this.#entries[tooMany - 1] : undefined
    if (oldest !== undefined) this.forget(oldest.generation)
  }

  /** Nobody will ask for what happened until then. */
  forget(generation: number): void {
    if (generation <= this.#floor) return
    this.#floor = generation
    this.#entries = this.#entries.slice(this.#firstAfter(generation))
    this.#said = undefined
  }

  /** By name, with what was there at `generation`; undefined: too long ago to know. */
  since(generation: number): ReadonlyMap<string, EncodedResource | undefined> | undefined {
    if (generation < this.#floor) return undefined
    if (this.#said?.generation === generation) return this.#said.changes
    const changes = new Map<string, EncodedResource | undefined>()
    for (let i = this.#firstAfter(generation); i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      if (entry !== undefined && !changes.has(entry.name)) changes.set(entry.name, entry.before)
    }
    this.#said = { generation, changes }
    return changes
  }

  #firstAfter(generation: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle]?.generation ?? Infinity) <= generation) low = middle + 1
      else high = middle
    }
    return low
  }
}
