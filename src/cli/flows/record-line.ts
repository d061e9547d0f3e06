// Reads one line of a flow record file: a record, the mark of records that were lost, or nothing that could be read.
import { type FlowRecord, reasonCodes } from '../../flow/index.ts'

/** Records that an output or an admin server could not hand on. */
export interface Loss {
  readonly kind: 'lost'
  readonly count: number
  readonly closed: number
}

export type Item = FlowRecord | Loss

export function isLoss(item: Item): item is Loss {
  return item.kind === 'lost'
}

/** Undefined for a line that is no flow record: half of one, or something else that was written to the file. */
export function readItem(line: string): Item | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Half a line, or not ours.
    return undefined
  }
  if (!isObject(value)) return undefined
  if (isLostMark(value)) return { kind: 'lost', count: value.count, closed: value.closed }
  return isRecord(value) ? value : undefined
}

type Fields = Readonly<Record<string, unknown>>

function isLostMark(value: Fields): value is Fields & { readonly count: number; readonly closed: number } {
  return value.kind === 'lost' && typeof value.count === 'number' && typeof value.closed === 'number'
}

const texts = ['id', 'role', 'destination', 'protocol', 'path', 'flag'] as const
const numbers = ['opened', 'closed', 'durationMs', 'bytesSent', 'bytesReceived'] as const
const optionalTexts = ['connection', 'parent', 'host', 'sni', 'method', 'requestPath', 'cluster', 'upstream', 'details'] as const

/** Whatever is printed or counted has to be of its type; a reason that a newer version knows is none the worse. */
function isRecord(value: Fields): value is Fields & FlowRecord {
  const { kind, verdict, reason, source, by, status, count } = value
  return (
    typeof kind === 'string' &&
    (verdict === 'allow' || verdict === 'deny') &&
    texts.every((name) => typeof value[name] === 'string') &&
    numbers.every((name) => Number.isFinite(value[name])) &&
    optionalTexts.every((name) => value[name] === undefined || typeof value[name] === 'string') &&
    [status, count].every((number) => number === undefined || typeof number === 'number') &&
    isObject(reason) &&
    typeof reason.code === 'string' &&
    typeof reason.text === 'string' &&
    isObject(source) &&
    ['namespace', 'workload', 'address'].every((name) => typeof source[name] === 'string') &&
    (by === undefined || isReference(by))
  )
}

function isReference(value: unknown): boolean {
  return isObject(value) && ['kind', 'namespace', 'name'].every((name) => typeof value[name] === 'string')
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a newer or older version may have written such a code. */
export function isKnownReason(code: string): boolean {
  return Object.hasOwn(reasonCodes, code)
}

/** How many flows the record stands for. */
export function weightOf(record: FlowRecord): number {
  return record.count ?? 1
}

/** The name that was asked for: of the request, of the TLS handshake, or of the declaration; the address when there is none. */
export function hostOf(record: FlowRecord): string {
  return record.host ?? record.sni ?? hostOfCluster(record.cluster) ?? addressOf(record.destination)
}

export function portOf(record: FlowRecord): string | undefined {
  return /:(\d+)$/.exec(record.destination)?.[1]
}

/** `host:port`, or the host alone where there is no port. */
export function targetOf(record: FlowRecord): string {
  const host = hostOf(record)
  const port = portOf(record)
  if (port === undefined) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function workloadOf({ source }: FlowRecord): string {
  return `${source.namespace || 'unknown'}/${source.workload || 'unknown'}`
}

export function policyOf({ by }: FlowRecord): string | undefined {
  return by === undefined ? undefined : `${by.kind}/${by.namespace}/${by.name}`
}

function hostOfCluster(cluster: string | undefined): string | undefined {
  const parts = cluster?.split('|') ?? []
  return parts.length === 4 && parts[3] !== '' ? parts[3] : undefined
}

function addressOf(destination: string): string {
  return destination.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
