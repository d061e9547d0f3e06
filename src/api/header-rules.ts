// Judges the header operations of HTTP rules, as Istio does and with Istio's words, and names those that are not carried out.
import { fieldsOf, isFields } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { listOf, textOf } from './fields.ts'
import type { Report } from './finding.ts'

/** For rules and for single destinations of a rule. */
export function checkHeaders(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  for (const direction of ['request', 'response']) {
    const operations = fieldsOf(value[direction])
    for (const operation of ['add', 'set']) {
      for (const [name, text] of Object.entries(fieldsOf(operations[operation]))) {
        const at = fieldAt(`${path}.${direction}.${operation}`, name)
        const problem = operationProblem(name, direction === 'request')
        report.check(at, problem)
        report.check(at, headerValueProblem(textOf(text)))
        if (problem === undefined) checkUndone(report, at, name, textOf(text))
      }
    }
    for (const [i, name] of listOf(operations['remove']).map(textOf).entries()) {
      const at = fieldAt(`${path}.${direction}.remove`, i)
      const problem = operationProblem(name, false)
      report.check(at, problem)
      if (problem === undefined) checkUndone(report, at, name, '')
    }
  }
}

function operationProblem(name: string, mayBeAuthority: boolean): string | undefined {
  if (name === '') return 'header name cannot be empty'
  if (mayBeAuthority && /^(:authority|host)$/i.test(name)) return undefined
  if (/^host$/i.test(name)) return `invalid header "${name}": cannot set Host header`
  return name.startsWith(':') ? `invalid header "${name}": header cannot have ":" prefix` : undefined
}

function headerValueProblem(value: string): string | undefined {
  if (hasControls(value)) return `header value configuration ${JSON.stringify(value)} is invalid`
  // `%%` is a percent sign, `%X%` and `%X(…)%` are filled in by the proxy; a lone one is neither.
  const rest = value.replaceAll('%%', '').replace(/%[A-Z_]+(\([^)]*\))?(:\d+)?%/g, '')
  return rest.includes('%') ? `header value configuration: ${JSON.stringify(value)} has an unescaped %` : undefined
}

/** All controls but the tab (protoc-gen-validate's rule for header values). */
function hasControls(value: string): boolean {
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true
  }
  return false
}

/** Istio takes these. What one hop says to the next, and names that are none, must not be changed; the rule is refused instead. */
function checkUndone(report: Report, path: string, name: string, value: string): void {
  if (isAuthority(name)) return checkNewAuthority(report, path, value)
  const lower = name.toLowerCase()
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower)) return report.unsupported(path, `"${name}" is no name of a header${refused}`)
  if (framing.has(lower)) return report.unsupported(path, `the header "${name}" belongs to the connection and is not changed${refused}`)
  if (lower.startsWith('x-sallyport-')) return report.unsupported(path, `the header "${name}" is the proxy's own${refused}`)
  for (const [operator, word = ''] of value.replaceAll('%%', '').matchAll(/%([A-Z0-9_]+)(?:\([^)]*\))?(?::\d+)?%/g)) {
    if (!operators.has(word))
      report.unsupported(path, `the operator ${operator} is not carried out${refused}`, `one of ${[...operators].join(', ')}`)
  }
}

/** What a request is renamed to: the same for every request, and a name that it can carry. */
export function checkNewAuthority(report: Report, path: string, value: string): void {
  if (/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(value)) return
  report.unsupported(path, `${JSON.stringify(value)} is no authority${refused}`, 'write a host, with or without a port')
}

const refused = ': requests that this rule matches are refused'

function isAuthority(name: string): boolean {
  return /^(:authority|host)$/i.test(name)
}

const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What a value can be made of before the request is forwarded. */
const operators: ReadonlySet<string> = new Set([
  'REQ',
  'PROTOCOL',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_REMOTE_PORT',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_LOCAL_PORT',
])
