// The spec of DestinationRule, in Istio's words.

export interface TrafficPolicy {
  readonly loadBalancer?: unknown
  readonly connectionPool?: {
    readonly tcp?: { readonly connectTimeout?: string; readonly idleTimeout?: string; readonly [other: string]: unknown }
    readonly http?: unknown
  }
  readonly outlierDetection?: unknown
  readonly tls?: { readonly mode?: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL'; readonly [other: string]: unknown }
  readonly portLevelSettings?: readonly { readonly port?: { readonly number?: number }; readonly [other: string]: unknown }[]
  readonly tunnel?: unknown
  readonly proxyProtocol?: unknown
  readonly retryBudget?: unknown
}

export interface Subset {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly trafficPolicy?: TrafficPolicy
}

export interface DestinationRuleSpec {
  readonly host: string
  readonly trafficPolicy?: TrafficPolicy
  readonly subsets?: readonly Subset[]
  readonly exportTo?: readonly string[]
  readonly workloadSelector?: { readonly matchLabels?: Readonly<Record<string, string>> }
}
