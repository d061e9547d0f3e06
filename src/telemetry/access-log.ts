// Writes the access log in Istio's default formats, so that whatever reads a sidecar's log reads ours.
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { openLineWriter } from './line-writer.ts'

export type AccessLogEncoding = 'TEXT' | 'JSON'

export interface AccessLog {
  write(record: FlowRecord, access?: AccessDetails): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** `target` is a path, `-` or `/dev/stdout`. Throws SLP4001 when it cannot be opened. */
export function openAccessLog(target: string, encoding: AccessLogEncoding): AccessLog {
  const lines = openLineWriter(target, { describeLoss: (count) => describeLoss(count, encoding) })
  return {
    write: (record, access) => {
      const line = formatAccess(record, access, encoding)
      if (line !== undefined) lines.write(line)
    },
    flush: () => lines.flush(),
    close: () => lines.close(),
  }
}

/** One line without its end; undefined for packets and DNS questions, which Envoy's log does not know. */
export function formatAccess(record: FlowRecord, access: AccessDetails | undefined, encoding: AccessLogEncoding): string | undefined {
  if (record.kind === 'packets' || record.kind === 'query') return undefined
  const values = valuesOf(record, access)
  return encoding === 'JSON' ? JSON.stringify(values) : formatText(values)
}

/** Istio's keys in the order of its text format. */
interface AccessValues {
  readonly start_time: string
  readonly method: string
  readonly path: string
  readonly protocol: string
  readonly response_code: number
  readonly response_flags: string
  readonly response_code_details: string
  readonly connection_termination_details: string
  readonly upstream_transport_failure_reason: string
  readonly bytes_received: number
  readonly bytes_sent: number
  readonly duration: number
  readonly upstream_service_time: string
  readonly x_forwarded_for: string
  readonly user_agent: string
  readonly request_id: string
  readonly authority: string
  readonly upstream_host: string
  readonly upstream_cluster: string
  readonly upstream_local_address: string
  readonly downstream_local_address: string
  readonly downstream_remote_address: string
  readonly requested_server_name: string
  readonly route_name: string
}

/** A TCP connection has no method, path or authority and the code 0, also when it carried HTTP. */
function valuesOf(record: FlowRecord, access: AccessDetails | undefined): AccessValues {
  const isRequest = record.kind === 'request'
  return {
    start_time: new Date(record.opened).toISOString(),
    method: orDash(isRequest ? record.method : undefined),
    path: orDash(isRequest ? access?.originalPath || record.requestPath : undefined),
    protocol: orDash(isRequest ? access?.httpVersion : undefined),
    response_code: record.status ?? 0,
    response_flags: record.flag,
    response_code_details: orDash(record.details),
    connection_termination_details: '-',
    upstream_transport_failure_reason: orDash(access?.transportFailure),
    // Envoy names directions as the proxy sees them, our records as the client does.
    bytes_received: record.bytesSent,
    bytes_sent: record.bytesReceived,
    duration: Math.round(record.durationMs),
    upstream_service_time: orDash(access?.upstreamServiceTime),
    x_forwarded_for: orDash(access?.xForwardedFor),
    user_agent: orDash(access?.userAgent),
    request_id: orDash(access?.requestId),
    authority: orDash(isRequest ? access?.authority || record.host : undefined),
    upstream_host: orDash(record.upstream),
    upstream_cluster: orDash(record.cluster),
    upstream_local_address: orDash(record.upstreamLocal),
    downstream_local_address: orDash(access?.downstreamLocal || record.destination),
    downstream_remote_address: orDash(access?.downstreamRemote || record.source.address),
    requested_server_name: orDash(record.sni),
    route_name: orDash(access?.routeName),
  }
}

function orDash(value: string | undefined): string {
  return value || '-'
}

/** Istio's default `accessLogFormat` (24 values). */
function formatText(v: AccessValues): string {
  return [
    `[${v.start_time}]`,
    `"${quoted(v.method)} ${quoted(v.path)} ${quoted(v.protocol)}"`,
    v.response_code,
    bare(v.response_flags),
    bare(v.response_code_details),
    bare(v.connection_termination_details),
    `"${quoted(v.upstream_transport_failure_reason)}"`,
    v.bytes_received,
    v.bytes_sent,
    v.duration,
    bare(v.upstream_service_time),
    `"${quoted(v.x_forwarded_for)}"`,
    `"${quoted(v.user_agent)}"`,
    `"${quoted(v.request_id)}"`,
    `"${quoted(v.authority)}"`,
    `"${quoted(v.upstream_host)}"`,
    bare(v.upstream_cluster),
    bare(v.upstream_local_address),
    bare(v.downstream_local_address),
    bare(v.downstream_remote_address),
    bare(v.requested_server_name),
    bare(v.route_name),
  ].join(' ')
}

/** Differs from Istio: a quotation mark or control character that a client sent is escaped, so that it cannot forge a field or a line. */
function quoted(value: string): string {
  return value.replace(/["\\\p{Cc}]/gu, (character) => {
    return character === '"' || character === '\\' ? `\\${character}` : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

/** A value without quotation marks keeps the line's columns: blanks become underscores, as Envoy writes them in its details. */
function bare(value: string): string {
  return value.replace(/[\s\p{Cc}"]/gu, '_')
}

function describeLoss(lines: number, encoding: AccessLogEncoding): string {
  return encoding === 'JSON'
    ? JSON.stringify({ lost_lines: lines })
    : `# ${lines} lines are missing here: the log could not be written fast enough`
}
