// Finds rules of a VirtualService that no traffic reaches, as Istio finds them (IST0130, IST0131).
import { fieldsOf } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { textOf } from './fields.ts'
import type { Report } from './finding.ts'

interface Rule {
  readonly name?: string
  readonly match?: readonly object[]
}

export function checkReach(report: Report, path: string, rules: readonly Rule[]): void {
  const seen = new Map<string, number>()
  const prefixes: PrefixMatch[] = []
  let catchAll = -1
  for (const [i, rule] of rules.entries()) {
    const at = fieldAt(path, i)
    const matches = rule.match ?? []
    if (matches.length === 0) {
      if (catchAll >= 0) unreachable(report, at, ruleName(rule, i), 'only the last rule can have no matches')
      catchAll = i
      continue
    }
    let duplicates = 0
    for (const [j, match] of matches.entries()) {
      const key = canonical({ ...match, name: undefined })
      const earlier = seen.get(key)
      if (earlier === undefined) {
        seen.set(key, i)
        const prefix = prefixMatch(fieldAt(`${at}.match`, j), ruleName(rule, i), match, j)
        if (prefix) prefixes.push(prefix)
        continue
      }
      duplicates++
      ineffective(report, fieldAt(`${at}.match`, j), [ruleName(rule, i), matchName(match, j), ruleName(rules[earlier], earlier)])
    }
    if (duplicates === matches.length) unreachable(report, at, ruleName(rule, i), 'all matches used by prior rules')
  }
  checkPrefixes(report, prefixes)
}

function unreachable(report: Report, path: string, rule: string, reason: string): void {
  report.add({ level: 'warning', code: 'IST0130', path, message: `virtualService rule ${rule} not used (${reason})` })
}

function ineffective(report: Report, path: string, [rule, match, earlier]: readonly [string, string, string]): void {
  const message = `virtualService rule ${rule} match ${match} is not used (duplicate/overlapping match in rule ${earlier})`
  report.add({ level: 'warning', code: 'IST0131', path, message })
}

interface PrefixMatch {
  readonly path: string
  readonly rule: string
  readonly match: string
  readonly prefix: string
  readonly port: unknown
  readonly method: string
  readonly authority: string
  readonly maps: readonly Readonly<Record<string, string>>[]
}

/** What Istio compares of a match that goes by the prefix of a path; other matches it does not compare. */
function prefixMatch(path: string, rule: string, match: object, index: number): PrefixMatch | undefined {
  const fields = fieldsOf(match)
  const prefix = textOf(fieldsOf(fields['uri'])['prefix'])
  if (prefix === '') return undefined
  return {
    path,
    rule,
    match: matchName(match, index),
    prefix,
    port: fields['port'] ?? 0,
    method: exactOrPrefix(fields['method']) || 'exact:GET',
    authority: exactOrPrefix(fields['authority']),
    maps: ['headers', 'queryParams', 'withoutHeaders'].map((name) => {
      const entries = Object.entries(fieldsOf(fields[name]))
      return Object.fromEntries(entries.map(([key, value]) => [key, exactOrPrefix(value)]))
    }),
  }
}

/** Every pair is compared; among more rules than anybody reads, nobody would read the findings. */
const MOST_PREFIXES = 1000

function checkPrefixes(report: Report, prefixes: readonly PrefixMatch[]): void {
  if (prefixes.length > MOST_PREFIXES) return
  for (const [i, earlier] of prefixes.entries()) {
    for (const later of prefixes.slice(i + 1)) {
      if (later.prefix === earlier.prefix || !covers(earlier, later)) continue
      const what = `${later.match} of prefix ${later.prefix}`
      ineffective(report, later.path, [later.rule, what, `${earlier.match} of prefix ${earlier.prefix} on ${earlier.rule}`])
    }
  }
}

function covers(earlier: PrefixMatch, later: PrefixMatch): boolean {
  if (!later.prefix.startsWith(earlier.prefix) || later.port !== earlier.port) return false
  if (!earlier.method.startsWith(later.method) || !earlier.authority.startsWith(later.authority)) return false
  return earlier.maps.every((map, i) => {
    const other = later.maps[i] ?? {}
    if (Object.keys(map).length !== Object.keys(other).length) return false
    return Object.entries(map).every(([key, value]) => Object.hasOwn(other, key) && value.startsWith(other[key] ?? ''))
  })
}

function exactOrPrefix(value: unknown): string {
  const { exact, prefix } = fieldsOf(value)
  if (textOf(exact) !== '') return `exact:${textOf(exact)}`
  return textOf(prefix) === '' ? '' : `prefix:${textOf(prefix)}`
}

function ruleName(rule: Rule | undefined, index: number): string {
  return rule?.name ? JSON.stringify(rule.name) : `#${index}`
}

function matchName(match: object, index: number): string {
  const name = textOf(fieldsOf(match)['name'])
  return name === '' ? `#${index}` : JSON.stringify(name)
}

/** JSON with sorted keys, so that two spellings of one match are equal. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
