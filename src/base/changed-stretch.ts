// Finds where two lists differ: lists of declarations are long, and edits short.

export interface ChangedStretch {
  readonly start: number
  /** Where the common end begins in the list before, */
  readonly beforeEnd: number
  /** and in the list now. */
  readonly nowEnd: number
}

/** The part of two lists between their common beginning and their common end. */
export function changedStretch(before: readonly unknown[], now: readonly unknown[]): ChangedStretch {
  const shorter = Math.min(before.length, now.length)
  let start = 0
  while (start < shorter && before[start] === now[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === now[now.length - 1 - end]) end++
  return { start, beforeEnd: before.length - end, nowEnd: now.length - end }
}

/** `before` with the stretch between `start` and `end` replaced; the same list when nothing is. */
export function spliced<T>(before: readonly T[], start: number, end: number, added: readonly T[]): readonly T[] {
  if (start === end && added.length === 0) return before
  return [...before.slice(0, start), ...added, ...before.slice(end)]
}
