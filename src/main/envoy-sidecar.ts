// Composes a sidecar whose traffic stock Envoy carries: as root Envoy itself listens inside the seal, else our process does and passes on what it accepts.
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { type Ip, parseAddress, parseIp } from '../base/index.ts'
import type { RunOptions } from '../cli/index.ts'
import type { DnsClient } from '../dns/index.ts'
import type { Capture } from '../envoy/index.ts'
import { createDataPlane, type DataPlane, type DataPlaneOptions, relayCluster, relayJudge } from '../proxy/index.ts'
import type { Seal } from '../seal/index.ts'
import type { Control } from './control.ts'
import { startEnvoyPlane } from './envoy-plane.ts'

export interface EnvoyCarrierOptions {
  readonly options: RunOptions
  readonly control: Control
  readonly seal: Seal
  readonly nonce: string
  readonly nameOf: (ip: Ip) => string | undefined
  readonly plane: DataPlaneOptions & { readonly names: DnsClient }
}

/** Resolves when Envoy serves. */
export async function envoyCarrier(parts: EnvoyCarrierOptions): Promise<{ readonly plane: DataPlane; drain(ms: number): Promise<void> }> {
  const { options, control, seal, plane: own } = parts
  const inside = mayEnterNamespaces() ? await insideOf(parts) : undefined
  let relay = ''
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
      relay = join(folder, 'relay.sock')
      return { relay, ...(inside && { inside }) }
    },
    relay: relayCluster,
  })
  const plane = createDataPlane({ ...own, judge: relayJudge(relay), flows: envoy.flows })
  if (inside === undefined) {
    plane.adoptSidecarServer(seal.tcp4, 4)
    plane.adoptSidecarServer(seal.tcp6, 6)
  }
  return {
    plane,
    async drain(ms) {
      await plane.drain(ms)
      await envoy.drain(inside === undefined ? 0 : ms)
    },
  }
}

/** CAP_SYS_ADMIN, with which a process enters other namespaces (capabilities(7)); as an ordinary user nobody has it here. */
function mayEnterNamespaces(): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return process.getuid?.() === 0 && (BigInt(`0x${mask}`) & (1n << 21n)) !== 0n
}

/** The sockets that the capture leads to are let go of, and Envoy binds their addresses. */
async function insideOf({ seal, nonce }: EnvoyCarrierOptions): Promise<Capture['inside']> {
  const servers = [seal.tcp4, seal.tcp6].filter(({ listening }) => listening)
  const listens = servers.map(addressOf)
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))))
  const addresses = seal.probeAddresses.flatMap((text) => parseAddress(text) ?? [])
  return { namespace: seal.networkNamespace, listens, probe: { addresses, nonce } }
}

function addressOf(server: Server): { readonly ip: string; readonly port: number } {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the seal has no address to listen at')
  return { ip: address.address, port: address.port }
}
