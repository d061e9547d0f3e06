// Writes the access log in Istio's default formats, so that whatever reads a sidecar's log reads ours.
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { type AccessLogFormat, compileFormat } from './access-log-format.ts'
import { type AccessValues, accessValuesOf } from './access-values.ts'
import { openLineWriter } from './line-writer.ts'

export type AccessLogEncoding = 'TEXT' | 'JSON'

export interface AccessLog {
  write(record: FlowRecord, access?: AccessDetails): void
  flush(): Promise<void>
  close(): Promise<void>
}

export interface AccessLogOptions {
  readonly encoding: AccessLogEncoding
  /** Absent: Istio's own. */
  readonly format?: AccessLogFormat
  /** Told of operators that are not known. */
  readonly onUnknown?: (operator: string) => void
}

/** `target` is a path, `-` or `/dev/stdout`. Throws SLP4001 when it cannot be opened. */
export function openAccessLog(target: string, { encoding, format, onUnknown }: AccessLogOptions): AccessLog {
  const lines = openLineWriter(target, { describeLoss: (count) => describeLoss(count, encoding) })
  const compiled = format && compileFormat(format)
  for (const operator of compiled?.unknown ?? []) onUnknown?.(operator)
  return {
    write: (record, access) => {
      if (!isLogged(record)) return
      lines.write(compiled === undefined ? lineOf(record, access, encoding) : compiled.format(accessValuesOf(record, access)))
    },
    flush: () => lines.flush(),
    close: () => lines.close(),
  }
}

/** One line without its end; undefined for packets and DNS questions, which Envoy's log does not know. */
export function formatAccess(record: FlowRecord, access: AccessDetails | undefined, encoding: AccessLogEncoding): string | undefined {
  return isLogged(record) ? lineOf(record, access, encoding) : undefined
}

function isLogged({ kind }: FlowRecord): boolean {
  return kind !== 'packets' && kind !== 'query'
}

function lineOf(record: FlowRecord, access: AccessDetails | undefined, encoding: AccessLogEncoding): string {
  const values = accessValuesOf(record, access)
  return encoding === 'JSON' ? JSON.stringify(values) : formatText(values)
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
