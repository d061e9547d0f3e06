// Turns the filters of the command line into one question to a flow record: filters of one name are alternatives, those of different names all count.
import { parseDuration } from '../../base/index.ts'
import { type FlowRecord, reasonCodes } from '../../flow/index.ts'
import { UsageError } from '../values.ts'
import { globMatches } from './glob.ts'
import { hostOf, isKnownReason, portOf, workloadOf } from './record-line.ts'

export type FilterName = 'verdict' | 'from-workload' | 'to-fqdn' | 'port' | 'sni' | 'http-status' | 'reason' | 'policy' | 'path'

/** One filter as it was typed. */
export interface FilterTerm {
  readonly name: FilterName
  readonly value: string
  /** `--not` stood before it. */
  readonly isNegated: boolean
}

export type RecordFilter = (record: FlowRecord) => boolean

export function compileFilter(terms: readonly FilterTerm[]): RecordFilter {
  const groups = new Map<string, RecordFilter[]>()
  const negated: RecordFilter[] = []
  for (const { name, value, isNegated } of terms) {
    const matches = compileTerm[name](value)
    if (isNegated) negated.push(matches)
    else groups.set(name, [...(groups.get(name) ?? []), matches])
  }
  const all = [...groups.values()]
  return (record) => all.every((group) => group.some((matches) => matches(record))) && !negated.some((matches) => matches(record))
}

/** Milliseconds since the epoch of `5m` before `now`, or of a date in ISO 8601. */
export function readSince(text: string, now: number): number {
  const ms = parseDuration(text) ?? (/^\d+d$/.test(text) ? Number.parseInt(text, 10) * 86_400_000 : undefined)
  if (ms !== undefined) return now - ms
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(date))
    throw new UsageError('SLP0002', `--since "${text}" is neither a time span nor a date`, {
      fix: 'write --since 5m, --since 1h30m, --since 2d or --since 2026-01-31T12:00:00Z',
    })
  return date
}

const compileTerm: Record<FilterName, (value: string) => RecordFilter> = {
  verdict(value) {
    const verdict = oneOf('verdict', value, ['allow', 'deny'])
    return (record) => record.verdict === verdict
  },
  'from-workload'(value) {
    const pattern = value.includes('/') ? value : `*/${value}`
    return (record) => globMatches(pattern, workloadOf(record))
  },
  'to-fqdn'(value) {
    const pattern = value.replace(/\.$/, '')
    return (record) => globMatches(pattern, hostOf(record).replace(/\.$/, ''))
  },
  port(value) {
    if (!/^[1-9]\d{0,4}$/.test(value) || Number(value) > 65_535)
      throw new UsageError('SLP0002', `--port "${value}" is not a port`, { fix: 'write --port 443' })
    return (record) => portOf(record) === value
  },
  sni: (value) => (record) => record.sni !== undefined && globMatches(value, record.sni),
  'http-status'(value) {
    if (!/^[1-5](\d\d|xx)$/i.test(value))
      throw new UsageError('SLP0002', `--http-status "${value}" is not a status`, { fix: 'write --http-status 403 or --http-status 4xx' })
    const pattern = value.toLowerCase().replaceAll('x', '?')
    return (record) => record.kind === 'request' && globMatches(pattern, String(record.status ?? 0))
  },
  reason(value) {
    if (!value.includes('*') && !isKnownReason(value))
      throw new UsageError('SLP0002', `--reason "${value}" is not a reason code`, {
        fix: `choose one of ${Object.keys(reasonCodes).join(', ')}`,
      })
    return (record) => globMatches(value, record.reason.code)
  },
  policy(value) {
    const parts = value.split('/')
    const [kind = '*', namespace = '*', name = '*'] = parts.length === 3 ? parts : parts.length === 2 ? ['*', ...parts] : ['*', '*', value]
    if (parts.length > 3)
      throw new UsageError('SLP0002', `--policy "${value}" has too many parts`, { fix: 'write --policy ServiceEntry/default/api' })
    return ({ by }) => by !== undefined && globMatches(kind, by.kind) && globMatches(namespace, by.namespace) && globMatches(name, by.name)
  },
  path(value) {
    const path = oneOf('path', value, ['direct', 'gateway', 'passthrough', 'none'])
    return (record) => record.path === path
  },
}

function oneOf(name: FilterName, value: string, choices: readonly string[]): string {
  const chosen = value.toLowerCase()
  if (choices.includes(chosen)) return chosen
  throw new UsageError('SLP0002', `--${name} "${value}" is not known`, { fix: `choose one of ${choices.join(', ')}` })
}
