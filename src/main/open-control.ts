// Opens the source of a role's configuration: files, or an xDS server when one is named.
import type { ProxyOptions } from '../cli/index.ts'
import type { Proxy } from '../translate/index.ts'
import { ownAgent } from '../xds/index.ts'
import type { Control } from './control.ts'
import { startControl } from './control-plane.ts'
import { IdentitySource } from './identity-source.ts'
import { authorityDirectory } from './state-directory.ts'
import type { XdsControlOptions } from './xds-control.ts'

export interface OpenControl {
  readonly options: ProxyOptions
  readonly proxy: Proxy
  readonly sockets?: string
  readonly quiet?: boolean
  /** Without a configuration the role does not start. */
  readonly isNeeded: boolean
}

export async function openControl({ options, proxy, sockets, quiet, isNeeded }: OpenControl): Promise<Control> {
  const { stateDir, serviceAccount } = options
  const server = await serverOf(options)
  if (server === undefined) {
    const identity = new IdentitySource({
      directory: authorityDirectory(options),
      namespace: options.namespace,
      serviceAccount,
      onNote: (text) => process.stderr.write(`sallyport: ${text}\n`),
    })
    return startControl({
      policy: options,
      proxy,
      identity,
      ...(sockets !== undefined && { sockets }),
      ...(quiet !== undefined && { quiet }),
    })
  }
  const { startXdsControl } = await import('./xds-control.ts')
  const { role, namespace, name, labels } = proxy
  return startXdsControl({
    ...server,
    node: {
      role: role === 'gateway' ? 'router' : 'sidecar',
      namespace,
      name,
      labels,
      serviceAccount,
      agent: { name: ownAgent, version: process.env['SALLYPORT_VERSION'] ?? '0.1.0' },
    },
    isNeeded,
    ...(stateDir !== undefined && { stateDirectory: stateDir }),
  })
}

/** Of the configuration; undefined where that comes from files. */
async function serverOf(options: ProxyOptions): Promise<Pick<XdsControlOptions, 'server' | 'securedBy'> | undefined> {
  const { xds, join } = options
  if (join === undefined) return xds === undefined ? undefined : { server: xds }
  const { accessOf } = await import('./workload-access.ts')
  const { server, authority, credential } = await accessOf(options, join)
  const { host, port } = new URL(server)
  return { server: port === '' ? `${host}:443` : host, securedBy: { authority, credential } }
}
