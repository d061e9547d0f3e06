// Says what a target is called in tables and records; the text is made once for each target.
import { formatAddress } from '../../base/index.ts'
import type { Target } from '../../runtime/index.ts'

const known = new WeakMap<Target, string>()

/** `ip:port`, or the path of the Unix socket. */
export function targetKey(target: Target): string {
  const found = known.get(target)
  if (found !== undefined) return found
  const key = 'pipe' in target ? target.pipe : formatAddress(target)
  known.set(target, key)
  return key
}
