// Holds the cluster, or the weighted clusters, that a chain or route leads to, and picks one by the number drawn for the flow.

export interface ClusterChoice {
  readonly names: readonly string[]
  /** Running sums of the weights, the last one being the total; empty for a single cluster. */
  readonly sums: readonly number[]
}

export interface WeightedName {
  readonly name: string
  readonly weight: number
}

export function singleCluster(name: string): ClusterChoice {
  return { names: [name], sums: [] }
}

/** `undefined` when no entry has weight: there is then nothing to choose. Entries of weight 0 are never taken. */
export function weightedClusters(entries: readonly WeightedName[]): ClusterChoice | undefined {
  const taken = entries.filter((entry) => entry.name !== '' && entry.weight > 0)
  const [first] = taken
  if (!first) return undefined
  if (taken.length === 1) return singleCluster(first.name)
  let sum = 0
  return { names: taken.map((entry) => entry.name), sums: taken.map((entry) => (sum += entry.weight)) }
}

/** `random` is in [0, 1); a number outside of it picks the first or last cluster. */
export function pickCluster({ names, sums }: ClusterChoice, random: number): string {
  // Without this, the commonest case would read beside the array, which is slow.
  if (names.length === 1) return names[0] ?? ''
  const point = random * (sums[sums.length - 1] ?? 0)
  for (let index = 0; index < sums.length - 1; index++) {
    if (point < (sums[index] ?? 0)) return names[index] ?? ''
  }
  return names[names.length - 1] ?? ''
}
