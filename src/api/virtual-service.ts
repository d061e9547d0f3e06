// The spec of VirtualService, in Istio's words; durations stay strings such as `1.5s`.

export type StringMatch = { readonly exact?: string; readonly prefix?: string; readonly regex?: string }

export interface Destination {
  readonly host: string
  readonly subset?: string
  readonly port?: { readonly number?: number }
}

export interface RouteDestination {
  readonly destination: Destination
  readonly weight?: number
  readonly headers?: unknown
}

export interface HttpMatchRequest {
  readonly name?: string
  readonly uri?: StringMatch
  readonly ignoreUriCase?: boolean
  readonly method?: StringMatch
  readonly authority?: StringMatch
  readonly scheme?: StringMatch
  readonly headers?: Readonly<Record<string, StringMatch>>
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>
  readonly queryParams?: Readonly<Record<string, StringMatch>>
  readonly port?: number
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  readonly gateways?: readonly string[]
  readonly statPrefix?: string
}

export interface HttpRoute {
  readonly name?: string
  readonly match?: readonly HttpMatchRequest[]
  readonly route?: readonly RouteDestination[]
  readonly timeout?: string
  readonly redirect?: unknown
  readonly directResponse?: unknown
  readonly delegate?: unknown
  readonly rewrite?: unknown
  readonly retries?: unknown
  readonly fault?: unknown
  readonly mirror?: unknown
  readonly mirrors?: unknown
  readonly mirrorPercentage?: unknown
  readonly mirrorPercent?: unknown
  readonly corsPolicy?: unknown
  readonly headers?: unknown
}

export interface L4MatchAttributes {
  readonly destinationSubnets?: readonly string[]
  readonly port?: number
  readonly sourceSubnet?: string
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  readonly gateways?: readonly string[]
}

export interface TlsMatchAttributes extends L4MatchAttributes {
  readonly sniHosts: readonly string[]
}

export interface TlsRoute {
  readonly match: readonly TlsMatchAttributes[]
  readonly route?: readonly RouteDestination[]
}

export interface TcpRoute {
  readonly match?: readonly L4MatchAttributes[]
  readonly route?: readonly RouteDestination[]
}

export interface VirtualServiceSpec {
  readonly hosts?: readonly string[]
  readonly gateways?: readonly string[]
  readonly http?: readonly HttpRoute[]
  readonly tls?: readonly TlsRoute[]
  readonly tcp?: readonly TcpRoute[]
  readonly exportTo?: readonly string[]
}
