// The specs of the core kinds that egress needs: Service, Namespace, ConfigMap and Secret, in Kubernetes' words.

export interface ServicePort {
  readonly name?: string
  readonly port: number
  /** A number, or the name of a port of the workload. */
  readonly targetPort?: number | string
  readonly protocol?: string
  readonly appProtocol?: string
}

export interface ServiceSpec {
  readonly type?: string
  readonly clusterIP?: string
  readonly clusterIPs?: readonly string[]
  readonly selector?: Readonly<Record<string, string>>
  readonly ports?: readonly ServicePort[]
  readonly externalName?: string
}

export type NamespaceSpec = Readonly<Record<string, unknown>>

export interface ConfigMapSpec {
  readonly data?: Readonly<Record<string, string>>
}

export interface SecretSpec {
  readonly type?: string
  /** Base64 by key. */
  readonly data?: Readonly<Record<string, string>>
  /** Texts by key, which count before `data`. */
  readonly stringData?: Readonly<Record<string, string>>
}
