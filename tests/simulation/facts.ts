// Boils a snapshot down to lines of text, one per chain, virtual host and cluster: the form in which recordings of real Istio are kept.
import { anyUnpack, type Duration } from '@bufbuild/protobuf/wkt'
import { extensionNames, type Snapshot } from '../../src/xds/index.ts'
import { type Cluster, Cluster_DiscoveryType } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { Address } from '../../src/xds/gen/envoy/config/core/v3/address_pb.js'
import type { ClusterLoadAssignment } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { Filter, FilterChain, FilterChainMatch } from '../../src/xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import type { Listener } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.js'
import type {
  HeaderMatcher,
  RedirectAction,
  Route,
  RouteAction,
  RouteMatch,
  VirtualHost,
} from '../../src/xds/gen/envoy/config/route/v3/route_components_pb.js'
import { HTTPFaultSchema } from '../../src/xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js'
import { HttpConnectionManagerSchema } from '../../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { policyTexts } from './cluster-facts.ts'
import { TcpProxySchema } from '../../src/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js'
import type { FractionalPercent } from '../../src/xds/gen/envoy/type/v3/percent_pb.js'

/** Sorted; listeners begin with `L`, route tables with `R`, clusters with `C`. */
export function factsOf(snapshot: Snapshot): string[] {
  return [
    ...[...snapshot.listeners.values()].flatMap(listenerLines),
    ...[...snapshot.routes.values()].flatMap((table) => table.virtualHosts.map((host) => hostLine(table.name, host))),
    ...[...snapshot.clusters.values()].map((cluster) => clusterLine(cluster, snapshot.endpoints.get(cluster.name))),
  ].sort()
}

function listenerLines(listener: Listener): string[] {
  const { name, listenerFiltersTimeout: timeout } = listener
  const inspectors = listener.listenerFilters.map((filter) => filter.name.replace('envoy.filters.listener.', ''))
  // The recordings have a time only where something is looked at.
  const waits = timeout && listener.bindToPort === false ? [`${Number(timeout.seconds) + timeout.nanos / 1e9}s`] : []
  const bound = listener.bindToPort === false ? 'by-hand-over' : 'bound'
  return [
    ['L', name, addressText(listener.address), bound, ...inspectors, ...waits].join(' '),
    ...listener.filterChains.map((chain) => `L ${name} chain ${chainText(chain)}`),
    ...(listener.defaultFilterChain ? [`L ${name} default ${chainText(listener.defaultFilterChain)}`] : []),
  ]
}

function chainText(chain: FilterChain): string {
  return [chain.name, ...matchTexts(chain.filterChainMatch), '->', target(chain.filters[0])].filter((part) => part !== '').join(' ')
}

function matchTexts(match: FilterChainMatch | undefined): string[] {
  if (match === undefined) return []
  const { destinationPort, prefixRanges, serverNames, transportProtocol, applicationProtocols } = match
  return [
    ...(destinationPort === undefined ? [] : [`port=${destinationPort}`]),
    ...(prefixRanges.length === 0 ? [] : [`prefixes=${prefixRanges.map((range) => `${range.addressPrefix}/${range.prefixLen}`).join()}`]),
    ...(serverNames.length === 0 ? [] : [`sni=${serverNames.join()}`]),
    ...(transportProtocol === '' ? [] : [`transport=${transportProtocol}`]),
    ...(applicationProtocols.length === 0 ? [] : [`alpn=${applicationProtocols.join()}`]),
  ]
}

function target(filter: Filter | undefined): string {
  const config = filter?.configType.case === 'typedConfig' ? filter.configType.value : undefined
  const tcp = config && anyUnpack(config, TcpProxySchema)
  if (tcp?.clusterSpecifier.case === 'cluster') return tcp.clusterSpecifier.value
  if (tcp?.clusterSpecifier.case === 'weightedClusters') return weights(tcp.clusterSpecifier.value.clusters)
  const http = config && anyUnpack(config, HttpConnectionManagerSchema)
  return http?.routeSpecifier.case === 'rds' ? `table ${http.routeSpecifier.value.routeConfigName}` : '?'
}

function weights(clusters: readonly { readonly name: string; readonly weight?: number | undefined }[]): string {
  return clusters.map((one) => `${one.name}*${one.weight}`).join(' ')
}

function hostLine(table: string, host: VirtualHost): string {
  return [`R ${table}`, host.name, `[${host.domains.join(' ')}]`, ...host.routes.map(routeText)].join(' | ')
}

function routeText(route: Route): string {
  return `${matchText(route.match)} -> ${[actionText(route), ...filterTexts(route), ...headerTexts(route)].join(' ')}`
}

function matchText(match: RouteMatch | undefined): string {
  const path = match?.pathSpecifier
  const value = path?.case === 'safeRegex' ? path.value.regex : path?.value
  return [`${path?.case} ${typeof value === 'string' ? value : '-'}`, ...(match?.headers ?? []).map(headerText)].join(' ')
}

/** `x-a=one`, `x-a^begins`, `x-a~expression`, `x-a?` for presence; `!` inverts, `|empty` takes a missing one as empty. */
function headerText({ name, headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty }: HeaderMatcher): string {
  const sign = invertMatch ? '!' : ''
  const missing = treatMissingHeaderAsEmpty ? '|empty' : ''
  if (specifier.case !== 'stringMatch') return `${sign}${name}?${missing}`
  const { matchPattern: pattern } = specifier.value
  const text =
    pattern.case === 'safeRegex' ? pattern.value.regex : pattern.case === 'exact' || pattern.case === 'prefix' ? pattern.value : '?'
  const how = { exact: '=', prefix: '^', safeRegex: '~' }[pattern.case as 'exact' | 'prefix' | 'safeRegex']
  return `${sign}${name}${how}${text}${missing}`
}

function actionText({ action }: Route): string {
  switch (action.case) {
    case 'directResponse':
      return `status ${action.value.status}`
    case 'redirect':
      return redirectText(action.value)
    case 'route':
      return [clusterText(action.value), ...attemptTexts(action.value)].join(' ')
    default:
      return String(action.case)
  }
}

const redirectCodes = [301, 302, 303, 307, 308]

function redirectText({ responseCode, schemeRewriteSpecifier, hostRedirect, portRedirect, pathRewriteSpecifier }: RedirectAction): string {
  const parts = {
    scheme: schemeRewriteSpecifier.case === 'schemeRedirect' ? schemeRewriteSpecifier.value : '',
    host: hostRedirect,
    port: portRedirect === 0 ? '' : String(portRedirect),
    path: pathRewriteSpecifier.case === 'pathRedirect' ? pathRewriteSpecifier.value : '',
  }
  const said = Object.entries(parts).filter(([, value]) => value !== '')
  return [`redirect ${redirectCodes[responseCode]}`, ...said.map(([name, value]) => `${name}=${value}`)].join(' ')
}

function clusterText({ clusterSpecifier: to }: RouteAction): string {
  if (to.case === 'weightedClusters') return weights(to.value.clusters)
  return to.case === 'cluster' ? to.value : String(to.case)
}

const usualRetries = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes'

/** What differs from Istio's defaults: no time-out, two retries on connection failures. */
function attemptTexts(action: RouteAction): string[] {
  const { timeout, retryPolicy, clusterSpecifier } = action
  const time = seconds(timeout)
  const times = time === '0s' ? [] : [`timeout=${time}`]
  if (clusterSpecifier.value === 'PassthroughCluster') return times
  if (!retryPolicy) return [...times, 'retry=none']
  const { retryOn, numRetries, retriableStatusCodes: codes, perTryTimeout } = retryPolicy
  const isUsual = retryOn === usualRetries && numRetries === 2 && codes.length === 0 && !perTryTimeout
  if (isUsual) return times
  return [
    ...times,
    `retry=${retryOn}*${numRetries}`,
    ...(codes.length > 0 ? [`codes=${codes.join()}`] : []),
    ...(perTryTimeout ? [`perTry=${seconds(perTryTimeout)}`] : []),
  ]
}

function filterTexts({ typedPerFilterConfig: { [extensionNames.fault]: config } }: Route): string[] {
  const fault = config && anyUnpack(config, HTTPFaultSchema)
  const { delay, abort } = fault ?? {}
  const wait = delay?.faultDelaySecifier.case === 'fixedDelay' ? seconds(delay.faultDelaySecifier.value) : '?'
  const kind = abort?.errorType
  const error = kind?.case === 'grpcStatus' ? `grpc ${kind.value}` : kind?.case === 'httpStatus' ? String(kind.value) : '?'
  return [
    ...(delay ? [`delay=${wait}@${percentText(delay.percentage)}`] : []),
    ...(abort ? [`abort=${error}@${percentText(abort.percentage)}`] : []),
  ]
}

function headerTexts({ requestHeadersToAdd }: Route): string[] {
  return requestHeadersToAdd.map(
    ({ header, appendAction }) => `request ${appendAction === 2 ? 'set' : 'add'} ${header?.key}=${header?.value}`,
  )
}

function percentText(percent: FractionalPercent | undefined): string {
  return `${((percent?.numerator ?? 0) * 100) / ([100, 10_000, 1_000_000][percent?.denominator ?? 0] ?? 100)}%`
}

function seconds(time: Duration | undefined): string {
  return `${time ? Number(time.seconds) + time.nanos / 1e9 : 0}s`
}

function clusterLine(cluster: Cluster, assignment: ClusterLoadAssignment | undefined): string {
  const type = cluster.clusterDiscoveryType
  const localities = (assignment ?? cluster.loadAssignment)?.endpoints ?? []
  const endpoints = localities.flatMap((locality) =>
    locality.lbEndpoints.map(({ hostIdentifier: host, loadBalancingWeight: weight = 1 }) => {
      const address = host.case === 'endpoint' ? addressText(host.value.address) : '?'
      return weight === 1 ? address : `${address}*${weight}`
    }),
  )
  const kind = type.case === 'clusterType' ? type.value.name : (Cluster_DiscoveryType[type.value ?? 0] ?? '?')
  return ['C', cluster.name, kind, ...endpoints.sort(), ...policyTexts(cluster)].join(' ')
}

function addressText(address: Address | undefined): string {
  const it = address?.address
  if (it?.case === 'pipe') return it.value.path
  if (it?.case !== 'socketAddress') return '?'
  const port = it.value.portSpecifier.case === 'portValue' ? it.value.portSpecifier.value : 0
  return `${it.value.address}:${port}`
}
