// The spec of Gateway, in Istio's words.

export type TlsVersion = 'TLS_AUTO' | 'TLSV1_0' | 'TLSV1_1' | 'TLSV1_2' | 'TLSV1_3'

export interface ServerTls {
  readonly mode?: 'PASSTHROUGH' | 'SIMPLE' | 'MUTUAL' | 'AUTO_PASSTHROUGH' | 'ISTIO_MUTUAL' | 'OPTIONAL_MUTUAL'
  readonly httpsRedirect?: boolean
  readonly serverCertificate?: string
  readonly privateKey?: string
  readonly caCertificates?: string
  readonly caCrl?: string
  readonly credentialName?: string
  readonly subjectAltNames?: readonly string[]
  readonly minProtocolVersion?: TlsVersion
  readonly maxProtocolVersion?: TlsVersion
  readonly cipherSuites?: readonly string[]
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
