// Writes the Date header's value, made once per second at most.
import type { Clock } from '../../base/index.ts'

let second = -1
let text = ''

/** RFC 9110 §5.6.7 */
export function httpDate(clock: Clock): string {
  const now = Math.floor(clock.now() / 1000)
  if (now !== second) {
    second = now
    text = new Date(now * 1000).toUTCString()
  }
  return text
}
