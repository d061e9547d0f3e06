// Gathers the newest flows of several sources in the order of time, without holding more of them than are asked for.
import { type Item, isLoss, readItem } from './record-line.ts'
import type { RecordFilter } from './record-filter.ts'
import type { RecordSource } from './record-source.ts'

export interface Wanted {
  readonly filter: RecordFilter
  /** Milliseconds since the epoch. */
  readonly since: number
  /** How many flows; infinite for all. */
  readonly last: number
}

/** Counts what is no flow record, so that it is told and not passed over. */
export interface Tally {
  unreadable: number
}

/** Writers of one file do not write in the exact order of time; nobody is a minute late. */
const DISORDER_MS = 60_000

/** The newest last. */
export async function collectLatest(sources: readonly RecordSource[], wanted: Wanted, tally: Tally): Promise<readonly Item[]> {
  const lists = await Promise.all(sources.map((source) => latestOf(source, wanted, tally)))
  const items = lists.length === 1 ? (lists[0] ?? []) : lists.flat().toSorted((a, b) => a.closed - b.closed)
  return keepLast(items, wanted.last)
}

/** Hands every flow that is wanted to `take`, in no particular order, holding none. */
export async function visitAll(sources: readonly RecordSource[], wanted: Wanted, tally: Tally, take: (item: Item) => void): Promise<void> {
  for (const source of sources)
    await source.history((line) => {
      const item = read(line, tally)
      if (item === undefined) return true
      if (isWanted(item, wanted)) take(item)
      return isWorthReading(source, item, wanted)
    })
}

export function isWanted(item: Item, { filter, since }: Wanted): boolean {
  return item.closed >= since && (isLoss(item) || filter(item))
}

/** Undefined for a line that is none, which is counted. */
export function read(line: string, tally: Tally): Item | undefined {
  if (line.trim() === '') return undefined
  const item = readItem(line)
  if (item === undefined) tally.unreadable++
  return item
}

async function latestOf(source: RecordSource, wanted: Wanted, tally: Tally): Promise<Item[]> {
  const items: Item[] = []
  let count = 0
  await source.history((line) => {
    if (wanted.last === 0) return source.order === 'oldest first'
    const item = read(line, tally)
    if (item === undefined) return true
    if (isWanted(item, wanted)) {
      items.push(item)
      if (!isLoss(item)) count++
      if (source.order === 'newest first' && count >= wanted.last) return false
      // Cut back in leaps, so that a long stream costs little for each line.
      if (source.order === 'oldest first' && items.length >= 2 * wanted.last + 1000) items.splice(0, items.length - wanted.last)
    }
    return isWorthReading(source, item, wanted)
  })
  if (source.order === 'newest first') items.reverse()
  return keepLast(items, wanted.last)
}

function isWorthReading({ order }: RecordSource, item: Item, { since }: Wanted): boolean {
  return order === 'oldest first' || item.closed >= since - DISORDER_MS
}

function keepLast(items: readonly Item[], last: number): Item[] {
  if (last === 0) return []
  if (!Number.isFinite(last)) return [...items]
  let missing = last
  const start = items.findLastIndex((item) => !isLoss(item) && --missing === 0)
  return start < 0 ? [...items] : items.slice(start)
}
