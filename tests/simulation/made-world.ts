// Defines the small worlds of declarations that are made up for the simulation, and the addresses in them.
export type Host = (typeof hosts)[number]
export type PortName = keyof typeof ports
export type RulePort = 'http' | 'http-more'
export type Namespace = 'default' | 'beta'

export interface Entry {
  readonly host: Host
  readonly namespace: Namespace
  readonly ports: readonly PortName[]
  readonly resolution: 'NONE' | 'STATIC' | 'DNS'
  readonly addresses: 'none' | 'own' | 'range'
  readonly isPrivate: boolean
}

export interface Rule {
  readonly prefix?: string
  readonly header?: string
  readonly app?: string
  /** A host and a port of it, the gateway, or an answer. */
  readonly to: { readonly host: Host; readonly port: RulePort } | 'gateway' | 'answer'
}

export interface Rules {
  readonly host: Host
  readonly http: readonly Rule[]
  /** Ports whose connections go to the gateway. */
  readonly l4: readonly ('tls' | 'tcp')[]
}

export interface World {
  readonly strictness: 'strict' | 'istio'
  readonly policy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly caller: { readonly namespace: Namespace; readonly app: string }
  readonly entries: readonly Entry[]
  readonly rules: readonly Rules[]
  /** A DestinationRule for the host; `tunnel` is not carried out. */
  readonly destination?: { readonly host: Host; readonly has: 'tunnel' | 'pool' }
  readonly sidecar?: { readonly hosts: readonly string[]; readonly policy?: World['policy'] }
}

export interface MadeCall {
  readonly says: 'http' | 'tls' | 'bytes'
  /** As Host or server name. */
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly path: string
  readonly header?: string
}

export const hosts = ['a.test', 'b.test', 'x.wild.test', '*.wild.test'] as const
export const ports = { http: 80, 'http-more': 8080, tls: 443, tcp: 7000, any: 8000 } as const
export const names: Readonly<Record<string, readonly string[]>> = {
  'a.test': ['203.0.113.1'],
  'b.test': ['203.0.113.2'],
  'x.wild.test': ['203.0.113.3'],
  'y.wild.test': ['203.0.113.4'],
}
export const own: Readonly<Record<Host, string>> = {
  'a.test': '203.0.113.101',
  'b.test': '203.0.113.102',
  'x.wild.test': '203.0.113.103',
  '*.wild.test': '203.0.113.104',
}
/** By host, so that no two services have the same. */
export const range: Readonly<Record<Host, string>> = {
  'a.test': '198.51.100.16/28',
  'b.test': '198.51.100.32/28',
  'x.wild.test': '198.51.100.48/28',
  '*.wild.test': '198.51.100.64/28',
}
export const gatewayPorts = { http: 80, tls: 9443, tcp: 9700 } as const
export const gatewayHost = 'istio-egressgateway.istio-system.svc.cluster.local'

export const protocols: Readonly<Record<PortName, string | undefined>> = {
  http: 'HTTP',
  'http-more': 'HTTP',
  tls: 'TLS',
  tcp: 'TCP',
  any: undefined,
}
