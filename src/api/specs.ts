// Names the kinds that are read, with the type of each one's fields.
import type { ConfigMapSpec, NamespaceSpec, SecretSpec, ServiceSpec } from './core.ts'
import type { DestinationRuleSpec } from './destination-rule.ts'
import type { GatewaySpec } from './gateway.ts'
import type { SidecarSpec } from './sidecar.ts'
import type { ServiceEntrySpec, WorkloadEntrySpec } from './service-entry.ts'
import type { TelemetrySpec } from './telemetry.ts'
import type { VirtualServiceSpec } from './virtual-service.ts'

export interface Specs {
  readonly ServiceEntry: ServiceEntrySpec
  readonly WorkloadEntry: WorkloadEntrySpec
  readonly VirtualService: VirtualServiceSpec
  readonly DestinationRule: DestinationRuleSpec
  readonly Gateway: GatewaySpec
  readonly Sidecar: SidecarSpec
  readonly Telemetry: TelemetrySpec
  readonly Service: ServiceSpec
  readonly Namespace: NamespaceSpec
  readonly ConfigMap: ConfigMapSpec
  readonly Secret: SecretSpec
}

export type Kind = keyof Specs
export type Spec<K extends Kind> = Specs[K]
