// Has Envoy write down every connection and request in a form of ours, one JSON object a line.
import type { JsonObject } from '@bufbuild/protobuf'
import { create, packAny } from '../../xds/index.ts'
import { type AccessLog, AccessLogSchema } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.js'
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.js'
import { type RecordedSite, requestId, type StockSite } from './site.ts'

/** Where the headers of a hop are kept while the request goes on without them. */
export const hopNamespace = 'dev.sallyport.hop'

/** What a listener writes of each connection that it took, and of each that no filter chain wanted. */
const ofConnections = {
  connection: '%CONNECTION_ID%',
  source: '%DOWNSTREAM_REMOTE_ADDRESS%',
  destination: '%DOWNSTREAM_LOCAL_ADDRESS%',
  start: '%START_TIME(%s%3f)%',
  moment: '%START_TIME(%s%9f)%',
  duration: '%DURATION%',
  flags: '%RESPONSE_FLAGS%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream: '%UPSTREAM_HOST%',
  upstreamLocal: '%UPSTREAM_LOCAL_ADDRESS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  sni: '%REQUESTED_SERVER_NAME%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  upstreamPeer: '%UPSTREAM_PEER_URI_SAN%',
  ownName: '%UPSTREAM_LOCAL_URI_SAN%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  ended: '%CONNECTION_TERMINATION_DETAILS%',
  chain: '%FILTER_CHAIN_NAME%',
  chainMetadata: '%METADATA(LISTENER_FILTER_CHAIN:dev.sallyport)%',
  listenerMetadata: '%METADATA(LISTENER:dev.sallyport)%',
  clusterMetadata: '%METADATA(CLUSTER:dev.sallyport)%',
} as const

const ofRequests = {
  ...ofConnections,
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  originalPath: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  originalHost: '%REQ(X-ENVOY-ORIGINAL-HOST)%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  protocol: '%PROTOCOL%',
  forwardedFor: '%REQ(X-FORWARDED-FOR)%',
  userAgent: '%REQ(USER-AGENT)%',
  requestId: '%REQ(X-REQUEST-ID)%',
  serviceTime: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  route: '%ROUTE_NAME%',
  parent: `%DYNAMIC_METADATA(${hopNamespace}:flow)%`,
  workload: `%DYNAMIC_METADATA(${hopNamespace}:source)%`,
  routeMetadata: '%METADATA(ROUTE:dev.sallyport)%',
  hostMetadata: '%METADATA(VIRTUAL_HOST:dev.sallyport)%',
} as const

export type ConnectionField = keyof typeof ofConnections
export type RequestField = keyof typeof ofRequests | 'id'

/** `usual`: what is written where nobody makes records of it. */
export function connectionLogs({ records }: StockSite, usual: readonly AccessLog[]): AccessLog[] {
  return records === undefined ? [...usual] : [logOf(records, { kind: 'connection', ...ofConnections })]
}

export function requestLogs({ records }: StockSite, usual: readonly AccessLog[]): AccessLog[] {
  return records === undefined ? [...usual] : [logOf(records, { kind: 'request', id: requestId(records), ...ofRequests })]
}

function logOf(site: RecordedSite, jsonFormat: JsonObject): AccessLog {
  const config = create(FileAccessLogSchema, {
    path: site.log,
    accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: jsonFormat } } },
  })
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.file',
    configType: { case: 'typedConfig', value: packAny(FileAccessLogSchema, config) },
  })
}
