// Composes a sidecar whose traffic stock Envoy carries: our process takes the connections inside the seal and passes them on.
import { join } from 'node:path'
import { type Ip, parseIp } from '../base/index.ts'
import type { RunOptions } from '../cli/index.ts'
import type { DnsClient } from '../dns/index.ts'
import { createDataPlane, type DataPlane, type DataPlaneOptions, relayCluster, relayJudge } from '../proxy/index.ts'
import type { Control } from './control.ts'
import { startEnvoyPlane } from './envoy-plane.ts'

export interface EnvoyCarrierOptions {
  readonly options: RunOptions
  readonly control: Control
  readonly nameOf: (ip: Ip) => string | undefined
  readonly plane: DataPlaneOptions & { readonly names: DnsClient }
}

/** Resolves when Envoy serves. */
export async function envoyCarrier(parts: EnvoyCarrierOptions): Promise<{ readonly plane: DataPlane; drain(ms: number): Promise<void> }> {
  const { options, control, plane: own } = parts
  let path = ''
  const envoy = await startEnvoyPlane({
    role: 'sidecar',
    options,
    control,
    names: own.names,
    source: own.source,
    nameOf: (text) => {
      const ip = parseIp(text)
      return ip && parts.nameOf(ip)
    },
    exposed: options.expose,
    capture(folder) {
      path = join(folder, 'relay.sock')
      return { kind: 'relay', path }
    },
    relay: relayCluster,
  })
  const plane = createDataPlane({ ...own, judge: relayJudge(path), flows: envoy.flows })
  return {
    plane,
    async drain(ms) {
      await plane.drain(ms)
      await envoy.drain(0)
    },
  }
}
