// Says no in Envoy's own terms: what our proxy refuses because metadata tells it to, Envoy has to be given as an answer, an alert or a dead end.
import type { MessageInitShape } from '@bufbuild/protobuf'
import { reasonCodes, type ReasonCode } from '../../flow/index.ts'
import { create, extensionNames, packAny, type SallyportMetadata, writeMetadata } from '../../xds/index.ts'
import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
  FilterSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import {
  type DirectResponseAction,
  DirectResponseActionSchema,
  type Route,
  RouteSchema,
  VirtualHostSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.js'
import { HeaderValueOption_HeaderAppendAction } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.js'
import { ConfigSchema as DirectResponseSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.js'
import {
  HttpConnectionManagerSchema,
  HttpFilterSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'
import { altered } from './altered.ts'
import { requestLogs } from './access-log.ts'
import { requestId, type StockSite } from './site.ts'

/** Istio's names for nowhere, and for where a connection was dialled. */
export const blackHole = 'BlackHoleCluster'
const passthrough = 'PassthroughCluster'

/** What the HTTP inspector calls plain-text HTTP. */
const plainTextHttp = ['http/1.1', 'h2c']

/** RFC 8446 §6: a fatal alert record, as our own proxy sends it. */
const alerts = { unrecognizedName: 112, accessDenied: 49 } as const

export interface RefusingInit {
  readonly site: StockSite
  readonly strict: boolean
  /** Why, and by whom; goes into the record. */
  readonly metadata: SallyportMetadata
}

/** The chain that takes what `match` takes, and refuses it. */
export function refusingChain(
  { metadata }: Pick<RefusingInit, 'metadata'>,
  name: string,
  match: FilterChainMatch | undefined,
): FilterChain {
  return chainOf(name, match, metadata, [nowhere()])
}

/** Chains that tell clients of HTTP and TLS why; what neither of them takes is left to others. Their match narrows `match`. */
export function explainingChains(init: RefusingInit, name: string, match: FilterChainMatch | undefined): readonly FilterChain[] {
  if (!init.strict) return []
  return [httpRefusal(init, `${name}-http`, match), tlsRefusal(init, `${name}-tls`, match)]
}

export function httpRefusal(init: RefusingInit, name: string, match: FilterChainMatch | undefined): FilterChain {
  return chainOf(name, narrowed(match, { transportProtocol: 'raw_buffer', applicationProtocols: plainTextHttp }), init.metadata, [
    refusingManager(init),
  ])
}

/** Answers a ClientHello with an alert. A match that has server names takes TLS only. */
export function tlsRefusal({ metadata }: RefusingInit, name: string, match: FilterChainMatch | undefined): FilterChain {
  const hasNames = (match?.serverNames.length ?? 0) > 0
  return chainOf(name, hasNames ? match : narrowed(match, { transportProtocol: 'tls' }), metadata, [alertOf(metadata)])
}

/** TLS goes on to where it was dialled, as all does that nothing declares. */
export function passingTls(metadata: SallyportMetadata, name: string, match: FilterChainMatch | undefined): FilterChain {
  return chainOf(name, narrowed(match, { transportProtocol: 'tls' }), metadata, [straightTo(passthrough)])
}

export function narrowed(match: FilterChainMatch | undefined, more: MessageInitShape<typeof FilterChainMatchSchema>): FilterChainMatch {
  return altered(FilterChainMatchSchema, match, more)
}

/** A route's answer to a request that is refused. */
export function refusingAction(init: RefusingInit, status: number): DirectResponseAction {
  return create(DirectResponseActionSchema, {
    status,
    ...(init.strict && {
      bodyFormat: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: bodyOf(init, status) } } } },
    }),
  })
}

/** The header by which a client finds the record of its refusal, where there is one. */
export function decisionHeaders({ records }: StockSite) {
  if (records === undefined) return []
  const appendAction = HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
  return [{ header: { key: 'x-sallyport-decision', value: requestId(records) }, appendAction }]
}

function chainOf(name: string, match: FilterChainMatch | undefined, metadata: SallyportMetadata, filters: Filter[]): FilterChain {
  return create(FilterChainSchema, { name, filters, metadata: writeMetadata(metadata), ...(match && { filterChainMatch: match }) })
}

export function nowhere(): Filter {
  return straightTo(blackHole)
}

function straightTo(cluster: string): Filter {
  const message = create(TcpProxySchema, { statPrefix: cluster, clusterSpecifier: { case: 'cluster', value: cluster } })
  return create(FilterSchema, {
    name: extensionNames.tcpProxy,
    configType: { case: 'typedConfig', value: packAny(TcpProxySchema, message) },
  })
}

function alertOf({ refuse }: SallyportMetadata): Filter {
  const description = refuse === 'not-declared' || refuse === 'not-visible' ? alerts.unrecognizedName : alerts.accessDenied
  return directResponse(Uint8Array.from([21, 3, 3, 0, 2, 2, description]))
}

/** Sends the bytes and closes. */
export function directResponse(bytes: Uint8Array): Filter {
  const message = create(DirectResponseSchema, { response: { specifier: { case: 'inlineBytes', value: bytes } } })
  return create(FilterSchema, {
    name: 'envoy.filters.network.direct_response',
    configType: { case: 'typedConfig', value: packAny(DirectResponseSchema, message) },
  })
}

/** Serves HTTP to say no to every request. */
function refusingManager(init: RefusingInit): Filter {
  const metadata: Metadata = writeMetadata(init.metadata)
  const action: Route['action'] = { case: 'directResponse', value: refusingAction(init, 403) }
  const route = create(RouteSchema, { name: 'refused', match: { pathSpecifier: { case: 'prefix', value: '/' } }, action, metadata })
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: 'refused',
    routeSpecifier: {
      case: 'routeConfig',
      value: create(RouteConfigurationSchema, {
        name: 'refused',
        virtualHosts: [
          create(VirtualHostSchema, {
            name: 'refused',
            domains: ['*'],
            routes: [route],
            responseHeadersToAdd: decisionHeaders(init.site),
          }),
        ],
      }),
    },
    httpFilters: [
      create(HttpFilterSchema, {
        name: extensionNames.router,
        configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) },
      }),
    ],
    normalizePath: true,
    accessLog: requestLogs(init.site, []),
  })
  return create(FilterSchema, {
    name: extensionNames.httpConnectionManager,
    configType: { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, manager) },
  })
}

function bodyOf({ site, metadata }: RefusingInit, status: number): string {
  const { refuse = 'not-supported', refuseText } = metadata
  const lines = [
    `Sallyport refused this request (${status}).`,
    '',
    'what:     %REQ(:METHOD)% http://%REQ(:AUTHORITY)%%REQ(:PATH)%',
    'to:       %DOWNSTREAM_LOCAL_ADDRESS%',
    `why:      ${refuseText === undefined ? textOf(refuse) : escaped(refuseText)} [${refuse}]`,
    ...(metadata.name === undefined
      ? []
      : [`by:       ${escaped([metadata.kind, [metadata.namespace, metadata.name].filter(Boolean).join('/')].join(' '))}`]),
    ...(site.records === undefined ? [] : [`decision: ${requestId(site.records)}`]),
    '',
    'Retrying will not help.',
    '',
  ]
  return lines.join('\n')
}

function textOf(code: string): string {
  if (code === 'not-declared')
    return 'no ServiceEntry declares host "%REQ(:AUTHORITY)%" for HTTP here and the outbound policy is REGISTRY_ONLY'
  return Object.hasOwn(reasonCodes, code) ? reasonCodes[code as ReasonCode].text : code
}

/** A percent sign begins one of Envoy's operators. */
function escaped(text: string): string {
  return text.replaceAll('%', '%%')
}
