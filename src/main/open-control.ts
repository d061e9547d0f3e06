// Opens the source of a role's configuration: files, or an xDS server when one is named.
import type { ProxyOptions, RunOptions } from '../cli/index.ts'
import type { Proxy } from '../translate/index.ts'
import { ownAgent } from '../xds/index.ts'
import type { Control } from './control.ts'
import { startControl } from './control-plane.ts'

export interface OpenControl {
  readonly options: ProxyOptions & Partial<Pick<RunOptions, 'serviceAccount'>>
  readonly proxy: Proxy
  readonly sockets?: string
  readonly quiet?: boolean
  /** Without a configuration the role does not start. */
  readonly isNeeded: boolean
}

export async function openControl({ options, proxy, sockets, quiet, isNeeded }: OpenControl): Promise<Control> {
  const { xds, stateDir, serviceAccount } = options
  if (xds === undefined) {
    return startControl({ policy: options, proxy, ...(sockets !== undefined && { sockets }), ...(quiet !== undefined && { quiet }) })
  }
  const { startXdsControl } = await import('./xds-control.ts')
  const { role, namespace, name, labels } = proxy
  return startXdsControl({
    server: xds,
    node: {
      role: role === 'gateway' ? 'router' : 'sidecar',
      namespace,
      name,
      labels,
      ...(serviceAccount !== undefined && { serviceAccount }),
      agent: { name: ownAgent, version: process.env['SALLYPORT_VERSION'] ?? '0.1.0' },
    },
    isNeeded,
    ...(stateDir !== undefined && { stateDirectory: stateDir }),
  })
}
