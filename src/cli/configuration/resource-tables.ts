// Sets the resources of a proxy in istioctl's columns.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { at, declaredBy, isObject, listAt, textAt, textsAt } from './json-path.ts'
import type { ProxyResources, ResourceKind } from './proxy-resources.ts'

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly Row[]
}

export interface Row {
  readonly cells: readonly string[]
  /** What `--port`, `--fqdn` and `--name` look at. */
  readonly port?: string
  readonly fqdn?: string
  readonly name?: string
}

export const tables: { readonly [K in ResourceKind]: (resources: ProxyResources) => Table } = {
  clusters: ({ clusters }) => ({
    head: ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'],
    rows: sorted(clusters.map(clusterRow)),
  }),
  listeners: ({ listeners }) => ({ head: ['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'], rows: sorted(listeners.flatMap(listenerRows)) }),
  routes: ({ routes }) => ({ head: ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'], rows: routes.flatMap(routeRows) }),
  endpoints: ({ endpoints, clusters }) => ({
    head: ['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'],
    rows: sorted(
      [...endpoints, ...clusters.map((cluster) => at(cluster, 'load_assignment')).filter((one) => isObject(one))].flatMap(endpointRows),
    ),
  }),
  secrets: ({ secrets }) => ({
    head: ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'],
    rows: secrets.map(secretRow),
  }),
}

function sorted(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => compare(a.cells, b.cells))
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [i, cell] of a.entries()) {
    const other = b[i] ?? ''
    if (cell !== other) return cell < other ? -1 : 1
  }
  return 0
}

/** `outbound|443|subset|host`, as Istio names clusters; others are their name. */
function clusterRow(cluster: JsonObject): Row {
  const name = textAt(cluster, 'name')
  const parts = name.split('|')
  const [direction = '', port = '', subset = '', fqdn = ''] = parts.length === 4 ? parts : ['', '', '', name]
  const type = textAt(cluster, 'type') || textAt(cluster, 'cluster_type', 'name') || 'STATIC'
  const cells = [fqdn, port || '-', subset || '-', direction || '-', type, declaredBy(cluster, 'DestinationRule')]
  return { cells, port, fqdn, name }
}

function listenerRows(listener: JsonObject): readonly Row[] {
  const name = textAt(listener, 'name')
  const address = textAt(listener, 'address', 'socket_address', 'address') || textAt(listener, 'address', 'pipe', 'path')
  const others = listAt(listener, 'additional_addresses').map((one) => textAt(one, 'address', 'socket_address', 'address'))
  const port = textAt(listener, 'address', 'socket_address', 'port_value')
  const chains = listAt(listener, 'filter_chains')
  const fallback = at(listener, 'default_filter_chain')
  const row = (match: string, chain: JsonObject): Row => ({
    cells: [[address, ...others].join(','), port || '0', match, destinationOf(chain)],
    port,
    name,
  })
  return [
    ...chains.map((chain) => row(matchOf(at(chain, 'filter_chain_match')), chain)),
    ...(isObject(fallback) ? [row('ALL', fallback)] : []),
  ]
}

function matchOf(match: JsonValue | undefined): string {
  const prefixes = listAt(match, 'prefix_ranges').map((range) => {
    const length = at(range, 'prefix_len')
    return `${textAt(range, 'address_prefix')}${typeof length === 'number' && length !== 32 && length !== 128 ? `/${length}` : ''}`
  })
  const port = textAt(match, 'destination_port')
  const list = (label: string, values: readonly string[]): readonly string[] =>
    values.length === 0 ? [] : [`${label}: ${values.join(',')}`]
  const address =
    prefixes.length > 0 || port !== '' ? [`Addr: ${prefixes.length > 0 ? prefixes.join(',') : '*'}:${port === '' ? '*' : port}`] : []
  const transport = textAt(match, 'transport_protocol')
  const terms = [
    ...list('SNI', textsAt(match, 'server_names')),
    ...(transport === '' ? [] : [`Trans: ${transport}`]),
    ...list('App', textsAt(match, 'application_protocols')),
    ...address,
  ]
  return terms.length === 0 ? 'ALL' : terms.join('; ')
}

function destinationOf(chain: JsonObject): string {
  for (const filter of listAt(chain, 'filters')) {
    const config = at(filter, 'typed_config')
    const route = textAt(config, 'rds', 'route_config_name')
    if (route !== '') return `Route: ${route}`
    if (at(config, 'route_config') !== undefined) return `Inline Route: ${textAt(config, 'route_config', 'name')}`
    const cluster = textAt(config, 'cluster')
    if (cluster !== '') return cluster === 'PassthroughCluster' || cluster === 'BlackHoleCluster' ? cluster : `Cluster: ${cluster}`
    const weighted = listAt(config, 'weighted_clusters', 'clusters').map((one) => `${textAt(one, 'name')} (${textAt(one, 'weight')})`)
    if (weighted.length > 0) return `Cluster: ${weighted.join(', ')}`
  }
  return 'Non-HTTP/Non-TCP'
}

function routeRows(table: JsonObject): readonly Row[] {
  const name = textAt(table, 'name')
  return listAt(table, 'virtual_hosts').flatMap((host) => {
    const domains = textsAt(host, 'domains')
    const shown = domains.length > 1 ? `${domains[0] ?? ''}, + ${domains.length - 1} more...` : (domains[0] ?? '')
    return listAt(host, 'routes').map((route) => ({
      cells: [name, textAt(host, 'name'), shown, pathOf(at(route, 'match')), declaredBy(route, 'VirtualService') || answerOf(route)],
      port: /(?:^|:|_)(\d+)$/.exec(name)?.[1] ?? '',
      fqdn: domains.join(' '),
      name,
    }))
  })
}

function pathOf(match: JsonValue | undefined): string {
  const [exact, regex] = [textAt(match, 'path'), textAt(match, 'safe_regex', 'regex')]
  const separated = textAt(match, 'path_separated_prefix')
  if (exact !== '') return exact
  if (regex !== '') return `regex ${regex}`
  return separated === '' ? `${textAt(match, 'prefix')}*` : `PathPrefix:${separated}`
}

/** As istioctl writes a status instead of a declaration. */
function answerOf(route: JsonObject): string {
  return textAt(route, 'direct_response', 'status')
}

function endpointRows(assignment: JsonObject): readonly Row[] {
  const cluster = textAt(assignment, 'cluster_name')
  return listAt(assignment, 'endpoints').flatMap((locality) =>
    listAt(locality, 'lb_endpoints').map((one) => {
      const socket = at(one, 'endpoint', 'address', 'socket_address')
      const host = textAt(socket, 'address')
      const port = textAt(socket, 'port_value')
      const address =
        socket === undefined ? textAt(one, 'endpoint', 'address', 'pipe', 'path') : `${host.includes(':') ? `[${host}]` : host}:${port}`
      return {
        cells: [address, textAt(one, 'health_status') || 'HEALTHY', 'OK', cluster],
        port,
        fqdn: cluster.split('|')[3] ?? cluster,
        name: cluster,
      }
    }),
  )
}

function secretRow(secret: JsonObject): Row {
  const name = textAt(secret, 'name')
  const type = at(secret, 'validation_context') === undefined ? 'Cert Chain' : 'CA'
  return { cells: [name, type, 'ACTIVE', '-', '-', '-', '-'], name }
}
