// The spec of Telemetry, in Istio's words, as far as it chooses access logs.

export interface AccessLogging {
  readonly match?: { readonly mode?: 'CLIENT_AND_SERVER' | 'CLIENT' | 'SERVER' }
  /** Absent: those of the resource above it, or of the mesh. */
  readonly providers?: readonly { readonly name?: string }[]
  readonly disabled?: boolean
  readonly filter?: { readonly expression?: string }
}

export interface TelemetrySpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
  readonly targetRef?: unknown
  readonly targetRefs?: readonly unknown[]
  readonly accessLogging?: readonly AccessLogging[]
  readonly metrics?: unknown
  readonly tracing?: unknown
}
