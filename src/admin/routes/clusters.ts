// Lists the clusters in force, their hosts, and what was counted of each, as text and as Envoy's JSON.
import type { HostCount } from '../../telemetry/index.ts'
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { Snapshot } from '../../xds/index.ts'
import { jsonType, type Page, wantsJson } from '../page.ts'
import type { HostLoad, ProxyView } from '../proxy-view.ts'
import { addressText, addressTextJson } from './listeners.ts'

/** Clusters that are written in one turn of the event loop. */
const BATCH = 50

export function clustersPage(proxy: ProxyView): Page {
  return {
    path: '/clusters',
    title: 'clusters, their hosts, and what was counted of each: ?format=json',
    render(request) {
      const clusters = clustersOf(proxy)
      return wantsJson(request) ? { type: jsonType, body: writeJson(clusters) } : { body: writeText(clusters) }
    },
  }
}

interface Host {
  /** As `addressText` gives it. */
  readonly address: string
  /** Where a name is resolved for each flow. */
  readonly hostname: string
  readonly weight: number
  readonly priority: number
  readonly region: string
  readonly zone: string
  readonly counts: HostCount | undefined
  readonly load: HostLoad | undefined
}

interface ClusterStatus {
  readonly name: string
  readonly thresholds: readonly (readonly [priority: string, limits: Readonly<Record<string, number | undefined>>])[]
  readonly hosts: readonly Host[]
}

function* clustersOf(proxy: ProxyView): Generator<ClusterStatus> {
  const snapshot = proxy.config()?.snapshot
  if (snapshot === undefined) return
  const seen: Seen = { counts: byCluster(proxy.hosts()), loads: byCluster(proxy.loads()) }
  for (const [name, cluster] of snapshot.clusters) {
    yield { name, thresholds: thresholdsOf(cluster), hosts: hostsOf(assignmentOf(snapshot, name, cluster), name, seen) }
  }
}

interface Seen {
  readonly counts: ByCluster<HostCount>
  readonly loads: ByCluster<HostLoad>
}

type ByCluster<T> = ReadonlyMap<string, ReadonlyMap<string, T>>

function byCluster<T extends { readonly cluster: string; readonly host: string }>(list: Iterable<T>): ByCluster<T> {
  const clusters = new Map<string, Map<string, T>>()
  for (const one of list) {
    const hosts = clusters.get(one.cluster) ?? new Map<string, T>()
    clusters.set(one.cluster, hosts.set(one.host, one))
  }
  return clusters
}

function assignmentOf({ endpoints }: Snapshot, name: string, cluster: Cluster): ClusterLoadAssignment | undefined {
  const serviceName = cluster.edsClusterConfig?.serviceName
  return cluster.loadAssignment ?? endpoints.get(serviceName === undefined || serviceName === '' ? name : serviceName)
}

function thresholdsOf({ circuitBreakers }: Cluster): ClusterStatus['thresholds'] {
  return (circuitBreakers?.thresholds ?? []).map(({ priority, maxConnections, maxPendingRequests, maxRequests, maxRetries }) => [
    priority === 1 ? 'high' : 'default',
    { max_connections: maxConnections, max_pending_requests: maxPendingRequests, max_requests: maxRequests, max_retries: maxRetries },
  ])
}

/** Declared endpoints first; then what their names, or the clients' addresses, led to. */
function hostsOf(assignment: ClusterLoadAssignment | undefined, cluster: string, seen: Seen): readonly Host[] {
  const counts = seen.counts.get(cluster)
  const loads = seen.loads.get(cluster)
  const numbers = (address: string) => ({ counts: counts?.get(address), load: loads?.get(address) })
  const declared = (assignment?.endpoints ?? []).flatMap(({ lbEndpoints, priority, locality }) =>
    lbEndpoints.flatMap(({ hostIdentifier, loadBalancingWeight }): Host[] => {
      if (hostIdentifier.case !== 'endpoint') return []
      const address = addressText(hostIdentifier.value.address)
      const place = { region: locality?.region ?? '', zone: locality?.zone ?? '' }
      const { hostname } = hostIdentifier.value
      return [{ address, hostname, weight: loadBalancingWeight ?? 1, priority, ...place, ...numbers(address) }]
    }),
  )
  const known = new Set(declared.map(({ address }) => address))
  const dialled = [...new Set([...(counts?.keys() ?? []), ...(loads?.keys() ?? [])])]
    .filter((address) => !known.has(address))
    .map((address): Host => ({ address, hostname: '', weight: 1, priority: 0, region: '', zone: '', ...numbers(address) }))
  return [...declared, ...dialled]
}

/** Envoy's names, in its order. */
function statsOf({ counts, load }: Host): readonly (readonly [name: string, value: number, type: 'COUNTER' | 'GAUGE'])[] {
  return [
    ['cx_active', load?.connections ?? 0, 'GAUGE'],
    ['cx_connect_fail', counts?.cx_connect_fail ?? 0, 'COUNTER'],
    ['cx_total', counts?.cx_total ?? 0, 'COUNTER'],
    ['rq_active', load?.active ?? 0, 'GAUGE'],
    ['rq_error', counts?.rq_error ?? 0, 'COUNTER'],
    ['rq_success', counts?.rq_success ?? 0, 'COUNTER'],
    ['rq_timeout', counts?.rq_timeout ?? 0, 'COUNTER'],
    ['rq_total', counts?.rq_total ?? 0, 'COUNTER'],
  ]
}

async function* writeText(clusters: Iterable<ClusterStatus>): AsyncGenerator<string> {
  let text = ''
  let count = 0
  for (const { name, thresholds, hosts } of clusters) {
    text += `${name}::observability_name::${name}\n`
    for (const [priority, limits] of thresholds)
      for (const [limit, value] of Object.entries(limits))
        if (value !== undefined) text += `${name}::${priority}_priority::${limit}::${value}\n`
    text += `${name}::added_via_api::true\n`
    for (const host of hosts) text += hostLines(`${name}::${host.address}`, host)
    if (++count % BATCH > 0) continue
    yield text
    text = ''
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield text
}

function hostLines(start: string, host: Host): string {
  const { load, hostname, weight, region, zone, priority } = host
  const lines = statsOf(host).map(([name, value]) => `${name}::${value}`)
  lines.push(`hostname::${hostname}`, `health_flags::${load?.isEjected === true ? '/failed_outlier_check' : 'healthy'}`)
  lines.push(`weight::${weight}`, `region::${region}`, `zone::${zone}`, 'sub_zone::', 'canary::false', `priority::${priority}`)
  return lines.map((line) => `${start}::${line}\n`).join('')
}

async function* writeJson(clusters: Iterable<ClusterStatus>): AsyncGenerator<string> {
  yield '{\n "cluster_statuses": ['
  let count = 0
  for (const { name, thresholds, hosts } of clusters) {
    const status = {
      name,
      added_via_api: true,
      host_statuses: hosts.map(hostJson),
      ...(thresholds.length === 0 ? {} : { circuit_breakers: { thresholds: thresholds.map(([, limits]) => limits) } }),
      observability_name: name,
    }
    yield `${count === 0 ? '' : ','}\n  ${JSON.stringify(status, undefined, 1).replaceAll('\n', '\n  ')}`
    if (++count % BATCH === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  yield '\n ]\n}\n'
}

function hostJson(host: Host): object {
  const { address, hostname, weight, priority, load, region, zone } = host
  return {
    address: addressTextJson(address),
    stats: statsOf(host).map(([name, value, type]) => ({ name, value: String(value), type })),
    health_status: { eds_health_status: 'HEALTHY', ...(load?.isEjected === true && { failed_outlier_check: true }) },
    weight,
    ...(hostname === '' ? {} : { hostname }),
    ...(priority === 0 ? {} : { priority }),
    ...(region === '' && zone === '' ? {} : { locality: { region, zone } }),
  }
}
