// The spec of Sidecar, in Istio's words: what goes out of the workloads that it selects.
import type { Destination } from './virtual-service.ts'

export interface SidecarPort {
  readonly number?: number
  readonly protocol?: string
  readonly name?: string
  readonly targetPort?: number
}

export interface SidecarEgress {
  /** Absent: all ports of the hosts. */
  readonly port?: SidecarPort
  readonly bind?: string
  readonly captureMode?: 'DEFAULT' | 'IPTABLES' | 'NONE'
  /** `namespace/host` */
  readonly hosts?: readonly string[]
}

export interface SidecarIngress {
  readonly port?: SidecarPort
  readonly bind?: string
  readonly defaultEndpoint?: string
  readonly tls?: unknown
  readonly connectionPool?: unknown
}

export interface SidecarSpec {
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> }
  readonly egress?: readonly SidecarEgress[]
  readonly ingress?: readonly SidecarIngress[]
  /** Present and empty is REGISTRY_ONLY, the first value of Istio's enum; absent is what the mesh says. */
  readonly outboundTrafficPolicy?: { readonly mode?: 'REGISTRY_ONLY' | 'ALLOW_ANY'; readonly egressProxy?: Destination }
  readonly inboundConnectionPool?: unknown
}
