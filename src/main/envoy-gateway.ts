// Composes a gateway whose ports stock Envoy binds and serves.
import type { Cidr } from '../base/index.ts'
import type { GatewayOptions } from '../cli/index.ts'
import type { DnsClient } from '../dns/index.ts'
import type { FlowSource } from '../flow/index.ts'
import type { DataPlane } from '../proxy/index.ts'
import type { Control } from './control.ts'
import { startEnvoyPlane } from './envoy-plane.ts'

export interface EnvoyGatewayOptions {
  readonly options: GatewayOptions
  readonly control: Control
  readonly names: DnsClient
  readonly source: Pick<FlowSource, 'namespace' | 'workload' | 'labels'>
  readonly peers: readonly Cidr[] | undefined
}

export async function envoyGateway(
  parts: EnvoyGatewayOptions,
): Promise<Pick<DataPlane, 'loads' | 'whenBound' | 'unboundListeners' | 'drain'>> {
  const { options, control, names, source, peers } = parts
  const envoy = await startEnvoyPlane({ role: 'gateway', options, control, names, source, exposed: [], ...(peers && { peers }) })
  return {
    // Envoy keeps these numbers itself.
    loads: () => [],
    whenBound: () => Promise.resolve(),
    unboundListeners: () => envoy.engine.refused(),
    drain: (ms) => envoy.drain(ms),
  }
}
