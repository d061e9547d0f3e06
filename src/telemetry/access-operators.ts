// Holds the operators of Envoy's access log formats, each with what it says of one flow.
import { hostname } from 'node:os'
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { formatTime } from './access-time.ts'

/** Undefined where the flow has no such thing. */
export type AccessValue = string | number | undefined

/** What an operator reads. */
export interface AccessFacts {
  readonly record: FlowRecord
  readonly access: AccessDetails | undefined
}

export type AccessReader = (facts: AccessFacts) => AccessValue

/** `argument` is what stood in brackets; a text is what is wrong with it. */
export type AccessOperator = (argument: string | undefined) => AccessReader | string

/** Headers that the proxy notes of every request anyway, in lower case. */
const noted = table({
  ':method': ({ record }) => ofRequest(record, record.method),
  ':path': ({ record, access }) => ofRequest(record, access?.originalPath || record.requestPath),
  ':authority': ({ record, access }) => ofRequest(record, access?.authority || record.host),
  host: ({ record, access }) => ofRequest(record, access?.authority || record.host),
  'x-envoy-original-path': () => undefined,
  'x-forwarded-for': ({ access }) => access?.xForwardedFor,
  'user-agent': ({ access }) => access?.userAgent,
  'x-request-id': ({ access }) => access?.requestId,
})
const notedOfResponse = table({
  ':status': ({ record }) => ofRequest(record, record.status),
  'x-envoy-upstream-service-time': ({ access }) => access?.upstreamServiceTime,
})

/** The names of a header operator's argument, `X?Y`, in lower case. */
export function headerNames(argument: string | undefined): readonly string[] {
  return (argument ?? '').toLowerCase().split('?').filter(Boolean)
}

export function isNoted(side: 'request' | 'response', name: string): boolean {
  return (side === 'request' ? noted : notedOfResponse).has(name)
}

const plain =
  (read: AccessReader): AccessOperator =>
  (argument) =>
    argument === undefined ? read : 'takes no argument'

/** Known to Envoy, and never there in what Sallyport carries. */
export const nothing: AccessOperator = () => () => undefined

const upstreamAddress: AccessReader = ({ record }) => record.upstream
const upstreamLocal: AccessReader = ({ record }) => record.upstreamLocal
const downstreamLocal: AccessReader = ({ record, access }) => known(access?.downstreamLocal) ?? record.destination
const downstreamRemote: AccessReader = ({ record, access }) => known(access?.downstreamRemote) ?? record.source.address

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage */
export const accessOperators: Readonly<Record<string, AccessOperator>> = {
  START_TIME: time(({ record }) => record.opened),
  EMIT_TIME: time(({ record }) => record.closed),
  DURATION: plain(({ record }) => Math.round(record.durationMs)),
  PROTOCOL: plain(({ record, access }) => ofRequest(record, access?.httpVersion)),
  RESPONSE_CODE: plain(({ record }) => record.status ?? 0),
  RESPONSE_CODE_DETAILS: plain(({ record }) => record.details),
  RESPONSE_FLAGS: plain(({ record }) => record.flag),
  RESPONSE_FLAGS_LONG: plain(({ record }) => longFlags(record.flag)),
  CONNECTION_TERMINATION_DETAILS: plain(() => undefined),
  // Envoy names directions as the proxy sees them, our records as the client does.
  BYTES_RECEIVED: plain(({ record }) => record.bytesSent),
  BYTES_SENT: plain(({ record }) => record.bytesReceived),
  UPSTREAM_HOST: plain(upstreamAddress),
  UPSTREAM_REMOTE_ADDRESS: plain(upstreamAddress),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: plain((facts) => withoutPort(upstreamAddress(facts))),
  UPSTREAM_REMOTE_PORT: plain((facts) => portOf(upstreamAddress(facts))),
  UPSTREAM_CLUSTER: plain(({ record }) => record.cluster),
  UPSTREAM_CLUSTER_RAW: plain(({ record }) => record.cluster),
  UPSTREAM_LOCAL_ADDRESS: plain(upstreamLocal),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: plain((facts) => withoutPort(upstreamLocal(facts))),
  UPSTREAM_LOCAL_PORT: plain((facts) => portOf(upstreamLocal(facts))),
  UPSTREAM_PROTOCOL: plain(({ record, access }) => (record.upstream === undefined ? undefined : ofRequest(record, access?.httpVersion))),
  UPSTREAM_TRANSPORT_FAILURE_REASON: plain(({ access }) => access?.transportFailure),
  DOWNSTREAM_LOCAL_ADDRESS: plain(downstreamLocal),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: plain((facts) => withoutPort(downstreamLocal(facts))),
  DOWNSTREAM_LOCAL_PORT: plain((facts) => portOf(downstreamLocal(facts))),
  DOWNSTREAM_REMOTE_ADDRESS: plain(downstreamRemote),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: plain((facts) => withoutPort(downstreamRemote(facts))),
  DOWNSTREAM_REMOTE_PORT: plain((facts) => portOf(downstreamRemote(facts))),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: plain(downstreamRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: plain((facts) => withoutPort(downstreamRemote(facts))),
  DOWNSTREAM_DIRECT_REMOTE_PORT: plain((facts) => portOf(downstreamRemote(facts))),
  REQUESTED_SERVER_NAME: plain(({ record }) => record.sni),
  ROUTE_NAME: plain(({ access }) => access?.routeName),
  CONNECTION_ID: plain(({ record }) => record.connection ?? record.id),
  STREAM_ID: plain(({ record }) => record.id),
  HOSTNAME: plain(() => hostname()),
  ACCESS_LOG_TYPE: plain(({ record }) => (record.kind === 'request' ? 'DownstreamEnd' : 'TcpConnectionEnd')),
  REQ: requestHeader,
  REQUEST_HEADER: requestHeader,
  REQ_WITHOUT_QUERY: (argument) => {
    const read = requestHeader(argument)
    return typeof read === 'string' ? read : (facts) => String(read(facts) ?? '').replace(/\?.*$/, '') || undefined
  },
  RESP: responseHeader,
  RESPONSE_HEADER: responseHeader,
  TRAILER: nothing,
  RESPONSE_TRAILER: nothing,
  GRPC_STATUS: nothing,
  GRPC_STATUS_NUMBER: nothing,
  TRACE_ID: nothing,
  VIRTUAL_CLUSTER_NAME: nothing,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: nothing,
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: nothing,
  DOWNSTREAM_PEER_URI_SAN: nothing,
  DOWNSTREAM_PEER_SUBJECT: nothing,
  DOWNSTREAM_LOCAL_URI_SAN: nothing,
  DOWNSTREAM_TLS_VERSION: nothing,
  DOWNSTREAM_TLS_CIPHER: nothing,
  UPSTREAM_TLS_VERSION: nothing,
  UPSTREAM_TLS_CIPHER: nothing,
  UPSTREAM_PEER_SUBJECT: nothing,
  UPSTREAM_PEER_URI_SAN: nothing,
  FILTER_STATE: nothing,
  DYNAMIC_METADATA: nothing,
  CLUSTER_METADATA: nothing,
  UPSTREAM_METADATA: nothing,
  METADATA: nothing,
}

function table(readers: Readonly<Record<string, AccessReader>>): ReadonlyMap<string, AccessReader> {
  return new Map(Object.entries(readers))
}

/** An absent value is a dash in the notes that the proxy takes. */
function known(value: string | undefined): string | undefined {
  return value === undefined || value === '' || value === '-' ? undefined : value
}

/** Envoy's long names. */
const flagNames: Readonly<Record<string, string>> = {
  UH: 'NoHealthyUpstream',
  UF: 'UpstreamConnectionFailure',
  UO: 'UpstreamOverflow',
  UT: 'UpstreamRequestTimeout',
  UC: 'UpstreamConnectionTermination',
  UR: 'UpstreamRemoteReset',
  URX: 'UpstreamRetryLimitExceeded',
  UPE: 'UpstreamProtocolError',
  NR: 'NoRouteFound',
  NC: 'NoClusterFound',
  DC: 'DownstreamConnectionTermination',
  DPE: 'DownstreamProtocolError',
  DT: 'DurationTimeout',
  DI: 'DelayInjected',
  FI: 'FaultInjected',
  SI: 'StreamIdleTimeout',
  OM: 'OverloadManagerTerminated',
}

function longFlags(flags: string): string {
  return flags
    .split(',')
    .map((flag) => flagNames[flag] ?? flag)
    .join(',')
}

function ofRequest<T>(record: FlowRecord, value: T): T | undefined {
  return record.kind === 'request' ? value : undefined
}

function requestHeader(argument: string | undefined): AccessReader | string {
  return header(headerNames(argument), noted, ({ access }, name) => access?.requestHeaders?.get(name))
}

function responseHeader(argument: string | undefined): AccessReader | string {
  return header(headerNames(argument), notedOfResponse, ({ access }, name) => access?.responseHeaders?.get(name))
}

function header(
  names: readonly string[],
  readers: ReadonlyMap<string, AccessReader>,
  kept: (facts: AccessFacts, name: string) => string | undefined,
): AccessReader | string {
  if (names.length === 0 || names.length > 2) return 'wants the name of a header, or two as X?Y'
  const [first = nobody, second = nobody] = names.map((name): AccessReader => readers.get(name) ?? ((facts) => kept(facts, name)))
  return (facts) => present(first(facts)) ?? present(second(facts))
}

const nobody: AccessReader = () => undefined

function present(value: AccessValue): AccessValue {
  return value === '' || value === '-' ? undefined : value
}

function time(read: (facts: AccessFacts) => number): AccessOperator {
  return (argument) => (facts) => formatTime(read(facts), argument)
}

/** Addresses of Unix sockets have no port. */
function withoutPort(address: AccessValue): string | undefined {
  if (typeof address !== 'string') return undefined
  return /:\d+$/.test(address) ? address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') : address
}

function portOf(address: AccessValue): number | undefined {
  const port = typeof address === 'string' ? /:(\d+)$/.exec(address)?.[1] : undefined
  return port === undefined ? undefined : Number(port)
}
