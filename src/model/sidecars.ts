// Chooses the Sidecar that governs a workload, and holds what it says in normal form.
import type { Resource, ResourceRef, SidecarEgress } from '../api/index.ts'
import { hasLabels, parseProtocol, type Protocol, type Spelling } from '../registry/index.ts'
import { ImportedHosts } from './imported-hosts.ts'

export interface SidecarConfig {
  readonly ref: ResourceRef
  /** The same as long as the Sidecar says the same. */
  readonly source: object
  /** Listeners that connections are captured for; none of them may stand for everything. */
  readonly listeners: readonly SidecarListener[]
  /** It says nothing of what goes out: everything that is visible is seen. */
  readonly isOpen: boolean
  /** Replaces that of the mesh. */
  readonly policy: 'ALLOW_ANY' | 'REGISTRY_ONLY' | undefined
  /** Fields that are not carried out; below `spec.egress` they concern everything that goes out. */
  readonly unsupported: readonly string[]
}

export interface SidecarListener {
  readonly hosts: ImportedHosts
  /** Only services that have it are seen, and only at it. */
  readonly port: { readonly number: number; readonly protocol: Protocol } | undefined
  readonly bind: string | undefined
}

export interface Workload {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * A Sidecar with a selector comes before that of the namespace, and that before the one of the root namespace; of several the oldest
 * counts. `sidecars` are oldest first. A selector without labels chooses every workload, as in Istio.
 */
export function chooseSidecar(
  sidecars: readonly Resource<'Sidecar'>[],
  workload: Workload,
  rootNamespace: string,
): Resource<'Sidecar'> | undefined {
  const own = sidecars.filter(({ meta }) => meta.namespace === workload.namespace)
  return (
    own.find(({ spec }) => spec.workloadSelector !== undefined && hasLabels(workload.labels, spec.workloadSelector.labels ?? {})) ??
    own.find(({ spec }) => spec.workloadSelector === undefined) ??
    sidecars.find(({ meta, spec }) => meta.namespace === rootNamespace && spec.workloadSelector === undefined)
  )
}

/** `.` is the namespace of the workload, also in a Sidecar of the root namespace. */
export function sidecarConfig({ meta, spec, unsupported }: Resource<'Sidecar'>, namespace: string, spelling: Spelling): SidecarConfig {
  const { egress = [], outboundTrafficPolicy } = spec
  return {
    ref: { kind: 'Sidecar', namespace: meta.namespace, name: meta.name },
    source: spec,
    listeners: egress.filter(isCaptured).map((listener) => listenerOf(listener, namespace, spelling)),
    isOpen: egress.length === 0 || (egress.length === 1 && isEverything(egress[0])),
    policy: outboundTrafficPolicy === undefined ? undefined : (outboundTrafficPolicy.mode ?? 'REGISTRY_ONLY'),
    unsupported,
  }
}

/** The others are sockets of their own, which no captured connection reaches. */
function isCaptured({ port, captureMode }: SidecarEgress): boolean {
  return captureMode !== 'NONE' && port?.number !== 0
}

function isEverything(listener: SidecarEgress | undefined): boolean {
  if (listener === undefined || !isCaptured(listener) || listener.port !== undefined || (listener.bind ?? '') !== '') return false
  const { hosts = [] } = listener
  return hosts.includes('*/*') && !hosts.some((host) => host.startsWith('~') && !host.startsWith('~/'))
}

function listenerOf({ hosts = [], port, bind = '' }: SidecarEgress, namespace: string, spelling: Spelling): SidecarListener {
  return {
    hosts: new ImportedHosts(hosts, namespace, spelling),
    port: port === undefined ? undefined : { number: port.number ?? 0, protocol: parseProtocol(port.protocol) },
    bind: bind === '' ? undefined : bind,
  }
}
