// Tells all that is known of one flow: what decided, where it went, and the records of the same flow at the other hop.
import { colors } from '../colors.ts'
import type { FlowRecord } from '../../flow/index.ts'
import { visitAll, type Tally } from './collect.ts'
import { clean, formatFlag, formatReference, formatTarget, formatVerdict, timeOf } from './flow-text.ts'
import { isLoss, weightOf, workloadOf } from './record-line.ts'
import type { RecordSource } from './record-source.ts'

export interface FlowStory {
  readonly flow: FlowRecord
  /** The record of the hop before: a gateway's flow began at a sidecar. */
  readonly before?: FlowRecord
  /** Records of the hop after. */
  readonly after: readonly FlowRecord[]
  /** Requests of this connection. */
  readonly requests: readonly FlowRecord[]
}

/** Requests of one connection and tries of one request are few; a file that says otherwise is cut short. */
const mostRelated = 100

/** `open` gives the sources anew: they are read twice, because the related records may stand anywhere. Undefined when nobody has the id. */
export async function findStory(id: string, open: () => Promise<readonly RecordSource[]>, tally: Tally): Promise<FlowStory | undefined> {
  let flow: FlowRecord | undefined
  await visitEvery(await open(), tally, (record) => {
    if (record.id === id || (id.length >= 8 && record.id.startsWith(id))) flow ??= record
  })
  if (flow === undefined) return undefined
  const found = flow
  let before: FlowRecord | undefined
  const after: FlowRecord[] = []
  const requests: FlowRecord[] = []
  await visitEvery(await open(), { unreadable: 0 }, (record) => {
    if (record.id === found.parent) before = record
    if (record.parent === found.id && after.length < mostRelated) after.push(record)
    if (record.connection === found.id && requests.length < mostRelated) requests.push(record)
  })
  const byTime = (a: FlowRecord, b: FlowRecord): number => a.opened - b.opened
  return { flow: found, ...(before && { before }), after: after.sort(byTime), requests: requests.sort(byTime) }
}

export function formatStory({ flow, before, after, requests }: FlowStory, now: number): string {
  const lines = [...formatFlow(flow, now)]
  if (before !== undefined) lines.push('', colors.bold('before, at the sidecar'), ...formatFlow(before, now))
  for (const record of after) lines.push('', colors.bold(`after, at the ${record.role}`), ...formatFlow(record, now))
  if (flow.parent !== undefined && before === undefined)
    lines.push('', `the hop before has the record ${clean(flow.parent)}: name its file too`)
  if (flow.path === 'gateway' && after.length === 0) lines.push('', 'it went on to a gateway, whose record is not here: name its file too')
  if (requests.length > 0) lines.push('', colors.bold('requests of this connection'))
  for (const record of requests) lines.push(`  ${formatVerdict(record)} ${formatTarget(record)} ${record.status ?? 0} ${clean(record.id)}`)
  return `${lines.join('\n')}\n`
}

async function visitEvery(sources: readonly RecordSource[], tally: Tally, take: (record: FlowRecord) => void): Promise<void> {
  const wanted = { filter: () => true, since: Number.NEGATIVE_INFINITY, last: Number.POSITIVE_INFINITY }
  try {
    await visitAll(sources, wanted, tally, (item) => {
      if (!isLoss(item)) take(item)
    })
  } finally {
    for (const source of sources) source.close()
  }
}

function formatFlow(flow: FlowRecord, now: number): readonly string[] {
  const times = weightOf(flow) === 1 ? '' : ` (${weightOf(flow)} of them)`
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['why', `${clean(flow.reason.text)} [${clean(flow.reason.code)}]`],
    ['by', formatReference(flow)],
    ['when', `${timeOf(flow.opened, now)}, for ${flow.durationMs} ms`],
    ['from', `${clean(flow.source.address)}${flow.source.authenticated ? '' : ', not authenticated'}`],
    ['dialled', clean(flow.destination)],
    ['way', flow.verdict === 'allow' ? wayOf(flow) : undefined],
    ['answer', answerOf(flow)],
    ['bytes', `${flow.bytesSent} sent, ${flow.bytesReceived} received`],
    ['id', clean(flow.id)],
  ]
  return [
    `${formatVerdict(flow)}  ${clean(workloadOf(flow))} -> ${formatTarget(flow)}${times}`,
    ...rows.flatMap(([name, text]) => (text === undefined ? [] : [`  ${colors.dim(name.padEnd(8))}${text}`])),
  ]
}

function wayOf({ path, upstream, cluster, redialled }: FlowRecord): string {
  const to = upstream === undefined ? ', to nobody' : `, to ${clean(upstream)}${redialled ? ' (not what was dialled)' : ''}`
  return `${path}${to}${cluster === undefined ? '' : `, cluster ${clean(cluster)}`}`
}

function answerOf({ kind, status, flag, details }: FlowRecord): string | undefined {
  const parts = [
    kind === 'request' ? `HTTP ${status ?? 0}` : undefined,
    flag === '-' ? undefined : formatFlag(flag),
    details === undefined ? undefined : clean(details),
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : parts.join(', ')
}
