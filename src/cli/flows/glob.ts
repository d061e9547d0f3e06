// Matches names against patterns with `*` (any characters, none included) and `?` (one), in time that no pattern can blow up.

/** Case does not count: what is matched are names of hosts, workloads and resources. */
export function globMatches(pattern: string, text: string): boolean {
  const wanted = pattern.toLowerCase()
  const given = text.toLowerCase()
  let at = 0
  let next = 0
  let star = -1
  let resume = 0
  while (at < given.length) {
    if (wanted[next] === '*') {
      star = next++
      resume = at
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === given[at])) {
      next++
      at++
    } else if (star >= 0) {
      // The last star takes one character more.
      next = star + 1
      at = ++resume
    } else return false
  }
  while (wanted[next] === '*') next++
  return next === wanted.length
}
