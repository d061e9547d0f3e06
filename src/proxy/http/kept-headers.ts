// Keeps those headers of a scanned head that an access log will print.
import type { HeadScanner } from './head-scanner.ts'

/** The first line of each name, as Envoy logs it; `names` are in lower case. */
export function keepHeaders(scanner: HeadScanner, names: readonly string[]): ReadonlyMap<string, string> {
  const kept = new Map<string, string>()
  for (let line = 0; line < scanner.count; line++) {
    const name = scanner.bytes.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line)).toLowerCase()
    if (names.includes(name) && !kept.has(name)) kept.set(name, scanner.value(line))
  }
  return kept
}
