// Derives the labels of Istio's standard metrics from a flow, with the values that Istio's own proxies give for traffic that leaves the mesh.
import type { FlowRecord, FlowSource } from '../flow/index.ts'
import type { IstioLabel } from './metric-table.ts'

/** What the labels are made of; a record has it, and so has a flow that is decided but not yet closed. */
export type Labelled = Pick<FlowRecord, 'kind' | 'source' | 'verdict' | 'reason' | 'path'> &
  Partial<Pick<FlowRecord, 'by' | 'cluster' | 'host' | 'sni' | 'status' | 'flag'>>

export interface Destination {
  /** `destination_service`: the host as the client named it, else the declared one. */
  readonly service: string
  /** `destination_service_name`: the declared host, `BlackHoleCluster` or `PassthroughCluster`. */
  readonly name: string
  readonly namespace: string
  /** Whether `service` is a name that only the client chose: those are without number, and are counted in a bounded way. */
  readonly isFree: boolean
}

const unknown = 'unknown'

/** The namespace of the service that a cluster leads to; undefined when it is not known. */
export type NamespaceOf = (cluster: string) => string | undefined

export function destinationOf(flow: Labelled, namespaceOf: NamespaceOf): Destination {
  const declared = declaredDestination(flow.cluster)
  const named = flow.kind === 'request' ? flow.host : undefined
  if (declared === undefined) {
    const name = specialCluster(flow)
    return { service: named ?? name, name, namespace: unknown, isFree: named !== undefined }
  }
  const { host, name, namespace } = declared
  return {
    service: named ?? host,
    name,
    // A service belongs to the namespace that it is declared in; the rule that decided may stand in another.
    namespace: namespace ?? namespaceOf(flow.cluster ?? '') ?? (flow.by?.kind === 'ServiceEntry' ? flow.by.namespace : unknown),
    isFree: named !== undefined && named !== host,
  }
}

interface DeclaredDestination {
  readonly host: string
  readonly name: string
  readonly namespace: string | undefined
}

/** By the name of the cluster; there are as many as there are declarations, and when there are more they are made anew. */
const declaredDestinations = new Map<string, DeclaredDestination | undefined>()
const MOST_DESTINATIONS = 20_000

function declaredDestination(cluster: string | undefined): DeclaredDestination | undefined {
  if (cluster === undefined) return undefined
  const known = declaredDestinations.get(cluster)
  if (known !== undefined || declaredDestinations.has(cluster)) return known
  const host = hostOfCluster(cluster)
  const [, shortName, namespace] = (host !== undefined && servicePattern.exec(host)) || []
  const made = host === undefined ? undefined : { host, name: shortName ?? host, namespace }
  if (declaredDestinations.size >= MOST_DESTINATIONS) declaredDestinations.clear()
  declaredDestinations.set(cluster, made)
  return made
}

/** The host of `outbound|PORT|SUBSET|HOST`. */
function hostOfCluster(cluster: string): string | undefined {
  const parts = cluster.split('|')
  return parts.length === 4 && parts[3] !== '' ? parts[3] : undefined
}

// A Kubernetes service goes by its short name, as in Istio.
const servicePattern = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/

function specialCluster(flow: Labelled): string {
  if (flow.cluster === 'BlackHoleCluster' || flow.cluster === 'PassthroughCluster') return flow.cluster
  if (flow.reason.code === 'not-declared' || flow.reason.code === 'not-visible') return 'BlackHoleCluster'
  return flow.path === 'passthrough' ? 'PassthroughCluster' : unknown
}

/** All labels but `response_code` and `grpc_response_status`, which only requests have. */
export function istioLabelsOf(flow: Labelled, destination: Destination): Partial<Record<IstioLabel, string>> {
  return {
    // The client's side reports, at a sidecar's outbound listeners and at an egress gateway alike.
    reporter: 'source',
    ...sourceLabels(flow.source),
    destination_workload: unknown,
    destination_workload_namespace: unknown,
    destination_principal: unknown,
    destination_app: unknown,
    destination_version: unknown,
    destination_service: destination.service,
    destination_service_name: destination.name,
    destination_service_namespace: destination.namespace,
    destination_canonical_service: unknown,
    destination_canonical_revision: 'latest',
    destination_cluster: unknown,
    request_protocol: flow.kind === 'request' ? 'http' : 'tcp',
    response_flags: flow.flag ?? '-',
    // Only the destination's side knows it, as in Istio.
    connection_security_policy: unknown,
  }
}

/** Istio's way to the canonical service and revision (its `workload.GetCanonicalServiceName`). */
function sourceLabels(source: FlowSource): Partial<Record<IstioLabel, string>> {
  const { labels, workload } = source
  return {
    source_workload: workload || unknown,
    source_workload_namespace: source.namespace || unknown,
    source_principal: unknown,
    source_app: labels.app || unknown,
    source_version: labels.version || unknown,
    source_canonical_service:
      labels['service.istio.io/canonical-name'] || labels['app.kubernetes.io/name'] || labels.app || workload || unknown,
    source_canonical_revision:
      labels['service.istio.io/canonical-revision'] || labels['app.kubernetes.io/version'] || labels.version || 'latest',
    source_cluster: 'Kubernetes',
  }
}
