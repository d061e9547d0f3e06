// Finds Sidecars and Telemetries of one namespace that choose the same workloads: only the oldest counts, which their authors cannot see.
import type { Issue, Resource } from '../api/index.ts'
import { hasLabels } from '../registry/index.ts'
import { findingAt, nameOf } from './finding.ts'
import type { FindingCode } from './finding-codes.ts'
import type { Scene } from './scene.ts'

type Labels = Readonly<Record<string, string>>

interface Chosen {
  readonly resource: Resource
  readonly labels: Labels | undefined
}

interface Words {
  readonly kinds: string
  readonly same: FindingCode
  readonly general: FindingCode
}

export function findOverlappingSelectors({ resources }: Scene): Issue[] {
  const sidecars = resources.of('Sidecar').map((resource) => {
    return { resource, labels: resource.spec.workloadSelector && (resource.spec.workloadSelector.labels ?? {}) }
  })
  const telemetries = resources.of('Telemetry').map((resource) => {
    const labels = resource.spec.selector?.matchLabels ?? {}
    return { resource, labels: Object.keys(labels).length === 0 ? undefined : labels }
  })
  return [
    ...overlaps(sidecars, { kinds: 'Sidecars', same: 'IST0110', general: 'IST0111' }),
    // Those with selectors are merged, so that nothing is lost.
    ...overlaps(
      telemetries.filter(({ labels }) => labels === undefined),
      { kinds: 'Telemetries', same: 'IST0160', general: 'IST0160' },
    ),
  ]
}

function overlaps(all: readonly Chosen[], words: Words): Issue[] {
  return all.flatMap((one, i) => {
    const older = all.slice(0, i).find((other) => isSameChoice(other, one))
    return older === undefined ? [] : [overlap(older, one, words)]
  })
}

/** Every workload that one of them chooses is chosen by the other. */
function isSameChoice(a: Chosen, b: Chosen): boolean {
  if (a.resource.meta.namespace !== b.resource.meta.namespace) return false
  if (a.labels === undefined || b.labels === undefined) return a.labels === b.labels
  return hasLabels(a.labels, b.labels) || hasLabels(b.labels, a.labels)
}

/** In the words of Istio's analyzers. */
function overlap({ resource: older }: Chosen, { resource: younger, labels }: Chosen, { kinds, same, general }: Words): Issue {
  const names = `The ${kinds} [${nameOf(older)} ${nameOf(younger)}] in namespace "${older.meta.namespace}"`
  const what = labels === undefined ? 'have no workload selector' : 'select the same workloads'
  return findingAt(younger, {
    level: 'error',
    code: labels === undefined ? general : same,
    path: 'spec',
    message: `${names} ${what}, which can lead to undefined behavior: ${nameOf(older)}, the older or first by name, is in force`,
    fix: 'join them, or choose different workloads',
  })
}
