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
  const taken = entries.filter(isTaken)
  const [first] = taken
  if (!first) return undefined
  if (taken.length === 1) return singleCluster(first.name)
  let sum = 0
  return { names: taken.map((entry) => entry.name), sums: taken.map((entry) => (sum += entry.weight)) }
}

export function isTaken({ name, weight }: WeightedName): boolean {
  return name !== '' && weight > 0
}

/** `random` is in [0, 1); a number outside of it picks the first or last cluster. */
export function pickCluster(choice: ClusterChoice, random: number): string {
  // Without this, the commonest case would read beside the array, which is slow.
  return choice.names[pickIndex(choice, random)] ?? ''
}

export function pickIndex({ names, sums }: ClusterChoice, random: number): number {
  if (names.length === 1) return 0
  const point = random * (sums[sums.length - 1] ?? 0)
  for (let index = 0; index < sums.length - 1; index++) if (point < (sums[index] ?? 0)) return index
  return names.length - 1
}
