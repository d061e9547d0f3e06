// Lists the clusters in force, their hosts, and what was counted of each, as text and as Envoy's JSON.
import type { HostCount } from '../../telemetry/index.ts'
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { Snapshot } from '../../xds/index.ts'
import { jsonType, type Page, wantsJson } from '../page.ts'
import type { ProxyView } from '../proxy-view.ts'
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
}

interface ClusterStatus {
  readonly name: string
  readonly thresholds: readonly (readonly [priority: string, limits: Readonly<Record<string, number | undefined>>])[]
  readonly hosts: readonly Host[]
}

function* clustersOf(proxy: ProxyView): Generator<ClusterStatus> {
  const snapshot = proxy.config()?.snapshot
  if (snapshot === undefined) return
  const counts = new Map<string, Map<string, HostCount>>()
  for (const count of proxy.hosts()) {
    const hosts = counts.get(count.cluster) ?? new Map<string, HostCount>()
    counts.set(count.cluster, hosts.set(count.host, count))
  }
  for (const [name, cluster] of snapshot.clusters) {
    yield { name, thresholds: thresholdsOf(cluster), hosts: hostsOf(assignmentOf(snapshot, name, cluster), counts.get(name) ?? new Map()) }
  }
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
function hostsOf(assignment: ClusterLoadAssignment | undefined, counts: ReadonlyMap<string, HostCount>): readonly Host[] {
  const declared = (assignment?.endpoints ?? []).flatMap(({ lbEndpoints, priority, locality }) =>
    lbEndpoints.flatMap(({ hostIdentifier, loadBalancingWeight }): Host[] => {
      if (hostIdentifier.case !== 'endpoint') return []
      const address = addressText(hostIdentifier.value.address)
      const place = { region: locality?.region ?? '', zone: locality?.zone ?? '' }
      const weight = loadBalancingWeight ?? 1
      return [{ address, hostname: hostIdentifier.value.hostname, weight, priority, ...place, counts: counts.get(address) }]
    }),
  )
  const known = new Set(declared.map(({ address }) => address))
  const dialled = Array.from(counts.values())
    .filter(({ host }) => !known.has(host))
    .map((count): Host => ({ address: count.host, hostname: '', weight: 1, priority: 0, region: '', zone: '', counts: count }))
  return [...declared, ...dialled]
}

const counterNames = ['cx_connect_fail', 'cx_total', 'rq_error', 'rq_success', 'rq_timeout', 'rq_total'] as const

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

function hostLines(start: string, { counts, hostname, weight, region, zone, priority }: Host): string {
  const lines = counterNames.map((name) => `${name}::${counts?.[name] ?? 0}`)
  lines.push(`hostname::${hostname}`, 'health_flags::healthy', `weight::${weight}`, `region::${region}`, `zone::${zone}`)
  lines.push('sub_zone::', 'canary::false', `priority::${priority}`)
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

function hostJson({ address, hostname, weight, priority, counts, region, zone }: Host): object {
  return {
    address: addressTextJson(address),
    stats: counterNames.map((name) => ({ name, value: String(counts?.[name] ?? 0), type: 'COUNTER' })),
    health_status: { eds_health_status: 'HEALTHY' },
    weight,
    ...(hostname === '' ? {} : { hostname }),
    ...(priority === 0 ? {} : { priority }),
    ...(region === '' && zone === '' ? {} : { locality: { region, zone } }),
  }
}
