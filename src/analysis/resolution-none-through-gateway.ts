// Finds entries of resolution NONE that are routed through a gateway, which does not know what the client dialled.
import type { Issue, Resource } from '../api/index.ts'
import { findingAt } from './finding.ts'
import type { Scene } from './scene.ts'

export function findResolutionNoneThroughGateway(scene: Scene): Issue[] {
  const routed = new Map<string, string>()
  for (const leg of scene.legs) {
    if (leg.from !== 'mesh') for (const { host } of leg.destinations) if (!routed.has(host)) routed.set(host, leg.from)
  }
  if (routed.size === 0) return []
  return scene.resources.of('ServiceEntry').flatMap((entry) => {
    if ((entry.spec.resolution ?? 'NONE') !== 'NONE') return []
    const host = entry.spec.hosts.find((name) => routed.has(name))
    return host === undefined ? [] : [issueOf(entry, host, routed.get(host) ?? '')]
  })
}

function issueOf(entry: Resource<'ServiceEntry'>, host: string, gateway: string): Issue {
  const addresses = entry.spec.addresses ?? []
  const exact = addresses.filter((address) => !address.includes('/'))
  const consequence =
    addresses.length === 1 && exact.length === 1
      ? `here the gateway dials its only address ${exact[0] ?? ''}; Istio's closes the connection`
      : addresses.length === 0
        ? 'here the gateway resolves the name itself; Istio’s has nothing to dial'
        : 'the gateway cannot tell which of its addresses was dialled and refuses'
  return findingAt(entry, {
    level: 'warning',
    code: 'SLP1402',
    path: entry.spec.resolution === undefined ? 'spec' : 'spec.resolution',
    message: `${host} has resolution NONE and is routed through gateway ${gateway}: ${consequence}`,
    fix:
      exact.length > 0
        ? `resolution: STATIC with endpoints: [${exact.map((address) => `{address: ${address}}`).join(', ')}]`
        : 'resolution: DNS',
  })
}
