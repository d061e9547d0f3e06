// Reads of a kind that is not carried out just enough to say what it would have governed.
import { type Finding, type OtherKind } from '../api/index.ts'
import { type Fields, fieldsOf } from '../base/index.ts'
import type { GovernedPart } from './parsed-document.ts'

export interface OtherReading {
  readonly findings: readonly Finding[]
  readonly governed: readonly GovernedPart[]
}

export function readOtherKind(kind: string, other: OtherKind, document: Fields): OtherReading {
  const spec = fieldsOf(document['spec'])
  const { fate, consequence } = narrowed(kind, other, spec)
  if (fate === 'ignore') return told('warning', 'SLP1116', `${kind} is ignored: ${consequence}`)
  if (fate === 'warn') return told('warning', 'SLP1205', `${kind} is not carried out: ${consequence}`)
  const labels = selectorOf(spec, other.selector ?? [])
  const part: GovernedPart = { kind, reach: 'namespace', ...(labels === undefined ? {} : { labels }) }
  const message = `${kind} is understood but not carried out yet: ${consequence}`
  return { ...told('error', 'SLP1204', message, { unsupported: true }), governed: [part] }
}

/** Some resources of a kind that narrows do not narrow what goes out. */
function narrowed(kind: string, other: OtherKind, spec: Fields): Pick<OtherKind, 'fate' | 'consequence'> {
  if (kind === 'AuthorizationPolicy' && spec['action'] === 'AUDIT') {
    return { fate: 'warn', consequence: 'it only asks for records, and every connection is recorded as it is' }
  }
  const types = spec['policyTypes']
  if (kind === 'NetworkPolicy' && spec['egress'] === undefined && !(Array.isArray(types) && types.includes('Egress'))) {
    return { fate: 'ignore', consequence: 'it governs connections that come in' }
  }
  return other
}

function told(
  level: 'error' | 'warning',
  code: 'SLP1116' | 'SLP1204' | 'SLP1205',
  message: string,
  more: { readonly unsupported?: true } = {},
): OtherReading {
  return { findings: [{ level, code, path: 'kind', message, ...more }], governed: [] }
}

/** The labels that choose what it governs; nothing if it governs its whole namespace, or chooses in a way that is not read. */
function selectorOf(spec: Fields, path: readonly string[]): Readonly<Record<string, string>> | undefined {
  let fields = spec
  for (const [i, name] of path.entries()) {
    if (i > 0 && fields['matchExpressions'] !== undefined) return undefined
    fields = fieldsOf(fields[name])
  }
  const labels = Object.entries(fields)
  const sound = labels.length > 0 && labels.every((label): label is [string, string] => typeof label[1] === 'string')
  return sound ? Object.fromEntries(labels.map(([name, value]) => [name, String(value)])) : undefined
}
