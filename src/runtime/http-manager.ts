// Compiles an HTTP connection manager; one that protects or changes requests in a way that is not carried out is refused whole.
import { anyIs } from '@bufbuild/protobuf/wkt'
import {
  type HttpConnectionManager as HttpConnectionManagerMessage,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  type HttpFilter,
} from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import type { ClientCertDetails, CompiledHttpManager } from './compiled.ts'
import { milliseconds } from './milliseconds.ts'
import { compileRouteConfig, type CompiledRouteConfig } from './route-config.ts'

/** What decisions on requests need besides what the codec sees. */
export class HttpManager implements CompiledHttpManager {
  readonly routeConfig: string
  readonly pathNormalization: CompiledHttpManager['pathNormalization']
  readonly useRemoteAddress: boolean
  readonly serverName: string
  readonly clientCert: ClientCertDetails | undefined
  /** A route table that stands in the manager itself instead of the snapshot. */
  readonly inline: CompiledRouteConfig | undefined
  /** Milliseconds; 0 = no limit said. */
  readonly idle: number

  constructor(message: HttpConnectionManagerMessage) {
    const { routeSpecifier } = message
    this.inline = routeSpecifier.case === 'routeConfig' ? compileRouteConfig(routeSpecifier.value) : undefined
    this.routeConfig = routeSpecifier.case === 'rds' ? routeSpecifier.value.routeConfigName : (this.inline?.name ?? '')
    this.pathNormalization = pathNormalization(message)
    this.useRemoteAddress = message.useRemoteAddress ?? false
    this.serverName = message.serverName === '' ? 'envoy' : message.serverName
    this.clientCert = clientCertDetails(message)
    this.idle = message.streamIdleTimeout ? milliseconds(message.streamIdleTimeout) : 0
  }
}

/** In all other modes nothing is told: less than Envoy would. */
function clientCertDetails(message: HttpConnectionManagerMessage): ClientCertDetails | undefined {
  if (message.forwardClientCertDetails !== HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET) return undefined
  const { subject = false, uri = false, dns = false } = message.setCurrentClientCertDetails ?? {}
  return { subject, uri, dns }
}

/** What of the manager is not carried out, in words. */
export function problemOfManager(message: HttpConnectionManagerMessage): string | undefined {
  const { routeSpecifier, codecType, httpFilters } = message
  if (routeSpecifier.case !== 'rds' && routeSpecifier.case !== 'routeConfig') {
    return `taking routes from "${routeSpecifier.case ?? 'nowhere'}" is not carried out`
  }
  if (codecType === HttpConnectionManager_CodecType.HTTP2 || codecType === HttpConnectionManager_CodecType.HTTP3) {
    return `the codec ${HttpConnectionManager_CodecType[codecType]} is not carried out`
  }
  if (rejectsEscapedSlashes(message)) return 'refusing or redirecting paths with escaped slashes is not carried out'
  for (const filter of httpFilters) {
    const problem = problemOfFilter(filter)
    if (problem !== undefined) return problem
  }
  return undefined
}

const router = 'envoy.extensions.filters.http.router.v3.Router'

/** These do nothing by themselves: they act by per-route configuration, which routes are refused for, or only count. */
const idleFilters: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
  'envoy.extensions.filters.http.cors.v3.Cors',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
])
const faultFilter = 'envoy.extensions.filters.http.fault.v3.HTTPFault'

function problemOfFilter({ name, configType, disabled, isOptional }: HttpFilter): string | undefined {
  if (disabled) return undefined
  if (configType.case === 'typedConfig') {
    const { value } = configType
    if (anyIs(value, router)) return undefined
    for (const known of idleFilters) if (anyIs(value, known)) return undefined
    // Without content it delays and aborts nothing.
    if (anyIs(value, faultFilter) && value.value.length === 0) return undefined
  }
  // Envoy passes by an optional filter that it does not know.
  return isOptional ? undefined : `the HTTP filter "${name}" is not carried out`
}

function rejectsEscapedSlashes({ pathWithEscapedSlashesAction: action }: HttpConnectionManagerMessage): boolean {
  return (
    action === HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST ||
    action === HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT
  )
}

/** Istio's four settings, as it writes them: NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES. */
function pathNormalization(message: HttpConnectionManagerMessage): CompiledHttpManager['pathNormalization'] {
  const decodes = message.pathWithEscapedSlashesAction === HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD
  if (decodes) return 'decode-and-merge-slashes'
  if (message.mergeSlashes) return 'merge-slashes'
  return message.normalizePath ? 'base' : 'none'
}
