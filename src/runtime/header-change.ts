// Recognises header changes and per-filter configuration, which every level of Envoy's routes can hold and none carries out here.

/** All levels say it with the same four fields. */
export interface HeaderChanges {
  readonly requestHeadersToAdd: readonly unknown[]
  readonly requestHeadersToRemove: readonly unknown[]
  readonly responseHeadersToAdd: readonly unknown[]
  readonly responseHeadersToRemove: readonly unknown[]
}

export function changesHeaders(level: HeaderChanges): boolean {
  return (
    level.requestHeadersToAdd.length > 0 ||
    level.requestHeadersToRemove.length > 0 ||
    level.responseHeadersToAdd.length > 0 ||
    level.responseHeadersToRemove.length > 0
  )
}

export function hasKeys(map: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(map).length > 0
}
