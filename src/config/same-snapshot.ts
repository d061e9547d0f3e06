// Tells whether two snapshots say the same, so that nothing is published that changes nothing.
import { type Issue, kindNames } from '../api/index.ts'
import type { ConfigSnapshot } from './read-sources.ts'

export function sameSnapshot(a: ConfigSnapshot, b: ConfigSnapshot): boolean {
  if (a.places !== b.places) return false
  // Lists without a change keep their identity.
  if (!kindNames.every((kind) => a.resources.of(kind) === b.resources.of(kind))) return false
  return sameGoverned(a, b) && sameSettings(a, b) && sameList(a.issues, b.issues, sameIssue)
}

function sameGoverned(a: ConfigSnapshot, b: ConfigSnapshot): boolean {
  return sameList(a.resources.governed ?? [], b.resources.governed ?? [], (one, other) => {
    const names = one.kind === other.kind && one.namespace === other.namespace && one.name === other.name
    return names && one.origin === other.origin && one.scope === other.scope
  })
}

function sameSettings(a: ConfigSnapshot, b: ConfigSnapshot): boolean {
  if (a.settings === b.settings) return true
  if (a.settings.origin !== b.settings.origin) return false
  return JSON.stringify([a.settings.mesh, a.settings.sallyport]) === JSON.stringify([b.settings.mesh, b.settings.sallyport])
}

function sameIssue(a: Issue, b: Issue): boolean {
  if (a === b) return true
  const place = a.place?.line === b.place?.line && a.place?.column === b.place?.column
  return place && a.code === b.code && a.message === b.message && a.source === b.source && a.path === b.path
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((one, i) => {
    const other = b[i]
    return other !== undefined && same(one, other)
  })
}
