// Writes a flow record as one line of JSON in ASCII, at a fraction of what `JSON.stringify` costs: what many records share is put into words once.
import type { FlowRecord, FlowSource } from '../flow/index.ts'

/** What `JSON.parse` gives back is the record. Every character is below U+007F, so that a line has as many bytes as characters. */
export function formatRecord(record: FlowRecord): string {
  if ((record.kind !== 'request' && record.kind !== 'connection') || record.count !== undefined) return inAscii(JSON.stringify(record))
  const { closed, opened, host, method, requestPath, sni, upstreamLocal, upstreamPrincipal, status, details } = record
  const openedText = formatTime(opened)
  return (
    `{"id":${quote(record.id)},"opened":${openedText},"closed":${closed === opened ? openedText : formatTime(closed)},"durationMs":${record.durationMs}` +
    formatOrigin(record) +
    (host === undefined ? '' : `,"host":${quote(host)}`) +
    (method === undefined ? '' : `,"method":${quote(method)}`) +
    (requestPath === undefined ? '' : `,"requestPath":${quote(requestPath)}`) +
    formatVerdict(record) +
    (sni === undefined ? '' : `,"sni":${quote(sni)}`) +
    (upstreamLocal === undefined ? '' : `,"upstreamLocal":${quote(upstreamLocal)}`) +
    (upstreamPrincipal === undefined ? '' : `,"upstreamPrincipal":${quote(upstreamPrincipal)}`) +
    `,"bytesSent":${record.bytesSent},"bytesReceived":${record.bytesReceived}` +
    (status === undefined ? '' : `,"status":${status}`) +
    `,"flag":${quote(record.flag)}` +
    (details === undefined ? '}' : `,"details":${quote(details)}}`)
  )
}

/** What JSON or ASCII has no plain place for: quotes, backslashes, and all that is no visible ASCII character. */
const escaped = /[^ !#-[\]-~]/

function quote(text: string): string {
  return escaped.test(text) ? inAscii(JSON.stringify(text)) : `"${text}"`
}

function inAscii(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

let lastTime = 0
let lastTimeText = '0'

/** Many records end in the same millisecond, and a number as long as this takes its time. */
function formatTime(ms: number): string {
  if (ms !== lastTime) {
    lastTime = ms
    lastTimeText = String(ms)
  }
  return lastTimeText
}

/** What the requests of one connection have in common. */
interface Origin {
  readonly record: Pick<FlowRecord, 'connection' | 'parent' | 'role' | 'destination' | 'protocol'>
  readonly text: string
}

const origins = new WeakMap<FlowSource, Origin>()

function formatOrigin(record: FlowRecord): string {
  if (record.kind === 'connection') return formatConnection(record)
  const known = origins.get(record.source)
  if (known && isSameOrigin(known.record, record)) return known.text
  const { kind, connection, parent, role, source, destination, protocol } = record
  const text = fieldsOf({ kind, connection, parent, role, source, destination, protocol })
  origins.set(source, { record: { connection, parent, role, destination, protocol }, text })
  return text
}

/** The labels of a workload, which its connections share. */
const labelTexts = new WeakMap<FlowSource['labels'], string>()

/** Nothing else will ask for the same words. */
function formatConnection({ connection, parent, role, source, destination, protocol }: FlowRecord): string {
  const { namespace, workload, labels, address, authenticated, principal } = source
  let labelText = labelTexts.get(labels)
  if (labelText === undefined) {
    labelText = inAscii(JSON.stringify(labels))
    labelTexts.set(labels, labelText)
  }
  return (
    ',"kind":"connection"' +
    (connection === undefined ? '' : `,"connection":${quote(connection)}`) +
    (parent === undefined ? '' : `,"parent":${quote(parent)}`) +
    `,"role":"${role}","source":{"namespace":${quote(namespace)},"workload":${quote(workload)},"labels":${labelText}` +
    `,"address":${quote(address)},"authenticated":${authenticated}${principal === undefined ? '' : `,"principal":${quote(principal)}`}},"destination":${quote(destination)},"protocol":"${protocol}"`
  )
}

function isSameOrigin(a: Origin['record'], b: Origin['record']): boolean {
  return (
    a.connection === b.connection &&
    a.parent === b.parent &&
    a.destination === b.destination &&
    a.role === b.role &&
    a.protocol === b.protocol
  )
}

/** What the requests have in common that one declaration allows, or that there is no time for. */
interface Verdict {
  readonly record: Pick<FlowRecord, 'verdict' | 'by' | 'path' | 'cluster' | 'upstream' | 'redialled'>
  readonly text: string
}

const verdicts = new WeakMap<FlowRecord['reason'], Verdict>()

function formatVerdict(record: FlowRecord): string {
  const { reason } = record
  const known = verdicts.get(reason)
  if (known && isSameVerdict(known.record, record)) return known.text
  const { verdict, by, path, cluster, upstream, redialled } = record
  const text = fieldsOf({ verdict, reason, by, path, cluster, upstream, redialled })
  // The reason of an allow is as old as its declaration, and an overload has but a few; that of another refusal is made for the flow, and not met again.
  if (verdict === 'allow' || record.flag === 'OM')
    verdicts.set(reason, { record: { verdict, by, path, cluster, upstream, redialled }, text })
  return text
}

function isSameVerdict(a: Verdict['record'], b: FlowRecord): boolean {
  return (
    a.upstream === b.upstream &&
    a.cluster === b.cluster &&
    a.by === b.by &&
    a.redialled === b.redialled &&
    a.path === b.path &&
    a.verdict === b.verdict
  )
}

function fieldsOf(fields: object): string {
  return `,${inAscii(JSON.stringify(fields)).slice(1, -1)}`
}
