// The parts of Istio's MeshConfig and of Sallyport's own mesh-wide settings that are read, with their defaults.
import type { Origin } from './meta.ts'
import type { HttpRetry } from './virtual-service.ts'

export interface MeshConfig {
  readonly outboundTrafficPolicy?: { readonly mode?: 'ALLOW_ANY' | 'REGISTRY_ONLY' | 'ALLOW_ANY_DYNAMIC_DNS' }
  readonly rootNamespace?: string
  readonly defaultServiceExportTo?: readonly string[]
  readonly defaultVirtualServiceExportTo?: readonly string[]
  readonly defaultDestinationRuleExportTo?: readonly string[]
  readonly connectTimeout?: string
  /** For routes whose rules say nothing of retries. */
  readonly defaultHttpRetryPolicy?: HttpRetry
  readonly protocolDetectionTimeout?: string
  readonly h2UpgradePolicy?: 'DO_NOT_UPGRADE' | 'UPGRADE'
  readonly accessLogFile?: string
  readonly proxyHttpPort?: number
  readonly accessLogFormat?: string
  readonly accessLogEncoding?: 'TEXT' | 'JSON'
  readonly defaultProviders?: { readonly accessLogging?: readonly string[] }
  /** Read where a Telemetry names one. */
  readonly extensionProviders?: readonly unknown[]
  readonly pathNormalization?: { readonly normalization?: 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES' }
}

/** Key `sallyport` of the ConfigMap `istio`. */
export interface SallyportSettings {
  readonly strictness?: 'strict' | 'istio'
  readonly privateNames?: 'refuse' | 'allow'
  readonly dns?: { readonly autoAllocate?: boolean; readonly undeclared?: 'refusal-address' | 'nxdomain' }
}

/** The mesh-wide settings in force: ConfigMap `istio` of `istio-system`, a bare MeshConfig document, flags over both. */
export interface MeshSettings {
  readonly mesh: MeshConfig
  readonly sallyport: SallyportSettings
  /** Who said the outbound policy; absent when it is Istio's default. */
  readonly policyRef?: { readonly kind: string; readonly namespace: string; readonly name: string; readonly field: string }
  /** Where the document stands that `policyRef` names; its `placeOf` takes `policyRef.field`. */
  readonly origin?: Origin
  /** Settings that are understood but not carried out and that narrow or protect: whatever they govern is denied. */
  readonly unsupported?: readonly string[]
}
