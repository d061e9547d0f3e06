// Finds where two lists differ: lists of declarations are long, and edits short.

export interface ChangedStretch {
  readonly start: number
  /** Where the common end begins in the list before, */
  readonly beforeEnd: number
  /** and in the list now. */
  readonly nowEnd: number
}

type List = readonly unknown[]

/** What `spliced` has made, and of what: comparing ten thousand members for each part of a configuration is what a change would cost most. */
const made = new WeakMap<List, { readonly from: WeakRef<List>; readonly stretch: ChangedStretch }>()

/** A part of two lists outside of which they are the same: what lies between their common beginning and their common end, or a little more. */
export function changedStretch(before: List, now: List): ChangedStretch {
  if (before === now) return { start: now.length, beforeEnd: now.length, nowEnd: now.length }
  const known = made.get(now)
  return known?.from.deref() === before ? known.stretch : compared(before, now)
}

function compared(before: List, now: List): ChangedStretch {
  const shorter = Math.min(before.length, now.length)
  let start = 0
  while (start < shorter && before[start] === now[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === now[now.length - 1 - end]) end++
  return { start, beforeEnd: before.length - end, nowEnd: now.length - end }
}

const few = 64

/** `before` with the stretch between `start` and `end` replaced; the same list when nothing is. Neither may be written to from then on. */
export function spliced<T>(before: readonly T[], start: number, end: number, added: readonly T[]): readonly T[] {
  if (start === end && added.length === 0) return before
  const now = replaced(before, start, end, added)
  made.set(now, { from: new WeakRef(before), stretch: { start, beforeEnd: end, nowEnd: start + added.length } })
  return now
}

function replaced<T>(before: readonly T[], start: number, end: number, added: readonly T[]): readonly T[] {
  // Arguments stand on the stack, where there is no room for many.
  if (added.length > few) return [...before.slice(0, start), ...added, ...before.slice(end)]
  // A frozen list is copied a hundred times as fast so as by `toSpliced` itself.
  const now = [...before]
  now.splice(start, end - start, ...added)
  return now
}
