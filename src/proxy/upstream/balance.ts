// Chooses the order in which a cluster's judged targets are dialled: in turn, within the family that is preferred.
import { familyOf } from '../../base/index.ts'
import type { Target } from '../../runtime/index.ts'

/** Clusters counted before the table starts anew; only fairness is lost by that. */
const MAX_CLUSTERS = 50_000

export class Balancer {
  readonly #turns = new Map<string, number>()

  /** Round-robin over the leading targets of one family; the others stay behind them in their order. */
  order(cluster: string, targets: readonly Target[]): readonly Target[] {
    if (targets.length < 2) return targets
    const leading = countLeading(targets)
    if (leading < 2) return targets
    const turn = this.#turns.get(cluster) ?? 0
    if (this.#turns.size >= MAX_CLUSTERS) this.#turns.clear()
    this.#turns.set(cluster, (turn + 1) % leading)
    const first = turn % leading
    return [...targets.slice(first, leading), ...targets.slice(0, first), ...targets.slice(leading)]
  }
}

function countLeading(targets: readonly Target[]): number {
  const family = kindOf(targets[0])
  const other = targets.findIndex((target) => kindOf(target) !== family)
  return other === -1 ? targets.length : other
}

function kindOf(target: Target | undefined): 4 | 6 | 'pipe' | undefined {
  if (target === undefined) return undefined
  return 'pipe' in target ? 'pipe' : familyOf(target.ip)
}
