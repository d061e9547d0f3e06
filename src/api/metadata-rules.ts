// Judges the metadata of resources: names, labels and annotations, as Kubernetes and Istio do.
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import { labelNameProblem, labelProblem } from './names.ts'
import { nearest } from './suggestion.ts'

/** Names of our own that may stand in labels or annotations; a misspelt one would protect nothing. */
const ownNames = ['sallyport.dev/require-gateway']

export function checkMetadata(meta: Meta, kind: string, report: Report): void {
  if (meta.name !== '' && !isName(meta.name)) {
    const rule = 'lower-case letters, digits, hyphens and dots, at most 253, and letters or digits at the ends'
    bad(report, 'metadata.name', `name ${JSON.stringify(meta.name)} is not valid: it takes ${rule}`)
  }
  if (meta.namespace !== '' && !isLabel(meta.namespace)) {
    const rule = 'lower-case letters, digits and hyphens, at most 63, and letters or digits at the ends'
    bad(report, 'metadata.namespace', `namespace ${JSON.stringify(meta.namespace)} is not valid: it takes ${rule}`)
  }
  for (const [name, value] of Object.entries(meta.labels)) {
    const problem = labelProblem(name, value)
    if (problem !== undefined) bad(report, fieldAt('metadata.labels', name), problem)
    checkOwnName(report, fieldAt('metadata.labels', name), name)
  }
  for (const name of Object.keys(meta.annotations)) {
    const problem = labelNameProblem(name)
    if (problem !== undefined) bad(report, fieldAt('metadata.annotations', name), problem.replace('tag', 'annotation'))
    checkOwnName(report, fieldAt('metadata.annotations', name), name)
  }
  if (meta.annotations['istio.io/dry-run'] !== undefined && kind !== 'AuthorizationPolicy') {
    const message = `${meta.namespace}/${meta.name} has unsupported annotation istio.io/dry-run, please remove the annotation`
    report.error(fieldAt('metadata.annotations', 'istio.io/dry-run'), message)
  }
}

function checkOwnName(report: Report, path: string, name: string): void {
  if (!name.startsWith('sallyport.dev/') || ownNames.includes(name)) return
  const meant = nearest(name, ownNames)
  const fix = meant === undefined ? `known is ${ownNames.join(', ')}` : `did you mean ${meant}?`
  report.add({ level: 'error', code: 'SLP1101', path, message: `unknown name ${JSON.stringify(name)}`, fix, at: 'key' })
}

function bad(report: Report, path: string, message: string): void {
  report.add({ level: 'error', code: 'SLP1110', path, message })
}

function isName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part))
}

function isLabel(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)
}
