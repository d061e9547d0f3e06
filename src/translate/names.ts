// Spells the names that Istio gives to clusters, listeners, route tables and virtual hosts, so that they can be compared with real ones.

export const blackHole = 'BlackHoleCluster'
export const passthrough = 'PassthroughCluster'
export const anyV4 = '0.0.0.0'
export const outboundPort = 15001

export function clusterName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`
}

export function listenerName(bind: string, port: number): string {
  return bind === anyV4 ? wildcardName(port) : `${bind}_${port}`
}

/** One text for all that meet on a port, so that it is compared in no time. */
const wildcardNames = new Map<number, string>()

function wildcardName(port: number): string {
  const name = wildcardNames.get(port) ?? `${anyV4}_${port}`
  wildcardNames.set(port, name)
  return name
}

/** Route table of a sniffed service with an address of its own. */
export function tableName(service: { readonly host: string }, port: number): string {
  return `${service.host}:${port}`
}

/** Short forms of a host of the cluster domain, as a proxy of `namespace` may write it; none for other hosts. */
export function shortForms(host: string, namespace: string): readonly string[] {
  const at = host.indexOf('.svc.cluster.local')
  if (at < 0 || !host.endsWith('.svc.cluster.local')) return []
  const dot = host.indexOf('.')
  const inner = host.slice(0, at)
  if (dot >= at || dot < 0) return []
  if (host.slice(dot + 1, at) === namespace) return [host.slice(0, dot), `${inner}.svc`, inner]
  return [inner, `${inner}.svc`]
}
