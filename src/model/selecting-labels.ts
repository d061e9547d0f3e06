// Finds the labels that tell one sidecar from another: those that some declaration selects workloads by. Sidecars of a namespace that agree on them have the same.
import type { Resource, ResourceSet } from '../api/index.ts'

/** As `name=value`; whoever makes something depend on further labels of a sidecar adds them here. */
export function selectingLabels(resources: ResourceSet): ReadonlySet<string> {
  const before = ofSets.get(resources)
  if (before !== undefined) return before
  const governed = (resources.governed ?? []).map(({ labels }) => labels)
  const pairs = new Set([
    ...inList(resources.of('Sidecar'), ({ spec }) => [spec.workloadSelector?.labels]),
    ...inList(resources.of('DestinationRule'), ({ spec }) => [spec.workloadSelector?.matchLabels]),
    ...inList(resources.of('VirtualService'), sourceLabels),
    ...governed.flatMap(pairsOf),
  ])
  ofSets.set(resources, pairs)
  return pairs
}

const ofSets = new WeakMap<ResourceSet, ReadonlySet<string>>()

type Labels = Readonly<Record<string, string>> | undefined

function sourceLabels({ spec }: Resource<'VirtualService'>): readonly Labels[] {
  const routes = [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])]
  return routes.flatMap(({ match }) => (match ?? []).map((one) => one.sourceLabels))
}

function pairsOf(labels: Labels): readonly string[] {
  return Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`)
}

/** A list stays the same object as long as nothing of its kind changes. */
const ofLists = new WeakMap<readonly object[], ReadonlySet<string>>()

function inList<R extends object>(list: readonly R[], labelsOf: (resource: R) => readonly Labels[]): ReadonlySet<string> {
  const before = ofLists.get(list)
  if (before !== undefined) return before
  const pairs = new Set<string>()
  for (const resource of list) for (const labels of labelsOf(resource)) for (const pair of pairsOf(labels)) pairs.add(pair)
  ofLists.set(list, pairs)
  return pairs
}
