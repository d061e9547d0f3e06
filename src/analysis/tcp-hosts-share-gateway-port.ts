// Finds TCP hosts that share a plain gateway port, where nothing in the bytes says which of them is meant.
import type { Issue, Resource } from '../api/index.ts'
import { familyOfProtocol, parseProtocol } from '../registry/index.ts'
import { findingAt, nameOf } from './finding.ts'
import type { Leg, LegDestination } from './routes.ts'
import type { Scene } from './scene.ts'

export function findTcpHostsShareGatewayPort(scene: Scene): Issue[] {
  const firstByPort = new Map<string, LegDestination>()
  const issues: Issue[] = []
  for (const leg of scene.legs) {
    const gateway = leg.protocol === 'tcp' ? scene.gateways.get(leg.from) : undefined
    if (gateway === undefined) continue
    for (const port of tcpPorts(gateway, leg)) {
      const key = `${selectorText(gateway)} ${port}`
      const destination = leg.destinations[0]
      if (destination === undefined) continue
      const first = firstByPort.get(key)
      if (first === undefined) firstByPort.set(key, destination)
      else if (first.host !== destination.host)
        issues.push(issueOf(leg, `plain port ${port} of gateway ${nameOf(gateway)}`, first.host, destination))
    }
  }
  return issues
}

function tcpPorts(gateway: Resource<'Gateway'>, leg: Leg): number[] {
  return (gateway.spec.servers ?? [])
    .filter((server) => familyOfProtocol(parseProtocol(server.port.protocol)) === 'tcp' && server.tls === undefined)
    .map((server) => server.port.number)
    .filter((port) => leg.port === undefined || leg.port === port)
}

function selectorText(gateway: Resource<'Gateway'>): string {
  return Object.entries(gateway.spec.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',')
}

function issueOf(leg: Leg, port: string, first: string, second: LegDestination): Issue {
  return findingAt(leg.virtualService, {
    level: 'error',
    code: 'SLP1403',
    path: second.field,
    message: `${first} and ${second.host} share ${port}: nothing in the bytes says which one is meant, so both are refused (Istio sends both to ${first})`,
    fix: 'give each TCP host a gateway port of its own',
  })
}
