// Holds the rules that several kinds share: exportTo, selectors and host spellings.
import { parseHostPattern } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { isDnsLabel, selectorProblems } from './names.ts'

export interface ExportToOptions {
  /** Only ServiceEntries may say `~`: visible to nobody. */
  readonly mayBeNobody?: boolean
  /** A DestinationRule with a workload selector reaches no further than its own namespace. */
  readonly ownNamespaceOnly?: boolean
}

export function checkExportTo(
  report: Report,
  exportTo: readonly string[] | undefined,
  namespace: string,
  options: ExportToOptions = {},
): void {
  const path = 'spec.exportTo'
  const seen = new Set<string>()
  for (const [i, entry] of (exportTo ?? []).entries()) {
    const key = entry === '.' ? namespace : entry
    const at = fieldAt(path, i)
    if (seen.has(key)) {
      const what = key === entry ? `for entry ${entry}` : `. and current namespace ${namespace}`
      report.error(at, key === entry ? `duplicate entries in exportTo ${what}` : `duplicate entries in exportTo: ${what}`)
    } else if (key === '*' || isDnsLabel(key) || (key === '~' && options.mayBeNobody)) {
      seen.add(key)
    } else {
      report.error(at, 'only .,*, or a valid DNS 1123 label is allowed as exportTo entry')
    }
  }
  if (options.ownNamespaceOnly && seen.size > 0) {
    if (!seen.has(namespace)) report.error(path, 'destination rule with workload selector cannot have exportTo beyond current namespace')
    else if (seen.size > 1) report.error(path, 'destination rule with workload selector cannot have multiple entries in exportTo')
  }
  const many = (exportTo ?? []).length > 1
  if (many && seen.has('*')) report.error(path, 'cannot have both public (*) and non-public exportTo values for a resource')
  if (many && seen.has('~')) report.error(path, 'cannot export service entry to no one (~) and someone')
}

export function checkSelector(
  report: Report,
  path: string,
  labels: Readonly<Record<string, string>> | undefined,
  emptyWarning: string,
): void {
  for (const problem of selectorProblems(labels ?? {})) report.error(path, problem)
  if (Object.keys(labels ?? {}).length === 0) report.warning(path, emptyWarning, 'name the labels, or leave the selector out')
}

/** Istio takes some spellings of hosts that no traffic is matched by here: the host then counts as not declared. */
export function checkSpelling(report: Report, path: string, host: string): void {
  if (parseHostPattern(host) !== undefined) return
  const message = `host ${JSON.stringify(host)} is spelled in a way that no name is matched by; traffic to it is refused`
  report.unsupported(path, message, 'write a DNS name, or `*.` and a domain')
}

/** Differs from Istio, whose names may also lead to ConfigMaps and to other namespaces by grants of another API. */
export function checkCredentialName(report: Report, path: string, name: unknown, refused: string): void {
  if (typeof name !== 'string' || !name.includes('/')) return
  const message = `credentialName ${JSON.stringify(name)} is understood but not carried out yet: it is no name of a Secret; ${refused}`
  report.unsupported(path, message, 'name a Secret of the namespace of the proxy')
}
