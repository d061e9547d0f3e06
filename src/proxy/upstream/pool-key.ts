// Says which requests to a cluster may share a connection.
import type { CompiledCluster, TlsPlan } from '../../runtime/index.ts'
import { hostOf } from './tls-settings.ts'

const numbers = new WeakMap<TlsPlan, number>()
let last = 0

/**
 * What tells connections to one target apart: the way in which they were made, so that none of before a change serves after it; the host,
 * where the certificate was judged for it; and the client, where the origin was told who it is.
 */
export function poolKeySuffix({ proxyProtocol, tls }: CompiledCluster, authority: string, client: string): string {
  const secure = tls ? `|tls ${numberOf(tls)}${tls.autoSni || tls.autoSan ? ` ${hostOf(authority)}` : ''}` : ''
  return proxyProtocol ? `${secure}|${proxyProtocol} ${client}` : secure
}

function numberOf(plan: TlsPlan): number {
  const known = numbers.get(plan)
  if (known !== undefined) return known
  last++
  numbers.set(plan, last)
  return last
}
