// Reads JSON as a program has written it, for which nobody has to look at each letter, within the bounds of whatever else is read.
import { DEEPEST, MOST_NODES, readAnyYaml, type YamlReading } from './yaml-reader.ts'

/** Of text that `JSON.stringify` has made of `value`: in it no name stands twice, and no word is ambiguous. Of such text `readAnyYaml` reads the same (tested by comparing the two). */
export function readJson(text: string, value: unknown): YamlReading {
  // Who reads letter by letter says where there is too much.
  if (new Bounds().areLeftBy(value, 0)) return readAnyYaml(text)
  return { value, problems: [], ambiguities: [], whole: true }
}

class Bounds {
  #nodes = 0

  areLeftBy(value: unknown, depth: number): boolean {
    if (++this.#nodes > MOST_NODES || depth > DEEPEST) return true
    if (typeof value !== 'object' || value === null) return false
    return Object.values(value).some((inner) => this.areLeftBy(inner, depth + 1))
  }
}
