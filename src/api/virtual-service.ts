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
  readonly headers?: Headers
}

export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>
  readonly add?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

export interface Headers {
  readonly request?: HeaderOperations
  readonly response?: HeaderOperations
}

export interface Percent {
  /** 0 to 100. */
  readonly value?: number
}

export interface HttpRedirect {
  readonly uri?: string
  readonly authority?: string
  readonly port?: number
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT'
  readonly scheme?: string
  readonly redirectCode?: number
  readonly prefixRewrite?: string
}

export interface HttpDirectResponse {
  readonly status?: number
  /** `bytes` are in base64. */
  readonly body?: { readonly string?: string; readonly bytes?: string }
}

export interface Delegate {
  readonly name?: string
  readonly namespace?: string
}

export interface HttpRewrite {
  readonly uri?: string
  readonly authority?: string
  readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string }
}

export interface HttpRetry {
  readonly attempts?: number
  readonly perTryTimeout?: string
  readonly retryOn?: string
  readonly retryRemoteLocalities?: boolean
  readonly retryIgnorePreviousHosts?: boolean
  readonly backoff?: string
}

export interface HttpFault {
  readonly delay?: { readonly percentage?: Percent; readonly percent?: number; readonly fixedDelay?: string }
  readonly abort?: { readonly percentage?: Percent; readonly httpStatus?: number; readonly grpcStatus?: string }
}

export interface HttpMirror {
  readonly destination?: Destination
  readonly percentage?: Percent
}

export interface CorsPolicy {
  readonly allowOrigins?: readonly StringMatch[]
  readonly allowOrigin?: readonly string[]
  readonly allowMethods?: readonly string[]
  readonly allowHeaders?: readonly string[]
  readonly exposeHeaders?: readonly string[]
  readonly maxAge?: string
  readonly allowCredentials?: boolean
  readonly unmatchedPreflights?: 'UNSPECIFIED' | 'FORWARD' | 'IGNORE'
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
  readonly redirect?: HttpRedirect
  readonly directResponse?: HttpDirectResponse
  readonly delegate?: Delegate
  readonly rewrite?: HttpRewrite
  readonly retries?: HttpRetry
  readonly fault?: HttpFault
  readonly mirror?: Destination
  readonly mirrors?: readonly HttpMirror[]
  readonly mirrorPercentage?: Percent
  /** Deprecated for `mirrorPercentage`; `mirror_percent` is how the reference spells it. */
  readonly mirrorPercent?: number
  readonly mirror_percent?: number
  readonly corsPolicy?: CorsPolicy
  readonly headers?: Headers
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
