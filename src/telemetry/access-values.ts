// Says of one flow what Envoy's access log would say, by Istio's names.
import type { AccessDetails, FlowRecord } from '../flow/index.ts'

/** Istio's keys in the order of its text format. */
export interface AccessValues {
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
export function accessValuesOf(record: FlowRecord, access: AccessDetails | undefined): AccessValues {
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
