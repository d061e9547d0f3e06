// Says which server is looked at for what proxies are sent and have: that of `--xds`, else the API server that a kubeconfig leads to.
import type { Observed } from '../../xds/index.ts'
import { type Values, xdsAddressOf } from '../values.ts'
import { accessOf } from './open-server.ts'

/** Throws SLP6201 when there is neither. */
export function xdsTargetOf(values: Values): Observed {
  const address = xdsAddressOf(values)
  if (address !== undefined) return { address }
  const { server, authority, credential } = accessOf(values)
  const { host, port } = new URL(server)
  return { address: port === '' ? `${host}:443` : host, securedBy: { authority, credential } }
}
