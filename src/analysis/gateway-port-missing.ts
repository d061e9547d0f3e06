// Finds routes to a port that the gateway's Service does not have: they lead to a cluster that does not exist.
import type { Issue } from '../api/index.ts'
import { portOf } from '../registry/index.ts'
import { findingAt } from './finding.ts'
import type { Scene } from './scene.ts'

export function findGatewayPortMissing(scene: Scene): Issue[] {
  const seen = new Set<string>()
  return scene.legs.flatMap((leg) =>
    leg.destinations.flatMap(({ host, port, field }) => {
      if (port === undefined) return []
      const services = scene.registry.of(host)
      if (services.length === 0 || services.some((service) => portOf(service, port) !== undefined)) return []
      const key = `${leg.virtualService.hash} ${field}`
      if (seen.has(key)) return []
      seen.add(key)
      const known = services.flatMap((service) => service.ports.map(({ number }) => number))
      return [
        findingAt(leg.virtualService, {
          level: 'error',
          code: 'IST0162',
          path: `${field}.port.number`,
          message: `the route leads to port ${port} of ${host}, which has ${known.length === 0 ? 'no ports' : `only ${known.join(', ')}`}: the traffic is refused`,
          fix: `add port ${port} to the Service, or route to ${known.length === 0 ? 'a port it has' : known.join(' or ')}`,
        }),
      ]
    }),
  )
}
