// Finds references to clusters that are not there; of what was looked through before, only what has changed is looked at.
import { changedStretch, type Steps } from '../base/index.ts'
import type { ClusterTable } from './cluster-table.ts'

/** A list of parts that name clusters: the chains of a listener, or the virtual hosts of a route table. */
export interface Referring<P extends object> {
  readonly parts: readonly P[]
  readonly namesOf: (part: P) => readonly string[]
}

export interface EarlierParts<P extends object> {
  readonly parts: readonly P[]
  /** Nothing was missing then. */
  readonly isWhole: boolean
}

/** Places in the list of those that name a cluster which is not there. */
export function* findMissing<P extends object>(all: Referring<P>, clusters: ClusterTable, before?: EarlierParts<P>): Steps<number[]> {
  const { parts, namesOf } = all
  const isMissing = (name: string): boolean => !clusters.has(name)
  const { gone } = clusters
  if (before === undefined || !before.isWhole || gone === undefined) return yield* placesOf(all, 0, parts.length, isMissing)
  const { start, nowEnd } = changedStretch(before.parts, parts)
  const changed = yield* placesOf(all, start, nowEnd, isMissing)
  if (gone.size === 0) return changed
  const isGone = (name: string): boolean => gone.has(name)
  const ahead = yield* placesOf(all, 0, start, isGone)
  return [...ahead, ...changed, ...(yield* placesOf({ parts, namesOf }, nowEnd, parts.length, isGone))]
}

/** So many parts are looked at before others get their turn. */
const STEP = 512

function* placesOf<P extends object>(
  { parts, namesOf }: Referring<P>,
  from: number,
  to: number,
  isMissing: (name: string) => boolean,
): Steps<number[]> {
  const places: number[] = []
  for (let i = from; i < to; i++) {
    if (i % STEP === STEP - 1) yield
    const part = parts[i]
    if (part !== undefined && namesOf(part).some(isMissing)) places.push(i)
  }
  return places
}
