// Says which namespaces see a declaration, from its `exportTo` or the mesh's default.

/** `public`: all; otherwise the namespaces named, its own included when it is. */
export type Visibility = 'public' | ReadonlySet<string>

export function visibilityOf(exportTo: readonly string[], own: string, byDefault: readonly string[] | undefined): Visibility {
  const said = exportTo.length > 0 ? exportTo : (byDefault ?? ['*'])
  if (said.includes('*') || said.length === 0) return 'public'
  if (said.includes('~')) return new Set()
  return new Set(said.map((entry) => (entry === '.' ? own : entry)))
}

/** Private to `client`, then exported to it by name, then public: the order in which Istio lists what a namespace sees. */
export function visibleTo<T extends { readonly namespace: string }>(
  items: readonly T[],
  client: string,
  visibility: (item: T) => Visibility,
): readonly T[] {
  const own: T[] = []
  const exported: T[] = []
  const common: T[] = []
  for (const item of items) {
    const seen = visibility(item)
    if (seen === 'public') common.push(item)
    else if (seen.has(client)) (item.namespace === client ? own : exported).push(item)
  }
  if (common.length === items.length) return items
  return own.length + exported.length === 0 ? common : [...own, ...exported, ...common]
}

export function isVisible(visibility: Visibility, client: string): boolean {
  return visibility === 'public' || visibility.has(client)
}
