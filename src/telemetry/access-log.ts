// Writes the access log in Istio's default formats, or in one of Envoy's own kind, so that whatever reads a sidecar's log reads ours.
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { type AccessFormat, type AccessFormatSource, compileAccessFormat } from './access-format.ts'
import { wantHeaders } from './access-headers.ts'
import { openLineWriter } from './line-writer.ts'

export type AccessLogEncoding = 'TEXT' | 'JSON'

export interface AccessLogOptions {
  readonly encoding: AccessLogEncoding
  /** Absent: Istio's own in that encoding. */
  readonly format?: AccessFormatSource
  /** Told in words what of the format is not understood; a dash stands for it. */
  readonly onUnknown?: (problem: string) => void
}

export interface AccessLog {
  write(record: FlowRecord, access?: AccessDetails): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** `target` is a path, `-` or `/dev/stdout`. Throws SLP4001 when it cannot be opened. */
export function openAccessLog(target: string, { encoding, format, onUnknown }: AccessLogOptions): AccessLog {
  const isJson = format === undefined ? encoding === 'JSON' : 'labels' in format
  const compiled = format === undefined ? istioFormats[encoding] : compileAccessFormat(format)
  const lines = openLineWriter(target, { describeLoss: (count) => describeLoss(count, isJson) })
  for (const problem of compiled.problems) onUnknown?.(problem)
  const unwant = wantHeaders(compiled)
  return {
    write: (record, access) => {
      if (isLogged(record)) lines.write(compiled.format({ record, access }))
    },
    flush: () => lines.flush(),
    close: () => {
      unwant()
      return lines.close()
    },
  }
}

/** One line without its end; undefined for packets and DNS questions, which Envoy's log does not know. */
export function formatAccess(record: FlowRecord, access: AccessDetails | undefined, encoding: AccessLogEncoding): string | undefined {
  return isLogged(record) ? istioFormats[encoding].format({ record, access }) : undefined
}

function isLogged({ kind }: FlowRecord): boolean {
  return kind === 'connection' || kind === 'request'
}

/** Istio's default `accessLogFormat`: 24 values. */
export const istioTextFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" ' +
  '"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ' +
  '%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n'

/** Istio's keys in the order of its text format. */
const istioLabels = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
}

const istioFormats: Readonly<Record<AccessLogEncoding, AccessFormat>> = {
  TEXT: compileAccessFormat({ text: istioTextFormat }),
  JSON: compileAccessFormat({ labels: istioLabels }),
}

function describeLoss(lines: number, isJson: boolean): string {
  return isJson ? JSON.stringify({ lost_lines: lines }) : `# ${lines} lines are missing here: the log could not be written fast enough`
}
