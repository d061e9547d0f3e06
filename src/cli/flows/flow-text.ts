// Prints flows for people: one line each, short, wide or in columns; a verdict is always a word, and only then a colour.
import { colors } from '../colors.ts'
import { type FlowRecord, responseFlags } from '../../flow/index.ts'
import { isLoss, type Item, targetOf, weightOf, workloadOf } from './record-line.ts'

export type LineFormat = 'compact' | 'wide' | 'table'

export function formatItem(item: Item, format: LineFormat, now: number): string {
  if (isLoss(item))
    return colors.yellow(`${timeOf(item.closed, now)} ${item.count} records are missing here: they came too fast to be written`)
  if (format === 'table') return formatRow(cellsOf(item, now))
  return format === 'wide' ? `${compact(item, now)}${wideEnd(item)}` : compact(item, now)
}

/** The first line of a table. */
export function tableHead(): string {
  return formatRow(Object.keys(columns))
}

/** `ServiceEntry shop/api spec.hosts[0] (policy.yaml:9)`. */
export function formatReference(record: FlowRecord): string | undefined {
  const { by } = record
  if (by === undefined) return undefined
  const field = by.field === undefined ? '' : ` ${by.field}`
  const place = by.file === undefined ? '' : ` (${by.file}${by.line === undefined ? '' : `:${by.line}`})`
  const name = by.namespace === '' ? by.name : `${by.namespace}/${by.name}`
  return clean(`${by.kind} ${name}${field}${place}`)
}

/** `GET http://api.example.com/v1`, `tls api.example.com:443`, `udp 192.0.2.1:53`. */
export function formatTarget(record: FlowRecord): string {
  if (record.kind === 'request') return clean(`${record.method ?? '?'} http://${shortHost(targetOf(record))}${record.requestPath ?? ''}`)
  return clean(`${record.protocol} ${targetOf(record)}`)
}

export function formatVerdict({ verdict }: Pick<FlowRecord, 'verdict'>): string {
  return verdict === 'allow' ? colors.green('ALLOW') : colors.red('DENY')
}

/** `URX,UF: upstream connection failure after all HTTP attempts`; flags that this version does not know are left as they are. */
export function formatFlag(flag: string): string {
  const known: Readonly<Record<string, string>> = responseFlags
  const text = Object.hasOwn(known, flag) ? known[flag] : undefined
  return text === undefined ? clean(flag) : `${flag}: ${text}`
}

/** Names come from strangers; an escape sequence in them must not reach a terminal. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** The time of the day, and the date when it is not today's. */
export function timeOf(ms: number, now: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return date.toDateString() === new Date(now).toDateString() ? time : `${day} ${time}`
}

function compact(record: FlowRecord, now: number): string {
  const what = record.kind === 'request' ? `http ${record.method ?? '?'} ${record.requestPath ?? ''}` : record.protocol
  const times = weightOf(record) === 1 ? '' : ` ×${weightOf(record)}`
  const by = formatReference(record)
  const words = [
    colors.dim(timeOf(record.closed, now)),
    ...(record.role === 'gateway' ? ['gateway:'] : []),
    clean(workloadOf(record)),
    '->',
    clean(targetOf(record)),
    `${clean(what)}${times}`,
    formatVerdict(record),
    ...(record.kind === 'request' ? [String(record.status ?? 0)] : []),
    ...(record.verdict === 'allow' ? [record.path] : []),
    ...(record.flag === '-' ? [] : [clean(record.flag)]),
    clean(record.reason.code),
    ...(by === undefined ? [] : [`by ${by}`]),
  ]
  return words.join(' ')
}

function wideEnd(record: FlowRecord): string {
  const pairs = {
    id: record.id,
    dialled: record.destination,
    upstream: record.upstream,
    cluster: record.cluster,
    sni: record.sni,
    ms: record.durationMs,
    sent: record.bytesSent,
    received: record.bytesReceived,
    flag: record.flag === '-' ? undefined : formatFlag(record.flag),
    details: record.details,
  }
  return Object.entries(pairs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${colors.dim(`${name}=`)}${wordOf(String(value))}`)
    .join('')
}

function wordOf(value: string): string {
  return /^[^\s"\p{Cc}]+$/u.test(value) ? clean(value) : JSON.stringify(clean(value))
}

/** Columns and how wide they are at least; the last one may be of any width. */
const columns = {
  TIME: 12,
  SOURCE: 18,
  DESTINATION: 30,
  PROTOCOL: 8,
  VERDICT: 7,
  STATUS: 6,
  PATH: 11,
  REASON: 18,
  BY: 0,
} as const

function cellsOf(record: FlowRecord, now: number): readonly string[] {
  return [
    timeOf(record.closed, now),
    workloadOf(record),
    targetOf(record),
    record.protocol,
    record.verdict === 'allow' ? 'ALLOW' : 'DENY',
    record.kind === 'request' ? String(record.status ?? 0) : '-',
    record.path,
    record.reason.code,
    formatReference(record) ?? '-',
  ]
}

function formatRow(cells: readonly string[]): string {
  const widths = Object.values(columns)
  const padded = cells.map((cell, index) => clean(cell).padEnd(widths[index] ?? 0))
  return padded
    .map((cell) => (cell.startsWith('DENY ') ? colors.red(cell) : cell.startsWith('ALLOW ') ? colors.green(cell) : cell))
    .join('  ')
    .trimEnd()
}

function shortHost(target: string): string {
  return target.replace(/:80$/, '')
}
