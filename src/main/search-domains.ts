// Reads the search list of this machine's resolver.
import { readFileSync } from 'node:fs'

/** The host's search list is kept: short names mean inside what they mean outside. */
export function searchDomains(): readonly string[] {
  try {
    const lines = readFileSync('/etc/resolv.conf', 'utf8').split('\n')
    const line = lines.findLast((text) => /^(search|domain)\s/.test(text))
    return line === undefined ? [] : line.trim().split(/\s+/).slice(1)
  } catch {
    // A machine without the file has no search list.
    return []
  }
}
