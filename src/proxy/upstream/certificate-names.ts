// Judges the names in a certificate as Envoy does: by the rules that are declared, or by the name that was asked for.
import type { PeerCertificate } from 'node:tls'
import { parseIp } from '../../base/index.ts'
import { areOfMesh, type SanRule, type TlsPlan } from '../../runtime/index.ts'

/** A subject alternative name. */
export interface San {
  readonly kind: 'dns' | 'uri' | 'email' | 'ip' | 'other'
  readonly value: string
}

/** What is wrong with the certificate's names, in Envoy's words; `host` is that of the request, where there is one. */
export function nameProblem(
  certificate: Pick<PeerCertificate, 'subjectaltname'>,
  plan: TlsPlan,
  host: string | undefined,
): string | undefined {
  const rules = plan.sans.length > 0 ? plan.sans : rulesOf(plan, host)
  // Only a plan that asks for no name at all may do without; one that wants the request's and has none is not in order.
  if (rules.length === 0 && !plan.autoSan) return undefined
  return mismatch(certificate, rules)
}

/** As `nameProblem`, where only rules say which names are accepted; without rules any are. */
export function sanProblem(certificate: Pick<PeerCertificate, 'subjectaltname'>, rules: readonly SanRule[]): string | undefined {
  return rules.length === 0 ? undefined : mismatch(certificate, rules)
}

function mismatch(certificate: Pick<PeerCertificate, 'subjectaltname'>, rules: readonly SanRule[]): string | undefined {
  const names = sansOf(certificate.subjectaltname ?? '')
  if (rules.some((rule) => names.some((name) => matches(rule, name)))) return undefined
  const [expected, found] = [rules, names].map((list) => list.map(({ value }) => value).join(','))
  return `verify_SAN_list,_expected_SANs:_[${expected}],_certificate_SANs:_[${found}]`
}

/** Differs from Envoy, which looks at the chain alone when a server name is set and no names are: a chain alone proves nothing about who answers. */
function rulesOf({ autoSan, sni, host: own, roots }: TlsPlan, host: string | undefined): readonly SanRule[] {
  // In a mesh the server name chooses a port's chain, and proves nothing.
  if (areOfMesh(roots) && !autoSan) return []
  const wanted = (autoSan ? (host ?? own) : undefined) ?? sni
  if (wanted === undefined) return []
  return [{ kind: parseIp(wanted) === undefined ? 'dns' : 'ip', match: 'exact', value: wanted, ignoreCase: true }]
}

function matches(rule: SanRule, san: San): boolean {
  if (rule.kind !== undefined && rule.kind !== san.kind) return false
  if (san.kind === 'ip') return rule.match === 'exact' && parseIp(rule.value) !== undefined && parseIp(rule.value) === parseIp(san.value)
  const isDns = san.kind === 'dns'
  const fold = (text: string): string => (rule.ignoreCase || isDns ? text.toLowerCase() : text)
  const [wanted, found] = [fold(rule.value), fold(san.value)]
  switch (rule.match) {
    case 'exact':
      return wanted === found || (isDns && coversLabel(found, wanted))
    case 'prefix':
      return found.startsWith(wanted)
    case 'suffix':
      return found.endsWith(wanted)
    case 'contains':
      return found.includes(wanted)
  }
}

/** A wildcard stands for one whole label, and only for the first (RFC 9525 section 6.3). */
function coversLabel(pattern: string, name: string): boolean {
  if (!pattern.startsWith('*.')) return false
  const dot = name.indexOf('.')
  return dot > 0 && name.slice(dot) === pattern.slice(1)
}

const kinds: Readonly<Record<string, San['kind']>> = { DNS: 'dns', URI: 'uri', email: 'email', 'IP Address': 'ip' }

/** Node writes `DNS:a, URI:b`, and as a JSON string whatever could be misread as a list. */
export function sansOf(text: string): San[] {
  const names: San[] = []
  const entry = /(DNS|URI|email|IP Address|[^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y
  for (let match = entry.exec(text); match !== null && match[0] !== ''; match = entry.exec(text)) {
    const [, label = '', raw = ''] = match
    names.push({ kind: kinds[label] ?? 'other', value: raw.startsWith('"') ? unquoted(raw) : raw })
  }
  return names
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    // No name that anything could match.
    return ''
  }
}
