// Judges what the mesh-wide settings mean, rule by rule as Istio does and with Istio's words.
import { parseDuration } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { MeshConfig } from './mesh-config.ts'
import { durationProblem, isDnsLabel } from './names.ts'

/** Paths are those inside the MeshConfig itself. */
export function checkMeshConfig(mesh: MeshConfig, report: Report): void {
  if (mesh.connectTimeout !== undefined) {
    const problem = durationProblem(mesh.connectTimeout) ?? connectTimeoutProblem(mesh.connectTimeout)
    if (problem !== undefined) report.error('connectTimeout', `invalid connect timeout: ${problem}`)
  }
  if (mesh.protocolDetectionTimeout !== undefined && parseDuration(mesh.protocolDetectionTimeout) !== 0) {
    const problem = durationProblem(mesh.protocolDetectionTimeout)
    if (problem !== undefined) report.error('protocolDetectionTimeout', `invalid protocol detection timeout: ${problem}`)
  }
  if (mesh.rootNamespace !== undefined && !isDnsLabel(mesh.rootNamespace)) {
    report.error('rootNamespace', `invalid root namespace: ${JSON.stringify(mesh.rootNamespace)}`)
  }
  for (const field of ['defaultServiceExportTo', 'defaultVirtualServiceExportTo', 'defaultDestinationRuleExportTo'] as const) {
    for (const [i, entry] of (mesh[field] ?? []).entries()) {
      if (entry === '*' || entry === '.' || entry === '~' || isDnsLabel(entry)) continue
      report.error(fieldAt(field, i), 'only .,*, ~ or a valid DNS 1123 label is allowed as exportTo entry')
    }
  }
}

function connectTimeoutProblem(text: string): string | undefined {
  const ms = parseDuration(text) ?? 0
  return ms > 3_600_000 ? `time ${text} must be >1ms and <1h0m0s` : undefined
}
