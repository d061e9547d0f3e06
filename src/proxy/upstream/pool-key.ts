// Says which requests to a cluster may share a connection.
import type { CompiledCluster } from '../../runtime/index.ts'
import { hostOf } from './tls-settings.ts'

/**
 * What tells connections to one target apart: the client, where the origin was told who it is, and the host, where the certificate was
 * judged for it.
 */
export function poolKeySuffix({ proxyProtocol, tls }: CompiledCluster, authority: string, client: string): string {
  const host = tls && (tls.autoSni || tls.autoSan) ? `|${hostOf(authority)}` : ''
  return proxyProtocol ? `${host}|${client}` : host
}
