// Judges what Telemetry means, as far as it is read, rule by rule as Istio does.
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import { checkSelector } from './shared-rules.ts'
import type { TelemetrySpec } from './telemetry.ts'

export function checkTelemetry(spec: TelemetrySpec, _meta: Meta, report: Report): void {
  const { selector, accessLogging = [] } = spec
  if (selector !== undefined) {
    checkSelector(report, 'spec.selector', selector.matchLabels, 'workload selector specified without labels')
  }
  for (const [i, { providers = [] }] of accessLogging.entries()) {
    const path = fieldAt('spec.accessLogging', i)
    if (providers.length > 1) report.warning(`${path}.providers`, 'multiple providers is not currently supported')
    for (const [j, { name = '' }] of providers.entries()) {
      if (name === '') report.error(`${fieldAt(`${path}.providers`, j)}.name`, 'providers.name may not be empty')
    }
  }
}
