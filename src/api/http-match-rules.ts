// Judges the conditions of HTTP rules, one by one as Istio does and with Istio's words.
import { RE2JS } from 're2js'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { checkGatewayNames } from './gateway-name-rules.ts'
import { isDnsLabel, labelsOfProblem, portProblem } from './names.ts'
import type { HttpMatchRequest, StringMatch } from './virtual-service.ts'

export interface MatchContext {
  /** The rule delegates, or is delegated to: Istio joins the matches of both, which it cannot do with expressions. */
  readonly delegating: boolean
  readonly gatewaysOnly: boolean
}

export function checkHttpMatch(report: Report, path: string, match: HttpMatchRequest, context: MatchContext): void {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) {
    const condition = match[field]
    if (!condition) continue
    // An empty prefix of a path passes (observed): it is a prefix of every path.
    checkStringMatch(report, `${path}.${field}`, condition, { where: field, mayBeEmpty: field === 'uri' })
    if (context.delegating && condition.regex !== undefined) {
      const words = field === 'uri' ? 'url' : field
      report.error(`${path}.${field}.regex`, `${words} match does not support regex match for delegating`)
    }
  }
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const [name, condition] of Object.entries(match[field] ?? {})) {
      const at = fieldAt(`${path}.${field}`, name)
      report.check(at, headerNameProblem(name))
      if (isClaim(name) && context.gatewaysOnly) {
        const consequence = 'this rule and all that follow it refuse what no earlier rule takes'
        report.unsupported(at, `matching on claims of a token is not carried out yet: ${consequence}`)
      }
      if (isClaim(name) && !context.gatewaysOnly) {
        report.error(at, `JWT claim based routing (key: ${name}) is only supported for gateway, found no gateways: []`)
      }
      checkStringMatch(report, at, condition, { where: 'headers', mayBeEmpty: false })
      if (context.delegating && condition.regex !== undefined) {
        report.error(at, `header match ${name} does not support regex match for delegating`)
      }
    }
  }
  for (const [name, condition] of Object.entries(match.queryParams ?? {})) {
    const at = fieldAt(`${path}.queryParams`, name)
    checkStringMatch(report, at, condition, { where: 'queryParams', mayBeEmpty: false })
    if (context.delegating && condition.regex !== undefined) {
      report.error(at, `query param match ${name} does not support regex match for delegating`)
    }
  }
  checkOrigin(report, path, match)
}

function checkOrigin(report: Report, path: string, match: HttpMatchRequest): void {
  if ((match.port ?? 0) !== 0) report.check(`${path}.port`, portProblem(match.port ?? 0))
  report.check(`${path}.sourceLabels`, labelsOfProblem(match.sourceLabels ?? {}))
  checkGatewayNames(report, `${path}.gateways`, match.gateways ?? [])
  const namespace = match.sourceNamespace ?? ''
  if (namespace !== '' && !isDnsLabel(namespace)) report.error(`${path}.sourceNamespace`, `sourceNamespace match ${namespace} is invalid`)
}

export interface StringMatchRules {
  /** How Istio's message names the field. */
  readonly where: string
  readonly mayBeEmpty: boolean
}

export function checkStringMatch(report: Report, path: string, match: StringMatch, rules: StringMatchRules): void {
  if (match.prefix === '' && !rules.mayBeEmpty) report.error(`${path}.prefix`, `"${rules.where}": prefix string match should not be empty`)
  if (match.regex !== undefined) report.check(`${path}.regex`, regexProblem(match.regex, rules.where))
}

export function regexProblem(expression: string, where: string): string | undefined {
  if (expression === '') return `"${where}": regex string match should not be empty`
  if (Buffer.byteLength(expression) > 1024) return `"${where}": regex is too large, max length allowed is 1024`
  try {
    RE2JS.compile(expression)
    return undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `"${where}": ${reason}; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)`
  }
}

export function headerNameProblem(name: string): string | undefined {
  if (name === '') return 'header name cannot be empty'
  if (isClaim(name) || /^:(authority|method|path|scheme)$/.test(name)) return undefined
  return /^[-_A-Za-z0-9]+$/.test(name) ? undefined : `header name ${name} is not a valid header name`
}

function isClaim(name: string): boolean {
  return name.startsWith('@request.auth.claims.') || name.startsWith('@request.auth.claims[')
}
