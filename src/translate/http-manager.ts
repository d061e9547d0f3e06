// Builds the HTTP connection manager of a chain: what becomes of a request before it is routed.
import type { Any } from '@bufbuild/protobuf/wkt'
import type { MeshConfig } from '../api/index.ts'
import { create, extensionNames, packAny } from '../xds/index.ts'
import { type Filter, FilterSchema } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { CorsSchema } from '../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js'
import { HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js'
import { RouterSchema } from '../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.js'
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_UpgradeConfigSchema,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { adsSource, duration } from './messages.ts'

export interface HttpManagerInit {
  readonly routeConfig: string
  readonly statPrefix: string
  readonly role: 'sidecar' | 'gateway'
  readonly mesh: MeshConfig
}

export function httpManager(init: HttpManagerInit): Filter {
  const isGateway = init.role === 'gateway'
  const message = create(HttpConnectionManagerSchema, {
    codecType: HttpConnectionManager_CodecType.AUTO,
    statPrefix: init.statPrefix,
    routeSpecifier: { case: 'rds', value: { configSource: adsSource(), routeConfigName: init.routeConfig } },
    // Istio's order. The first two do what routes configure for them, and nothing by themselves.
    httpFilters: [
      httpFilter(extensionNames.fault, packAny(HTTPFaultSchema, create(HTTPFaultSchema))),
      httpFilter(extensionNames.cors, packAny(CorsSchema, create(CorsSchema))),
      httpFilter(extensionNames.router, packAny(RouterSchema, create(RouterSchema))),
    ],
    useRemoteAddress: isGateway,
    streamIdleTimeout: duration(0),
    upgradeConfigs: [create(HttpConnectionManager_UpgradeConfigSchema, { upgradeType: 'websocket' })],
    ...pathNormalization(init.mesh),
    ...(isGateway && {
      serverName: 'istio-envoy',
      forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
      setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
    }),
  })
  return create(FilterSchema, {
    name: extensionNames.httpConnectionManager,
    configType: { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, message) },
  })
}

function httpFilter(name: string, config: Any): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: config } })
}

/** BASE is the default: dots resolved, slashes kept. */
function pathNormalization(mesh: MeshConfig) {
  const { KEEP_UNCHANGED, UNESCAPE_AND_FORWARD } = HttpConnectionManager_PathWithEscapedSlashesAction
  switch (mesh.pathNormalization?.normalization) {
    case 'NONE':
      return { normalizePath: false }
    case 'MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: KEEP_UNCHANGED }
    case 'DECODE_AND_MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: UNESCAPE_AND_FORWARD }
    case 'BASE':
    case 'DEFAULT':
    case undefined:
      return { normalizePath: true, pathWithEscapedSlashesAction: KEEP_UNCHANGED }
  }
}
