// Cuts a page out of a sorted list.
import { compare } from './image.ts'
import type { Listing, ListOptions, Stored } from './object-store.ts'

export function sliceOf(sorted: readonly Stored[], { namespace, limit, from }: ListOptions): Omit<Listing, 'revision'> {
  const start = firstAfter(sorted, namespace === undefined ? undefined : { namespace, name: '' })
  const end = namespace === undefined ? sorted.length : firstAfter(sorted, { namespace, name: last })
  const next = from === undefined ? start : Math.max(start, firstAfter(sorted, from))
  const stop = limit === undefined || limit === 0 ? end : Math.min(end, next + limit)
  const isWhole = next === 0 && stop === sorted.length
  return { items: isWhole ? sorted : sorted.slice(next, stop), remaining: Math.max(0, end - stop) }
}

/** Behind every name. */
const last = '\u{10ffff}'

function firstAfter(sorted: readonly Stored[], place: { readonly namespace: string; readonly name: string } | undefined): number {
  if (place === undefined) return 0
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const key = sorted[middle]?.key
    const isBefore = key !== undefined && (compare(key.namespace, place.namespace) || compare(key.name, place.name)) <= 0
    if (isBefore) low = middle + 1
    else high = middle
  }
  return low
}
