// Prints issues for people, and as JSON for programs.
import type { Issue } from '../api/index.ts'

export interface IssueTextOptions {
  /** Colours, for terminals that have them. */
  readonly color?: boolean
}

export function formatIssue(issue: Issue, options: IssueTextOptions = {}): string {
  const paint = options.color ? painted : plain
  const tone = issue.level === 'error' ? 'red' : 'yellow'
  const lines = [`${paint(tone, `${issue.level}[${issue.code}]`)}: ${subjectOf(issue)}${issue.message}`]
  lines.push(`  ${paint('blue', '-->')} ${whereOf(issue)}`)
  if (issue.frame !== undefined && issue.frame !== '' && hasLines(issue)) lines.push(issue.frame)
  if (issue.fix !== undefined) lines.push(`  ${paint('cyan', 'fix')}: ${issue.fix}`)
  return lines.join('\n')
}

export function issuesToJson(issues: readonly Issue[]): string {
  return `${JSON.stringify(issues.map(plainIssue), undefined, 2)}\n`
}

/** `2 errors, 1 warning` */
export function countIssues(issues: readonly Issue[]): string {
  const errors = issues.filter((issue) => issue.level === 'error').length
  return `${amount(errors, 'error')}, ${amount(issues.length - errors, 'warning')}`
}

function subjectOf(issue: Issue): string {
  if (!issue.ref) return ''
  const { kind, namespace, name } = issue.ref
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}: `
}

function whereOf(issue: Issue): string {
  const place = hasLines(issue) ? `:${issue.place?.line}:${issue.place?.column}` : ''
  return `${issue.source}${place}${issue.path === '' ? '' : `   (${issue.path})`}`
}

/** What is said of an object of an API names the object, which has no lines. */
function hasLines({ place }: Issue): boolean {
  return place !== undefined && place.line > 0
}

function plainIssue(issue: Issue): Record<string, unknown> {
  const { level, code, path, message, fix, ref, unsupported, source, place } = issue
  return { level, code, message, fix, unsupported, source, line: place?.line, column: place?.column, path, ref }
}

function amount(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

const codes = { red: 31, yellow: 33, blue: 34, cyan: 36 } as const

function painted(color: keyof typeof codes, text: string): string {
  return `\u001B[1;${codes[color]}m${text}\u001B[0m`
}

function plain(_color: keyof typeof codes, text: string): string {
  return text
}
