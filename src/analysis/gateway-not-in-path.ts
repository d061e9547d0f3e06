// Finds hosts that a Gateway names although nothing sends their traffic to it, so that nobody believes in a gateway that is not in the path.
import type { Issue, Resource } from '../api/index.ts'
import { covers } from '../registry/index.ts'
import { findingAt, nameOf } from './finding.ts'
import type { Scene } from './scene.ts'

export function findGatewayNotInPath(scene: Scene): Issue[] {
  if (scene.gateways.size === 0) return []
  return scene.resources.of('ServiceEntry').flatMap((entry) => {
    const issues: Issue[] = []
    for (const [name, gateway] of scene.gateways) {
      const missed = hostsMissed(scene, entry, gateway, name)
      if (missed.length > 0) issues.push(issueOf(entry, gateway, missed))
    }
    return issues
  })
}

/** `host:port` of the entry that the gateway has a server for, and that no mesh leg sends there. */
function hostsMissed(scene: Scene, entry: Resource<'ServiceEntry'>, gateway: Resource<'Gateway'>, gatewayName: string): string[] {
  const through = scene.gatewayHosts(gatewayName)
  return entry.spec.hosts.flatMap((host) => {
    if (through.has(host)) return []
    const served = (entry.spec.ports ?? []).filter(({ number }) => hasServer(gateway, host, number))
    return served.filter(({ number }) => !isSentTo(scene, host, number, through)).map(({ number }) => `${host}:${number}`)
  })
}

function hasServer(gateway: Resource<'Gateway'>, host: string, port: number): boolean {
  return (gateway.spec.servers ?? []).some(
    (server) => server.port.number === port && server.hosts.some((pattern) => covers(pattern.slice(pattern.indexOf('/') + 1), host)),
  )
}

function isSentTo(scene: Scene, host: string, port: number, through: ReadonlySet<string>): boolean {
  return scene.legs.some(
    (leg) =>
      leg.from === 'mesh' &&
      (leg.port === undefined || leg.port === port) &&
      leg.hosts.some((pattern) => covers(pattern, host)) &&
      leg.destinations.some((destination) => through.has(destination.host)),
  )
}

function issueOf(entry: Resource<'ServiceEntry'>, gateway: Resource<'Gateway'>, missed: readonly string[]): Issue {
  return findingAt(entry, {
    level: 'warning',
    code: 'SLP1401',
    path: 'spec.hosts[0]',
    message: `traffic to ServiceEntry ${nameOf(entry)} (${missed.join(', ')}) does not go through gateway ${nameOf(gateway)}: no VirtualService sends it there`,
    fix: `add a VirtualService for ${missed.map((item) => item.replace(/:\d+$/, '')).join(', ')} with gateways [mesh, ${gateway.meta.name}] and a route from mesh to the gateway's Service`,
  })
}
