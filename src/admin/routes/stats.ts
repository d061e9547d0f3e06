// Shows everything that is counted as lines of text, as JSON or in Prometheus' format, with Envoy's names where Envoy has them.
import { RE2JS } from 're2js'
import { type HostCount, type Metrics, prometheusContentType } from '../../telemetry/index.ts'
import { typeUrls } from '../../xds/index.ts'
import { jsonPage, type Page, type PageBody, type Readiness } from '../page.ts'
import type { ProxyView } from '../proxy-view.ts'

export interface StatsParts {
  readonly metrics: Pick<Metrics, 'render'>
  readonly ready: () => Readiness
  readonly proxy: ProxyView
}

interface Stat {
  readonly name: string
  readonly value: number
}

export function statsPage(parts: StatsParts): Page {
  return {
    path: '/stats',
    title: 'all counters: ?filter=REGEX, ?usedonly, ?format=json or prometheus',
    async render({ query }): Promise<PageBody> {
      const exposition = await parts.metrics.render()
      if (query.get('format') === 'prometheus') return { type: prometheusContentType, body: exposition }
      const filter = compile(query.get('filter'))
      if (typeof filter === 'string') return { status: 400, body: `filter: ${filter}\n` }
      const stats = [...serverStats(parts), ...discoveryStats(parts.proxy), ...clusterStats(parts.proxy.hosts()), ...samplesOf(exposition)]
      const wanted = stats.filter(({ name, value }) => filter(name) && (value !== 0 || !query.has('usedonly')))
      if (query.get('format') === 'json') return jsonPage({ stats: wanted })
      return { body: wanted.map(({ name, value }) => `${name}: ${value}\n`).join('') }
    },
  }
}

/** RE2, because a pattern must not be able to stop the proxy; a text is what is wrong with it. */
function compile(pattern: string | null): ((name: string) => boolean) | string {
  if (pattern === null || pattern === '') return () => true
  try {
    const compiled = RE2JS.compile(pattern)
    return (name) => compiled.matcher(name).find()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function serverStats({ ready, proxy }: StatsParts): readonly Stat[] {
  const config = proxy.config()
  const isLive = ready().ready
  const { heapTotal, heapUsed, rss } = process.memoryUsage()
  return [
    { name: 'server.live', value: isLive ? 1 : 0 },
    // Envoy's numbers: 0 LIVE, 2 PRE_INITIALIZING.
    { name: 'server.state', value: isLive ? 0 : 2 },
    { name: 'server.uptime', value: Math.floor(process.uptime()) },
    { name: 'server.memory_allocated', value: heapUsed },
    { name: 'server.memory_heap_size', value: heapTotal },
    { name: 'server.memory_physical_size', value: rss },
    { name: 'listener_manager.total_listeners_active', value: config?.snapshot.listeners.size ?? 0 },
    { name: 'cluster_manager.active_clusters', value: config?.snapshot.clusters.size ?? 0 },
    { name: 'sallyport.config_rejections', value: config?.rejected.length ?? 0 },
  ]
}

/** As Envoy names them where it counts by type; it counts route tables and endpoints one by one, and we all together. */
const discoveryNames: readonly (readonly [typeUrl: string, prefix: string])[] = [
  [typeUrls.cluster, 'cluster_manager.cds'],
  [typeUrls.listener, 'listener_manager.lds'],
  [typeUrls.route, 'sallyport.rds'],
  [typeUrls.endpoint, 'sallyport.eds'],
  [typeUrls.extension, 'sallyport.ecds'],
]

function discoveryStats(proxy: ProxyView): readonly Stat[] {
  const view = proxy.discovery()
  if (view === undefined) return []
  const { state, counts, warming } = view
  const ofTypes = discoveryNames.flatMap(([typeUrl, prefix]) => {
    const { attempts = 0, successes = 0, rejections = 0 } = counts.get(typeUrl) ?? {}
    return [
      { name: `${prefix}.update_attempt`, value: attempts },
      { name: `${prefix}.update_success`, value: successes },
      { name: `${prefix}.update_rejected`, value: rejections },
    ]
  })
  const warmingOf = (key: string): number => warming.filter((each) => each.key === key).length
  return [
    { name: 'control_plane.connected_state', value: state.isConnected ? 1 : 0 },
    { name: 'cluster_manager.warming_clusters', value: warmingOf('clusters') },
    { name: 'listener_manager.total_listeners_warming', value: warmingOf('listeners') },
    ...ofTypes,
  ]
}

/** Envoy's counters of a cluster, added up over its hosts. */
const clusterNames = {
  upstream_cx_connect_fail: 'cx_connect_fail',
  upstream_cx_total: 'cx_total',
  upstream_rq_timeout: 'rq_timeout',
  upstream_rq_total: 'rq_total',
} as const satisfies Record<string, keyof HostCount>

function clusterStats(hosts: Iterable<HostCount>): readonly Stat[] {
  const sums = new Map<string, number>()
  for (const host of hosts)
    for (const [name, field] of Object.entries(clusterNames)) {
      const key = `cluster.${host.cluster}.${name}`
      sums.set(key, (sums.get(key) ?? 0) + host[field])
    }
  return Array.from(sums, ([name, value]) => ({ name, value })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Buckets are for machines, which read Prometheus' format. */
function samplesOf(exposition: string): readonly Stat[] {
  return Array.from(exposition.matchAll(/^([a-z_]\w*(?:\{.*\})?) (\S+)$/gm), ([, name, value]) => ({
    name: name ?? '',
    value: Number(value),
  })).filter(({ name }) => !name.includes('_bucket{'))
}
