// Finds what somebody probably meant to write.

/** The known word nearest to the one written, or nothing if none is near enough to be worth proposing. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.min(4, Math.floor(written.length / 3)))
  const folded = fold(written)
  let best: string | undefined
  let bestDistance = limit + 1
  for (const word of known) {
    const distance = fold(word) === folded ? 0 : editDistance(written, word, bestDistance)
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; `limit` if there are at least so many. */
export function editDistance(a: string, b: string, limit = 64): number {
  if (a.length > 64 || b.length > 64 || Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      current.push(least)
    }
    before = previous
    previous = current
  }
  return Math.min(limit, previous[b.length] ?? limit)
}

/** `outbound_traffic_policy` and `OutboundTrafficPolicy` both mean `outboundTrafficPolicy`. */
function fold(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '')
}
