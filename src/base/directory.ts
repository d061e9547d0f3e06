// Makes directories that only their owner may enter.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** With those above it. One after the other: where nothing can be made, as below /proc, Node's own recursive form never returns. */
export function makeDirectory(path: string): void {
  const all = resolve(path)
  if (existsSync(all)) return
  makeDirectory(dirname(all))
  try {
    mkdirSync(all, { mode: 0o700 })
  } catch (error) {
    // Somebody else made it in the same moment.
    if (!existsSync(all)) throw error
  }
}
