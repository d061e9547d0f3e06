// The spec of Gateway, in Istio's words.

export interface ServerTls {
  readonly mode?: 'PASSTHROUGH' | 'SIMPLE' | 'MUTUAL' | 'AUTO_PASSTHROUGH' | 'ISTIO_MUTUAL' | 'OPTIONAL_MUTUAL'
  readonly httpsRedirect?: boolean
  readonly [other: string]: unknown
}

export interface GatewayServer {
  readonly name?: string
  readonly port: { readonly number: number; readonly protocol: string; readonly name?: string; readonly targetPort?: number }
  readonly bind?: string
  readonly hosts: readonly string[]
  readonly tls?: ServerTls
  readonly defaultEndpoint?: string
}

export interface GatewaySpec {
  readonly selector?: Readonly<Record<string, string>>
  readonly servers?: readonly GatewayServer[]
}
