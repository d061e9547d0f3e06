// Changes few members of a long sorted list: each is found by halving, and the others are not looked at.
import { spliced } from './changed-stretch.ts'

export interface ListChange<T> {
  readonly gone: readonly T[]
  readonly added: readonly T[]
}

type Compare<T> = (a: T, b: T) => number

/** A sorted list with some members gone and others come; the same list when nothing is. What comes stands behind its equals. */
export function patchSorted<T>(sorted: readonly T[], change: ListChange<T>, compare: Compare<T>): readonly T[] {
  const { gone, added } = change
  if (gone.length + added.length === 0) return sorted
  if (gone.length + added.length > few || sorted.length === 0) return sortedAnew(sorted, change, compare)
  const places = gone.map((item) => indexOf(sorted, item, compare)).filter((at) => at >= 0)
  const gaps = added.map((item) => placeBehind(sorted, item, compare))
  const start = Math.min(...places, ...gaps)
  const end = Math.max(...places.map((at) => at + 1), ...gaps)
  if (!Number.isFinite(start)) return sorted
  return spliced(sorted, start, end, sortedAnew(sorted.slice(start, end), change, compare))
}

/** Beyond this it is cheaper to sort. */
const few = 32

function sortedAnew<T>(sorted: readonly T[], { gone, added }: ListChange<T>, compare: Compare<T>): readonly T[] {
  const left = new Set(gone)
  // Sorting is stable, so what comes stands behind its equals.
  return [...sorted.filter((item) => !left.has(item)), ...added].sort(compare)
}

/** Of this very object among its equals. */
function indexOf<T>(sorted: readonly T[], item: T, compare: Compare<T>): number {
  for (let at = placeBehind(sorted, item, compare) - 1; at >= 0; at--) {
    const other = sorted[at]
    if (other === item) return at
    if (other === undefined || compare(other, item) !== 0) return -1
  }
  return -1
}

function placeBehind<T>(sorted: readonly T[], item: T, compare: Compare<T>): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = sorted[middle]
    if (other !== undefined && compare(other, item) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
