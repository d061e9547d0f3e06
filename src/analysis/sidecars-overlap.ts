// Finds Sidecars of one namespace that choose the same workloads: only the oldest counts, which their authors cannot see.
import type { Issue, Resource } from '../api/index.ts'
import { hasLabels } from '../registry/index.ts'
import { findingAt, nameOf } from './finding.ts'
import type { Scene } from './scene.ts'

/** Istio's words: IST0111 without selectors, IST0110 with ones that choose the same workloads. */
export function findSidecarsOverlap({ resources }: Scene): Issue[] {
  const sidecars = resources.of('Sidecar')
  return sidecars.flatMap((sidecar, i) => {
    const older = sidecars.slice(0, i).find((one) => one.meta.namespace === sidecar.meta.namespace && isSameChoice(one, sidecar))
    return older === undefined ? [] : [overlap(older, sidecar)]
  })
}

/** Every workload that one of them chooses is chosen by the other. */
function isSameChoice(a: Resource<'Sidecar'>, b: Resource<'Sidecar'>): boolean {
  const [first, second] = [a.spec.workloadSelector?.labels, b.spec.workloadSelector?.labels]
  if (a.spec.workloadSelector === undefined || b.spec.workloadSelector === undefined) {
    return a.spec.workloadSelector === b.spec.workloadSelector
  }
  return hasLabels(first ?? {}, second ?? {}) || hasLabels(second ?? {}, first ?? {})
}

function overlap(older: Resource<'Sidecar'>, younger: Resource<'Sidecar'>): Issue {
  const names = `The Sidecars [${nameOf(older)} ${nameOf(younger)}] in namespace "${older.meta.namespace}"`
  const hasSelector = younger.spec.workloadSelector !== undefined
  const what = hasSelector ? 'select the same workloads' : 'have no workload selector'
  return findingAt(younger, {
    level: 'error',
    code: hasSelector ? 'IST0110' : 'IST0111',
    path: hasSelector ? 'spec.workloadSelector' : 'spec',
    message: `${names} ${what}, which can lead to undefined behavior: ${nameOf(older)}, the older or first by name, is in force`,
    fix: 'join them, or choose different workloads',
  })
}
