// Judges what DestinationRule means, rule by rule as Istio does and with Istio's words.
import type { DestinationRuleSpec, Subset } from './destination-rule.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import { isDnsLabel, labelsOfProblem, wildcardDomainProblem } from './names.ts'
import { checkExportTo, checkSelector } from './shared-rules.ts'
import { checkTrafficPolicy } from './traffic-policy-rules.ts'

export function checkDestinationRule(spec: DestinationRuleSpec, meta: Meta, report: Report): void {
  report.check('spec.host', wildcardDomainProblem(spec.host ?? ''))
  if (spec.trafficPolicy) checkTrafficPolicy(report, 'spec.trafficPolicy', spec.trafficPolicy)
  const names = new Set<string>()
  for (const [i, subset] of (spec.subsets ?? []).entries()) {
    const path = fieldAt('spec.subsets', i)
    if (names.has(subset.name)) report.error(`${path}.name`, `duplicate subset names: ${subset.name}`)
    names.add(subset.name)
    checkSubset(report, path, subset)
  }
  checkExportTo(report, spec.exportTo, meta.namespace, { ownNamespaceOnly: spec.workloadSelector !== undefined })
  if (spec.workloadSelector) {
    checkSelector(report, 'spec.workloadSelector', spec.workloadSelector.matchLabels, 'workload selector specified without labels')
  }
}

function checkSubset(report: Report, path: string, subset: Subset): void {
  report.check(`${path}.name`, subsetNameProblem(subset.name ?? ''))
  report.check(`${path}.labels`, labelsOfProblem(subset.labels ?? {}))
  if (subset.trafficPolicy) checkTrafficPolicy(report, `${path}.trafficPolicy`, subset.trafficPolicy)
}

export function subsetNameProblem(name: string): string | undefined {
  if (name === '') return 'subset name cannot be empty'
  return isDnsLabel(name) ? undefined : `subset name is invalid: ${name}`
}
